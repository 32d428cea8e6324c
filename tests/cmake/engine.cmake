# SPDX-License-Identifier: MIT
# The miniature models that the torch engine's own test opens, made before it runs.
add_test(NAME engine/fixtures
         COMMAND ${ARTFUSION_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/data/make_engine_fixture.py
                 ${fixtures}/engine)
set_tests_properties(engine/fixtures PROPERTIES
  LABELS c TIMEOUT 120 FIXTURES_SETUP engine ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
set_tests_properties(c/test_engine_torch PROPERTIES FIXTURES_REQUIRED engine PROCESSORS 2)
