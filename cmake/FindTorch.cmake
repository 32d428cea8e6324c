# SPDX-License-Identifier: MIT
# libtorch, from Torch_DIR (where its TorchConfig.cmake lies) or else from the torch package in .venv,
# which is looked for at each configuration, so that an environment made anew is found.
#
# Its own configuration is not used: that of a CUDA build asks for a whole CUDA toolkit, which only
# those who compile kernels need; and it changes flags beyond its own targets.
#
# Gives TORCH_LIBRARIES (a target), TORCH_LINK_LIBRARIES (paths), TORCH_LIBRARY_DIR, TORCH_CXX_FLAGS, Torch_VERSION
# and TORCH_GRAPHS: whether it has CUDA, and CUDA's headers are there, so that CUDA graphs can be compiled.

set(torch_folder "${Torch_DIR}")
if(NOT torch_folder)
  file(GLOB torch_folder
       ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch/share/cmake/Torch)
endif()
get_filename_component(torch_root "${torch_folder}/../../.." ABSOLUTE)

find_path(torch_include torch/script.h PATHS ${torch_root}/include NO_DEFAULT_PATH NO_CACHE)
foreach(name torch torch_cpu c10 torch_cuda c10_cuda)
  find_library(torch_lib_${name} ${name} NO_DEFAULT_PATH NO_CACHE
               PATHS ${torch_root}/lib ${torch_root}/lib/${CMAKE_LIBRARY_ARCHITECTURE})
endforeach()
set(version_header ${torch_include}/torch/headeronly/version.h)
if(EXISTS ${version_header})
  foreach(part MAJOR MINOR PATCH)
    file(STRINGS ${version_header} line REGEX "^#define TORCH_VERSION_${part} ")
    string(REGEX MATCH "[0-9]+" torch_${part} "${line}")
  endforeach()
  set(Torch_VERSION ${torch_MAJOR}.${torch_MINOR}.${torch_PATCH})
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Torch
  REQUIRED_VARS torch_include torch_lib_torch torch_lib_torch_cpu torch_lib_c10
  VERSION_VAR Torch_VERSION
  REASON_FAILURE_MESSAGE
    "no libtorch 2 in '${torch_folder}'. `make setup` installs it into .venv. Or give \
-DTorch_DIR=DIR, the folder of its TorchConfig.cmake, or -DARTFUSION_ENGINE_TORCH=OFF.")

set(TORCH_LINK_LIBRARIES ${torch_lib_torch} ${torch_lib_torch_cpu} ${torch_lib_c10})
set(TORCH_GRAPHS OFF)
if(torch_lib_torch_cuda)
  list(APPEND TORCH_LINK_LIBRARIES ${torch_lib_torch_cuda} ${torch_lib_c10_cuda})
  # CUDA's headers: packages beside torch's, or a toolkit. All of them, of which nvidia-cuda-crt is the last
  # that a folder comes to have.
  file(GLOB torch_cuda_packages ${torch_root}/../nvidia/cu*/include)
  find_path(torch_cuda_include crt/host_config.h NO_CACHE
            HINTS ${torch_cuda_packages} ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
  if(torch_cuda_include)
    set(TORCH_GRAPHS ON)
  else()
    message(WARNING "libtorch has CUDA, and CUDA's headers are not there: a GPU will be used without CUDA \
graphs, which is slower. `pip install nvidia-cuda-runtime nvidia-cuda-crt` of its CUDA's release, or a toolkit in \
CUDA_HOME, brings them.")
  endif()
endif()
if(Torch_FOUND AND NOT TARGET artfusion_torch)
  add_library(artfusion_torch INTERFACE)
  target_include_directories(artfusion_torch SYSTEM INTERFACE
    ${torch_include} ${torch_include}/torch/csrc/api/include)
  target_link_libraries(artfusion_torch INTERFACE ${TORCH_LINK_LIBRARIES})
  if(TORCH_GRAPHS)
    target_include_directories(artfusion_torch SYSTEM INTERFACE ${torch_cuda_include})
  endif()
  if(torch_lib_torch_cuda) # even where no symbol of it is used: loading it registers its kernels
    target_link_libraries(artfusion_torch INTERFACE
      "-Wl,--push-state,--no-as-needed,${torch_lib_torch_cuda},${torch_lib_c10_cuda},--pop-state")
  endif()
endif()
get_filename_component(TORCH_LIBRARY_DIR "${torch_lib_torch}" DIRECTORY)
set(TORCH_LIBRARIES artfusion_torch)
set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1") # as all releases since 2.6 are built
