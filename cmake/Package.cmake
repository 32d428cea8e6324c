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
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A photo and a painting, and the photo in the painting's manner: as a command
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
# Debian wants the licences by this name, in one file.
file(READ LICENSE licence)
file(READ models/LICENSE-efficientnet-lite0.txt licence_weights)
file(CONFIGURE OUTPUT copyright @ONLY CONTENT
"The library, its programs and the model, except for what follows:

@licence@
The weights of the style network inside the model:

@licence_weights@")
install(FILES ${PROJECT_BINARY_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT debian EXCLUDE_FROM_ALL)
include(CPack)
