# SPDX-License-Identifier: MIT
# Libraries, headers, engine, command, model and licences, and how pkg-config and CMake find them.
# What is installed can be moved as a whole.
include(CMakePackageConfigHelpers)

set(private ${CMAKE_INSTALL_LIBDIR}/artfusion) # what nobody links

# One run path, in the build tree and installed. Where CMake is to change it at installation it ends the
# build tree's with an empty element, which is the current folder: libraries would be loaded from there.
foreach(target artfusion_command artfusion-engine-torch)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES BUILD_WITH_INSTALL_RPATH ON)
  endif()
endforeach()

install(TARGETS artfusion EXPORT artfusionTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET artfusion_engine_host)
  install(TARGETS artfusion_engine_host RUNTIME DESTINATION ${private})
endif()
install(FILES include/artfusion.h include/artfusion.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(ARTFUSION_ENGINE_TORCH)
  foreach(variable TORCH_LIBRARY_DIR TORCH_LINK_LIBRARIES TORCH_OF_SYSTEM)
    get_directory_property(${variable} DIRECTORY shim DEFINITION ${variable})
  endforeach()
endif()
if(ARTFUSION_ENGINE_TORCH AND TORCH_OF_SYSTEM) # found by the loader, and packaged by the distribution
  install(TARGETS artfusion-engine-torch LIBRARY DESTINATION ${private})
elseif(ARTFUSION_ENGINE_TORCH)
  install(TARGETS artfusion-engine-torch RUNTIME_DEPENDENCY_SET torch
          LIBRARY DESTINATION ${private})
  # Given here, since CMake by itself drops a path inside the source tree, as that of .venv.
  set_target_properties(artfusion-engine-torch PROPERTIES INSTALL_RPATH "${TORCH_LIBRARY_DIR}")

  # On demand, `cmake --install BUILD --component torch`: libtorch's libraries beside the engine, which
  # then looks there alone. Packages have it.
  install(RUNTIME_DEPENDENCY_SET torch
          DIRECTORIES ${TORCH_LIBRARY_DIR}
          POST_INCLUDE_REGEXES "^${TORCH_LIBRARY_DIR}/" POST_EXCLUDE_REGEXES "."
          LIBRARY DESTINATION ${private} COMPONENT torch EXCLUDE_FROM_ALL)
  file(GLOB torch_licences ${TORCH_LIBRARY_DIR}/../../torch-*.dist-info/licenses)
  install(DIRECTORY ${torch_licences} DESTINATION ${CMAKE_INSTALL_DOCDIR}/libtorch
          COMPONENT torch EXCLUDE_FROM_ALL)
  # NVIDIA's, if libtorch is for CUDA: a package each.
  set(cuda_licences "")
  if(EXISTS ${TORCH_LIBRARY_DIR}/libtorch_cuda.so)
    file(GLOB cuda_licences ${TORCH_LIBRARY_DIR}/../../nvidia_*.dist-info/licenses/License.txt)
  endif()
  foreach(licence IN LISTS cuda_licences)
    string(REGEX REPLACE ".*/(nvidia_[^-/]*)-[^/]*/licenses/[^/]*$" "\\1.txt" name ${licence})
    install(FILES ${licence} DESTINATION ${CMAKE_INSTALL_DOCDIR}/cuda RENAME ${name}
            COMPONENT torch EXCLUDE_FROM_ALL)
  endforeach()
  install(CODE "file(RPATH_SET NEW_RPATH [[$ORIGIN]] FILE
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${private}/$<TARGET_FILE_NAME:artfusion-engine-torch>\")"
    COMPONENT torch EXCLUDE_FROM_ALL)
  install(CODE "set(TORCH_LIBRARY_DIR [[${TORCH_LIBRARY_DIR}]])")
  install(SCRIPT cmake/torch-owner.cmake)
endif()
if(ARTFUSION_BUILD_TOOLS)
  install(TARGETS artfusion_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES tools/artfusion.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES tools/completion/artfusion.bash RENAME artfusion
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
install(FILES models/mini.artfusion DESTINATION ${CMAKE_INSTALL_DATADIR}/artfusion)
install(FILES LICENSE models/LICENSE-efficientnet-lite0.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})

file(RELATIVE_PATH PC_TO_PREFIX ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/artfusion.pc.in artfusion.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/artfusion.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/artfusion)
install(EXPORT artfusionTargets NAMESPACE artfusion:: DESTINATION ${package})
if(ARTFUSION_BUILD_STATIC) # left out of packages: it names the libtorch of this machine
  set(static_targets artfusion_static)
  if(ARTFUSION_ENGINE_TORCH)
    list(APPEND static_targets artfusion-engine-torch-static)
    list(TRANSFORM TORCH_LINK_LIBRARIES REPLACE ".*/lib([^/]+)\\.so$" "-l\\1" OUTPUT_VARIABLE names)
    list(JOIN names " " names)
    set(PC_ENGINE "-Wl,-u,artfusion_engine_v1 -l:libartfusion-engine-torch.a -L${TORCH_LIBRARY_DIR} \
-Wl,-rpath,${TORCH_LIBRARY_DIR} ${names} -lstdc++ ")
  endif()
  install(TARGETS ${static_targets} EXPORT artfusionStaticTargets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT static)
  install(EXPORT artfusionStaticTargets NAMESPACE artfusion:: DESTINATION ${package}
          COMPONENT static)
  configure_file(cmake/artfusion-static.pc.in artfusion-static.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/artfusion-static.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT static)
endif()
set(MODEL_DIR ${CMAKE_INSTALL_DATADIR}/artfusion)
configure_package_config_file(cmake/artfusionConfig.cmake.in artfusionConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS MODEL_DIR)
write_basic_package_version_file(artfusionConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/artfusionConfig.cmake
              ${PROJECT_BINARY_DIR}/artfusionConfigVersion.cmake DESTINATION ${package})
