# SPDX-License-Identifier: MIT
# Library, header, engine, command, model and licences, and how pkg-config and CMake find them. What
# is installed can be moved as a whole.
include(CMakePackageConfigHelpers)

install(TARGETS artfusion EXPORT artfusionTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/artfusion.h include/artfusion.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(ARTFUSION_ENGINE_TORCH)
  # Given here, since CMake by itself drops a path inside the source tree, as that of .venv.
  get_directory_property(torch_libraries DIRECTORY shim DEFINITION TORCH_LIBRARY_DIR)
  set_target_properties(artfusion-engine-torch PROPERTIES INSTALL_RPATH "${torch_libraries}")
  install(TARGETS artfusion-engine-torch LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(ARTFUSION_BUILD_TOOLS)
  install(TARGETS artfusion_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES models/mini.artfusion DESTINATION ${CMAKE_INSTALL_DATADIR}/artfusion)
install(FILES LICENSE models/LICENSE-efficientnet-lite0.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})

file(RELATIVE_PATH PC_TO_PREFIX ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/artfusion.pc.in artfusion.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/artfusion.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/artfusion)
install(EXPORT artfusionTargets NAMESPACE artfusion:: DESTINATION ${package})
configure_package_config_file(cmake/artfusionConfig.cmake.in artfusionConfig.cmake
  INSTALL_DESTINATION ${package})
# Before 1.0 a minor release may break the ABI: docs/abi.md.
write_basic_package_version_file(artfusionConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/artfusionConfig.cmake
              ${PROJECT_BINARY_DIR}/artfusionConfigVersion.cmake DESTINATION ${package})
