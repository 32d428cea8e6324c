# SPDX-License-Identifier: MIT
# artfusion_sbom(FILE name ROOT folder KIND kind [ALSO pairs] [COMPONENT name]): an installation that ends with the
# package's SPDX document, by cmake/Sbom.cmake. FILE and ROOT may name ${CMAKE_INSTALL_PREFIX}, escaped.
#
# What the document needs to know of the build is left in sbom-settings.cmake in the build's folder, for packages that
# are changed after the installation (scripts/wheel.py, debian/rules):
#   cmake -DSBOM_SETTINGS=BUILD/sbom-settings.cmake -DSBOM_FILE=FILE -DSBOM_ROOT=FOLDER -DSBOM_KIND=KIND -P cmake/Sbom.cmake

find_program(CMAKE_READELF readelf REQUIRED)
set(sbom_releases libpng=${PNG_VERSION} libjpeg-turbo=${JPEG_VERSION} libwebp=${WEBP_VERSION} lcms2=${LCMS_VERSION}
    jansson=${JANSSON_VERSION} openssl=${CRYPTO_VERSION} zlib=${ZLIB_VERSION} popt=${POPT_VERSION})
set(sbom_torch_licences "")
set(sbom_torch_version "")
if(ARTFUSION_ENGINE_TORCH)
  get_directory_property(folder DIRECTORY shim DEFINITION TORCH_LIBRARY_DIR)
  get_directory_property(sbom_torch_version DIRECTORY shim DEFINITION Torch_VERSION)
  file(GLOB installed ${folder}/../../torch-*.dist-info) # which says of which build it is
  if(installed MATCHES "/torch-([^/;]*)[.]dist-info$")
    set(sbom_torch_version ${CMAKE_MATCH_1})
    set(sbom_torch_licences ${installed}/licenses)
  endif()
endif()
# glibc's by its own word, GCC's libraries by the compiler's: where no package system tells.
execute_process(COMMAND getconf GNU_LIBC_VERSION OUTPUT_VARIABLE libc OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(REGEX REPLACE "^glibc " "glibc=" libc "${libc}")
list(APPEND sbom_releases ${libc} torch=${sbom_torch_version})
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  list(APPEND sbom_releases gcc-runtime=${CMAKE_C_COMPILER_VERSION})
endif()

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/sbom-settings.cmake @ONLY CONTENT [==[
set(SBOM_VERSION @PROJECT_VERSION@)
set(SBOM_RELEASES "@sbom_releases@")
set(SBOM_TORCH_VERSION "@sbom_torch_version@")
set(SBOM_TORCH_NOTICES "@sbom_torch_licences@/third_party")
set(SBOM_READELF "@CMAKE_READELF@")
set(SBOM_COMPILER "@CMAKE_C_COMPILER@")
]==])

function(artfusion_sbom)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "FILE;ROOT;KIND;COMPONENT" "ALSO")
  set(component)
  if(arg_COMPONENT)
    set(component COMPONENT ${arg_COMPONENT} EXCLUDE_FROM_ALL)
  endif()
  install(CODE "
    set(SBOM_SETTINGS [==[${PROJECT_BINARY_DIR}/sbom-settings.cmake]==])
    set(SBOM_FILE \"${arg_FILE}\")
    set(SBOM_ROOT \"${arg_ROOT}\")
    set(SBOM_KIND ${arg_KIND})
    set(SBOM_ALSO [==[${arg_ALSO}]==])"
    ${component})
  install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/Sbom.cmake ${component})
endfunction()
