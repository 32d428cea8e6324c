# SPDX-License-Identifier: MIT
# libtorch, from Torch_DIR (where its TorchConfig.cmake lies) or else from the torch package in .venv,
# which is looked for at each configuration, so that an environment made anew is found.
#
# Its own configuration is not used: that of a CUDA build asks for a whole CUDA toolkit, which only
# those who compile kernels need; and it changes flags beyond its own targets.
#
# Gives TORCH_LIBRARIES (a target), TORCH_LINK_LIBRARIES (paths), TORCH_LIBRARY_DIR, TORCH_INCLUDE_DIR,
# TORCH_CXX_FLAGS, Torch_VERSION,
# TORCH_GRAPHS: whether it has CUDA, and CUDA's headers are there, so that CUDA graphs can be compiled,
# and TORCH_OF_SYSTEM: whether its libraries are where the loader looks by itself, as a distribution's are.

set(torch_folder "${Torch_DIR}")
if(NOT torch_folder)
  file(GLOB torch_folder
       ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch/share/cmake/Torch)
endif()
get_filename_component(torch_folder "${torch_folder}" ABSOLUTE)

# Headers and libraries are in `include` and `lib` of a folder above: three up in PyTorch's own builds (share/
# cmake/Torch), four in Debian's (lib/TRIPLE/cmake/Torch). Where they are apart from it, as in Nix, the file that
# names the libraries has their whole paths.
set(torch_roots)
set(torch_library_folders)
if(EXISTS "${torch_folder}/TorchConfig.cmake")
  set(folder "${torch_folder}")
  foreach(up RANGE 1 4)
    get_filename_component(folder "${folder}" DIRECTORY)
    list(APPEND torch_roots "${folder}")
  endforeach()
  file(GLOB targets "${torch_folder}/../Caffe2/Caffe2Targets-*.cmake")
  foreach(file IN LISTS targets)
    file(STRINGS "${file}" locations REGEX "IMPORTED_LOCATION[^ ]* \"/")
    foreach(line IN LISTS locations)
      string(REGEX REPLACE ".*\"(/.*)/[^/]*\".*" "\\1" folder "${line}")
      list(APPEND torch_library_folders "${folder}")
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES torch_library_folders)
endif()
list(TRANSFORM torch_roots APPEND /include OUTPUT_VARIABLE torch_include_folders)
foreach(root IN LISTS torch_roots)
  list(APPEND torch_library_folders "${root}/lib" "${root}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
endforeach()

find_path(torch_include torch/script.h PATHS ${torch_include_folders} NO_DEFAULT_PATH NO_CACHE)
foreach(name torch torch_cpu c10 torch_cuda c10_cuda)
  find_library(torch_lib_${name} ${name} PATHS ${torch_library_folders} NO_DEFAULT_PATH NO_CACHE)
endforeach()
foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h) # the latter up to 2.9
  if(torch_include AND NOT Torch_VERSION AND EXISTS ${torch_include}/${header})
    foreach(part MAJOR MINOR PATCH)
      file(STRINGS ${torch_include}/${header} line REGEX "^#define TORCH_VERSION_${part} ")
      string(REGEX MATCH "[0-9]+" torch_${part} "${line}")
    endforeach()
    set(Torch_VERSION ${torch_MAJOR}.${torch_MINOR}.${torch_PATCH})
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Torch
  REQUIRED_VARS torch_include torch_lib_torch torch_lib_torch_cpu torch_lib_c10
  VERSION_VAR Torch_VERSION
  REASON_FAILURE_MESSAGE
    "no libtorch 2 in '${torch_folder}'. `make setup` installs it into .venv. Or give \
-DTorch_DIR=DIR, the folder of its TorchConfig.cmake, or -DARTFUSION_ENGINE_TORCH=OFF.")

if(NOT ARTFUSION_CUDA)
  unset(torch_lib_torch_cuda)
  unset(torch_lib_c10_cuda)
endif()
set(TORCH_INCLUDE_DIR ${torch_include})
set(TORCH_LINK_LIBRARIES ${torch_lib_torch} ${torch_lib_torch_cpu} ${torch_lib_c10})
set(TORCH_GRAPHS OFF)
if(torch_lib_torch_cuda)
  list(APPEND TORCH_LINK_LIBRARIES ${torch_lib_torch_cuda} ${torch_lib_c10_cuda})
  # CUDA's headers: packages beside torch's, or a toolkit. Of the packages all, since nvidia-cuda-crt may be there
  # alone, where torch's build is for another CUDA.
  get_filename_component(torch_packages "${torch_include}/../.." ABSOLUTE)
  file(GLOB torch_cuda_packages ${torch_packages}/nvidia/cu*/include/cuda_runtime_api.h)
  list(TRANSFORM torch_cuda_packages REPLACE "/cuda_runtime_api.h$" "")
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
set(TORCH_OF_SYSTEM OFF)
if(TORCH_LIBRARY_DIR IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
  set(TORCH_OF_SYSTEM ON)
endif()
set(TORCH_LIBRARIES artfusion_torch)

# Which std::string it was built with: the older one in torch packages before 2.7.
set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1")
if(EXISTS "${torch_folder}/TorchConfig.cmake")
  file(STRINGS "${torch_folder}/TorchConfig.cmake" line REGEX "_GLIBCXX_USE_CXX11_ABI=0")
  if(line)
    set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")
  endif()
endif()
