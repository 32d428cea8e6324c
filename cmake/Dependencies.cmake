# SPDX-License-Identifier: MIT
# The system's libraries. libtorch is found by shim/, which alone uses it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng>=1.6)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp>=1.0)
pkg_check_modules(LCMS REQUIRED IMPORTED_TARGET lcms2>=2.8)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.10)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
if(ARTFUSION_BUILD_TOOLS)
  pkg_check_modules(POPT REQUIRED IMPORTED_TARGET popt)
endif()
if(ARTFUSION_BUILD_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
