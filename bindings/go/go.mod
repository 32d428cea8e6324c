// SPDX-License-Identifier: MIT

module artfusion

go 1.19
