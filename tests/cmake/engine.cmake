# SPDX-License-Identifier: MIT
# The miniature models that the torch engine's own tests open, made before they run.
add_test(NAME engine/fixtures
         COMMAND ${ARTFUSION_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/data/make_engine_fixture.py
                 ${fixtures}/engine)
set_tests_properties(engine/fixtures PROPERTIES
  LABELS c TIMEOUT 120 FIXTURES_SETUP engine ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
set_tests_properties(c/test_engine_torch c/test_engine_torch_threads PROPERTIES
  FIXTURES_REQUIRED engine PROCESSORS 2)

# Parts of the engine, by its own objects: what torch is given of a model file, and a method's way to a
# program.
foreach(name test_records test_program)
  add_executable(${name} cpp/${name}.cpp)
  set_target_properties(${name} PROPERTIES
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  target_compile_options(${name}
    PRIVATE $<TARGET_PROPERTY:artfusion_engine_objects,COMPILE_OPTIONS>)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/shim)
  target_link_libraries(${name} PRIVATE artfusion_engine_objects artfusion_internal)
  add_test(NAME cpp/${name} COMMAND ${name})
  set_tests_properties(cpp/${name} PROPERTIES
    LABELS c TIMEOUT 300 ENVIRONMENT "${environment}")
endforeach()
