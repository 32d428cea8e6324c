# SPDX-License-Identifier: MIT
# artfusion_flags: how all of the project's own C is compiled. artfusion_hardening: how the C++ is too.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# What is built to be installed does not say where it was: not in messages, not in debug information. The same
# source, compiler and libraries give the same bytes in any folder (rules/reproducible). Debug builds keep whole
# paths, by which debuggers and reports of coverage find the source.
check_c_compiler_flag(-ffile-prefix-map=/a=b artfusion_has_prefix_map)
function(artfusion_hide_folder folder name)
  if(artfusion_has_prefix_map AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    add_compile_options("-ffile-prefix-map=${folder}=${name}")
  endif()
endfunction()
# The later one counts where both fit: a build's folder lies within the source's, or anywhere.
artfusion_hide_folder(${PROJECT_SOURCE_DIR} .)
artfusion_hide_folder(${PROJECT_BINARY_DIR} build)

add_library(artfusion_flags INTERFACE)
# Resizing, schedules, solvers and random numbers give the same bits on every machine: no fused
# multiply-add that the source does not ask for, and no x87, whose results are wider than their types:
# math/box_muller.c refuses to be compiled otherwise.
check_c_source_compiles("#ifndef __i386__\n#error\n#endif\nint main(void) { return 0; }" artfusion_is_i386)
if(artfusion_is_i386)
  target_compile_options(artfusion_flags INTERFACE -msse2 -mfpmath=sse)
endif()
target_compile_options(artfusion_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wformat=2 -Wvla
  -Wnull-dereference $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op> $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond>
  -ffp-contract=off)
if(MINGW) # printf as C17 has it; and its isinf and isfinite are macros that convert
  target_compile_definitions(artfusion_flags INTERFACE __USE_MINGW_ANSI_STDIO=1)
  target_compile_options(artfusion_flags INTERFACE -Wno-float-conversion)
endif()
if(ARTFUSION_WERROR)
  target_compile_options(artfusion_flags INTERFACE -Werror)
endif()

# rules/hardening looks for each of them in what was built.
add_library(artfusion_hardening INTERFACE)
if(ARTFUSION_HARDENING)
  set(flags -fstack-protector-strong -fcf-protection) # the last: x86
  if(NOT WIN32) # which touches each page of the stack anyhow, and where GCC stops at it
    list(APPEND flags -fstack-clash-protection)
  endif()
  foreach(flag IN LISTS flags)
    string(MAKE_C_IDENTIFIER "artfusion_has${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      target_compile_options(artfusion_hardening INTERFACE ${flag})
    endif()
  endforeach()
  # glibc's checked functions, which need an optimiser and have no place beside a sanitizer's own. An
  # older pair of compiler and glibc has level 2. -U: distributions define it by themselves.
  if(NOT ARTFUSION_SANITIZE)
    set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    check_c_source_compiles("#include <string.h>\nint main(void) { return 0; }" artfusion_has_fortify_3)
    unset(CMAKE_REQUIRED_FLAGS)
    target_compile_options(artfusion_hardening INTERFACE
      "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=$<IF:$<BOOL:${artfusion_has_fortify_3}>,3,2>>")
  endif()
  # Bounds of standard containers; what is hot goes through pointers.
  target_compile_definitions(artfusion_hardening INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ASSERTIONS>)
  # All symbols are bound when a file is loaded, as the core loads the engine anyhow, and tables of
  # their addresses are read-only from then on; no page is both written and executed.
  if(MINGW) # where what checks stacks and sizes is a library of its own
    target_link_libraries(artfusion_hardening INTERFACE ssp)
  endif()
  if(NOT WIN32 AND NOT APPLE) # whose linkers do so by themselves
    target_link_options(artfusion_hardening INTERFACE
      LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack LINKER:-z,text)
  endif()
  check_pie_supported(LANGUAGES C)
endif()
target_link_libraries(artfusion_flags INTERFACE artfusion_hardening)

# Everywhere, and not in artfusion_flags alone: a sanitizer's runtime must be in the executable.
if(ARTFUSION_SANITIZE)
  add_compile_options(-fsanitize=${ARTFUSION_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ARTFUSION_SANITIZE})
endif()
