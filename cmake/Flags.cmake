# SPDX-License-Identifier: MIT
# artfusion_flags: how all of the project's own C is compiled.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(artfusion_flags INTERFACE)
# Resizing, schedules, solvers and random numbers give the same bits on every machine: no fused
# multiply-add that the source does not ask for.
target_compile_options(artfusion_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wformat=2 -Wvla
  -Wnull-dereference -Wstrict-prototypes -Wmissing-prototypes
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op> $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond>
  -ffp-contract=off)
if(ARTFUSION_WERROR)
  target_compile_options(artfusion_flags INTERFACE -Werror)
endif()

# Everywhere, and not in artfusion_flags alone: a sanitizer's runtime must be in the executable.
if(ARTFUSION_SANITIZE)
  add_compile_options(-fsanitize=${ARTFUSION_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ARTFUSION_SANITIZE})
endif()
