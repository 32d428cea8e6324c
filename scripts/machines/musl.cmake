# SPDX-License-Identifier: MIT
# Debian's musl by its wrapper of gcc, and what scripts/machines/musl-libraries.sh built with it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CXX_COMPILER CMAKE_CXX_COMPILER-NOTFOUND) # the wrapper is for C alone
set(CMAKE_FIND_ROOT_PATH ${CMAKE_CURRENT_LIST_DIR}/../../build/machines/musl)
# The kernel's headers are there, which the wrapper leaves out.
set(CMAKE_C_FLAGS_INIT "-isystem ${CMAKE_FIND_ROOT_PATH}/include")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
