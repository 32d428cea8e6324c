# SPDX-License-Identifier: MIT
# `cpack`: a Debian package and a tarball that need nothing but the system's libraries. libtorch is inside,
# beside the engine, unless it is itself one of them: then the Debian package depends on its package.
set(CPACK_PACKAGE_NAME artfusion)
set(CPACK_PACKAGE_VENDOR "the libartfusion authors")
set(CPACK_PACKAGE_CONTACT "the libartfusion authors <artfusion@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;Unspecified;/")
if(ARTFUSION_ENGINE_TORCH AND NOT TORCH_OF_SYSTEM)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;torch;/")
endif()
list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;debian;/")
list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;sbom;/") # the last: it lists all else
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A photo and a painting, and the photo in the painting's style: as a command
and as a C library, with the engine that runs the networks on libtorch, and a
small model.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
if(TORCH_OF_SYSTEM)
  set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
else()
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${TORCH_LIBRARY_DIR})
  set(CPACK_DEBIAN_COMPRESSION_TYPE zstd) # xz takes minutes for libtorch
endif()
include(cmake/SbomInstall.cmake)
# Debian wants the licences by this name, and in a form that programs read.
function(indent result file) # as the form has texts: a space before each line, a dot on empty ones
  file(READ ${file} text)
  string(STRIP "${text}" text)
  string(REGEX REPLACE "[ \t]*\n" "\n " text " ${text}")
  string(REPLACE "\n \n" "\n .\n" text "${text}")
  string(REPLACE "\n \n" "\n .\n" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()
indent(LICENCE_EXPAT ${PROJECT_SOURCE_DIR}/LICENSE)
if(sbom_torch_licences AND NOT TORCH_OF_SYSTEM)
  set(CMAKE_INSTALL_LIBDIR_OF_PACKAGE usr/${CMAKE_INSTALL_LIBDIR})
  file(READ cmake/copyright-torch.in COPYRIGHT_TORCH)
  if(cuda_licences)
    file(READ cmake/copyright-cuda.in cuda)
    string(APPEND COPYRIGHT_TORCH "${cuda}")
  endif()
  string(CONFIGURE "${COPYRIGHT_TORCH}" COPYRIGHT_TORCH @ONLY)
  indent(licence ${sbom_torch_licences}/LICENSE)
  set(LICENCE_TORCH "
License: BSD-3-Clause
${licence}

License: libtorch-parts
 libtorch is made of parts that others hold the rights to. Each one's licence is in a file of its own, in
 /usr/share/doc/artfusion/libtorch/licenses/third_party.

License: GPL-3+ with GCC-exception-3.1
 GNU General Public License, version 3 or, at your option, any later one, with the GCC Runtime Library Exception,
 version 3.1. On Debian systems the former's text is in /usr/share/common-licenses/GPL-3, and the latter's in
 the copyright file of the package libgomp1.")
endif()
configure_file(cmake/copyright.in copyright @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT debian EXCLUDE_FROM_ALL)
# The root of the package is above the prefix.
string(REGEX REPLACE "[^/]+" ".." up "${CPACK_PACKAGING_INSTALL_PREFIX}")
artfusion_sbom(
  FILE "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}/artfusion.spdx.json"
  ROOT "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}${up}" KIND generic COMPONENT sbom)
include(CPack)
