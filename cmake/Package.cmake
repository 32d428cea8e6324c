# SPDX-License-Identifier: MIT
# `cpack`: a tarball that can be unpacked anywhere and needs nothing but the system's libraries. libtorch is inside,
# beside the engine, unless it is itself one of them. debian/ makes Debian's packages.
set(CPACK_PACKAGE_NAME artfusion)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGE_FILE_NAME artfusion-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;Unspecified;/")
if(ARTFUSION_ENGINE_TORCH AND NOT TORCH_OF_SYSTEM)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;torch;/")
endif()
list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;copyright;/")
list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;sbom;/") # the last: it lists all else
include(cmake/SbomInstall.cmake)
# Whose each file is, in the form of Debian's that programs read.
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
 share/doc/artfusion/libtorch/licenses/third_party.

License: GPL-3+ with GCC-exception-3.1
 GNU General Public License, version 3 or, at your option, any later one, with the GCC Runtime Library Exception,
 version 3.1. On Debian systems the former's text is in /usr/share/common-licenses/GPL-3, and the latter's in
 the copyright file of the package libgomp1.")
endif()
configure_file(cmake/copyright.in copyright @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT copyright EXCLUDE_FROM_ALL)
artfusion_sbom(FILE "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}/artfusion.spdx.json"
  ROOT "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}" KIND generic COMPONENT sbom)
include(CPack)
