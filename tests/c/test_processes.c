/* SPDX-License-Identifier: MIT
 * fork, exit and dlclose with the test engine. */
#include <stdlib.h>

#include "processes.h"

int main(int count, char **arguments)
{
    process_setup setup = {.engine = required_environment("ARTFUSION_TEST_ENGINE"),
                           .exits = 17,
                           .loads = 150,
                           .models_each = 5,
                           .growth = 256};
    static uint8_t *bundle; /* for the threads that main leaves behind */
    bundle = make_bundle(small_manifest, NULL, NULL, &setup.size);
    setup.model = bundle;
    const int errand = process_errand(count, arguments, &setup);
    if (errand >= 0)
        return errand;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_fork_before, &setup),
        cmocka_unit_test_prestate(test_fork_after, &setup),
        cmocka_unit_test_prestate(test_fork_at_work, &setup),
        cmocka_unit_test_prestate(test_fork_in_callbacks, &setup),
        cmocka_unit_test_prestate(test_exits, &setup),
        cmocka_unit_test_prestate(test_loading, &setup),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(bundle);
    return failed;
}
