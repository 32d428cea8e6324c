# SPDX-License-Identifier: MIT
# Every failure, in turn. The core and the command are linked in, so that what they ask of the
# system can be interposed by --wrap; malloc and its kin are for the whole program.
get_target_property(command_sources artfusion_command SOURCES)
list(TRANSFORM command_sources PREPEND ${PROJECT_SOURCE_DIR}/tools/)
add_library(fault_command STATIC ${command_sources})
target_compile_definitions(fault_command PRIVATE main=artfusion_command_main)
target_include_directories(fault_command PRIVATE ${PROJECT_SOURCE_DIR}/include)
# Its main has become a function, which no header declares.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tools/main.c PROPERTIES
  COMPILE_OPTIONS -Wno-missing-prototypes)
target_link_libraries(fault_command
  PUBLIC PkgConfig::POPT PkgConfig::JANSSON PRIVATE artfusion_flags)

# The C library's own malloc is called by the names that glibc has for it.
include(CheckSymbolExists)
check_symbol_exists(__GLIBC__ features.h artfusion_has_glibc)
if(NOT artfusion_has_glibc)
  message(STATUS "test_faults is left out: it needs glibc")
  return()
endif()
file(GLOB fault_sources CONFIGURE_DEPENDS faults/*.c)
add_executable(test_faults ${fault_sources})
target_compile_definitions(test_faults PRIVATE
  FAULTS_HEADER="${PROJECT_SOURCE_DIR}/include/artfusion.h"
  FAULTS_COMMANDS="${PROJECT_SOURCE_DIR}/tools/commands.h")
target_link_libraries(test_faults PRIVATE
  test_support fault_command artfusion_internal artfusion_flags)

file(READ faults/inject.h interposed)
string(REGEX MATCHALL " X\\([a-z_]+\\)" wrapped "${interposed}")
list(TRANSFORM wrapped REPLACE " X\\((.*)\\)" "LINKER:--wrap=\\1")
target_link_options(test_faults PRIVATE ${wrapped}
  LINKER:--wrap=__read_chk,--wrap=__pread_chk,--wrap=__realpath_chk)

set_target_properties(test_faults PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
add_test(NAME c/test_faults COMMAND test_faults WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(c/test_faults PROPERTIES LABELS c TIMEOUT 900 ENVIRONMENT "${environment}")

# The libtorch engine, for tests/python/engine_faults.py: allocations fail by way of LD_PRELOAD.
if(ARTFUSION_ENGINE_TORCH)
  add_library(fault_preload MODULE faults/preload/preload.c)
  target_link_libraries(fault_preload PRIVATE artfusion_flags)
  set_target_properties(fault_preload PROPERTIES
    C_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  add_executable(engine_faults faults/preload/engine_faults.c)
  target_link_libraries(engine_faults PRIVATE artfusion artfusion_flags ${CMAKE_DL_LIBS})
  set_target_properties(engine_faults PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  list(APPEND environment
       ARTFUSION_FAULTS_PRELOAD=$<TARGET_FILE:fault_preload>
       ARTFUSION_FAULTS_ENGINE=$<TARGET_FILE:engine_faults>)
endif()
