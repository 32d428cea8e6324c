# SPDX-License-Identifier: MIT
# The engine of the Python package is built with the libtorch of the interpreter that builds it:
# that of its torch package, which is found without being imported.

if(NOT Torch_DIR)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "from importlib.util import find_spec; print(*find_spec('torch').submodule_search_locations)"
    OUTPUT_VARIABLE torch_package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${Python_EXECUTABLE} has no torch package. Without build isolation it must "
                        "be there: pip install -r requirements.txt")
  endif()
  # Not in the cache: an isolated build has another place each time.
  set(Torch_DIR ${torch_package}/share/cmake/Torch)
endif()
