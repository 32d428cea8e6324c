# SPDX-License-Identifier: MIT
# What the Python package holds besides Python: the library, an engine for each release of torch, the
# command and the default model. pyproject.toml names the Python files and the licences.

# Wheels have no symbolic links, and nothing links this library: one file, by one name.
set_property(TARGET artfusion PROPERTY VERSION)
set_property(TARGET artfusion PROPERTY SOVERSION)
install(TARGETS artfusion LIBRARY DESTINATION artfusion)
install(TARGETS artfusion_engine_host RUNTIME DESTINATION artfusion)
# `python -m artfusion` becomes it, and says where libtorch, the engine and the model are.
set_target_properties(artfusion_command PROPERTIES INSTALL_RPATH $ORIGIN/..)
install(TARGETS artfusion_command RUNTIME DESTINATION artfusion/bin)
install(FILES models/mini.artfusion DESTINATION artfusion)

# That of the torch package which is built with, and those that scripts/build-engines.sh left in a folder.
get_directory_property(torch DIRECTORY shim DEFINITION Torch_VERSION)
install(TARGETS artfusion-engine-torch LIBRARY DESTINATION artfusion/engines/torch-${torch})
if(DEFINED ENV{ARTFUSION_ENGINES})
  file(GLOB engines $ENV{ARTFUSION_ENGINES}/torch-*)
  if(NOT engines)
    message(FATAL_ERROR "ARTFUSION_ENGINES is '$ENV{ARTFUSION_ENGINES}', where no engine is: a folder is "
                        "needed that scripts/build-engines.sh made.")
  endif()
  list(FILTER engines EXCLUDE REGEX "/torch-${torch}$")
  install(DIRECTORY ${engines} DESTINATION artfusion/engines)
endif()
# Where pip puts torch beside the package. Elsewhere Python finds libtorch and loads it first.
set(torch_beside $ORIGIN/../../../torch/lib)
set_target_properties(artfusion-engine-torch PROPERTIES INSTALL_RPATH ${torch_beside})

# What all of that is, where PEP 770 has it. pip's back end adds the Python files and the licences by itself.
file(GLOB python CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bindings/python/artfusion/*.py)
set(also "")
foreach(file ${python} ${PROJECT_SOURCE_DIR}/bindings/python/artfusion/py.typed)
  cmake_path(GET file FILENAME name)
  list(APPEND also "artfusion/${name}=${file}")
endforeach()
foreach(name LICENSE models/LICENSE-efficientnet-lite0.txt)
  list(APPEND also "artfusion-${PROJECT_VERSION}.dist-info/licenses/${name}=${PROJECT_SOURCE_DIR}/${name}")
endforeach()
include(cmake/SbomInstall.cmake)
artfusion_sbom(FILE ${SKBUILD_METADATA_DIR}/sboms/artfusion.spdx.json
  ROOT "\${CMAKE_INSTALL_PREFIX}" KIND pypi ALSO ${also})
