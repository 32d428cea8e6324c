/* SPDX-License-Identifier: MIT
 * fork, exit and dlclose with the real engine and the model that comes with it. */
#include <stdio.h>
#include <stdlib.h>

#include "processes.h"

static void *read_model(size_t *size)
{
    FILE *file = fopen(required_environment("ARTFUSION_MODEL"), "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    void *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

int main(int count, char **arguments)
{
    process_setup setup = {.engine = required_environment("ARTFUSION_ENGINE"),
                           .exits = 4,
                           .loads = 24,
                           .models_each = 4,
                           .growth = 4096};
    static void *model; /* for the threads that main leaves behind */
    model = read_model(&setup.size);
    setup.model = model;
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
    free(model);
    return failed;
}
