// SPDX-License-Identifier: MIT

module artfusion.example/libartfusion/bindings/go

go 1.19
