# SPDX-License-Identifier: MIT
# Run by an installation without libtorch: says where root makes, for everybody, an engine that loads
# its code from a folder that somebody else can replace.
function(owner_of path result)
  execute_process(COMMAND stat -c %u "${path}" OUTPUT_VARIABLE owner OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(${result} "${owner}" PARENT_SCOPE)
endfunction()

execute_process(COMMAND id -u OUTPUT_VARIABLE installer OUTPUT_STRIP_TRAILING_WHITESPACE)
file(REAL_PATH "${TORCH_LIBRARY_DIR}" folder)
while(installer STREQUAL "0")
  owner_of("${folder}" owner)
  if(NOT owner STREQUAL "0")
    message(WARNING "The engine that is installed loads libtorch from ${TORCH_LIBRARY_DIR}. User ${owner}, "
                    "who owns ${folder}, can replace it, and whoever runs the engine then runs that user's code. "
                    "`cmake --install BUILD --component torch` puts libtorch beside the engine instead.")
    break()
  endif()
  cmake_path(GET folder PARENT_PATH above)
  if(above STREQUAL folder)
    break()
  endif()
  set(folder "${above}")
endwhile()
