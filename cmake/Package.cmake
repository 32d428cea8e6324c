# SPDX-License-Identifier: MIT
# `cpack`: a Debian package and a tarball that need nothing but the system's libraries, libtorch being
# inside, beside the engine.
set(CPACK_PACKAGE_NAME artfusion)
set(CPACK_PACKAGE_VENDOR "the libartfusion authors")
set(CPACK_PACKAGE_CONTACT "the libartfusion authors <artfusion@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;Unspecified;/")
if(ARTFUSION_ENGINE_TORCH)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};artfusion;torch;/")
endif()
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd) # xz takes minutes for libtorch
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${TORCH_LIBRARY_DIR})
include(CPack)
