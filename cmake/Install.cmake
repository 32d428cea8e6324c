# SPDX-License-Identifier: MIT
# Library, header, engine, command and model. What is installed can be moved as a whole.

install(TARGETS artfusion LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/artfusion.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
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

file(RELATIVE_PATH PC_TO_PREFIX ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/artfusion.pc.in artfusion.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/artfusion.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
