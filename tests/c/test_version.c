/* SPDX-License-Identifier: MIT
 * Which releases serve which programs. */
#include <stdio.h>
#include <string.h>

#include "support.h"

static void test_numbers(void **state)
{
    (void)state;
    char text[32];
    (void)snprintf(text, sizeof text, "%d.%d.%d", ARTFUSION_VERSION_MAJOR, ARTFUSION_VERSION_MINOR,
                   ARTFUSION_VERSION_PATCH);
    assert_string_equal(artfusion_version_string(), text);
    assert_int_equal(artfusion_version(), ARTFUSION_VERSION);
    assert_true(ARTFUSION_VERSION_MINOR < 1000 && ARTFUSION_VERSION_PATCH < 1000);
}

static void test_served(void **state)
{
    (void)state;
    const uint32_t own = ARTFUSION_VERSION;
    const uint32_t minor = own / 1000u * 1000u; /* its first patch release */
    assert_int_equal(artfusion_check_version(own), ARTFUSION_OK);
    assert_int_equal(artfusion_check_version(minor), ARTFUSION_OK);
    assert_int_equal(artfusion_check_version(minor + 999u), ARTFUSION_OK);

    const uint32_t refused[] = {minor + 1000u, own + 1000000u, own % 1000000u, 0xffffffffu};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(artfusion_check_version(refused[i]), ARTFUSION_ERROR_UNSUPPORTED);
    assert_int_equal(artfusion_check_version(own / 1000000u * 1000000u), ARTFUSION_OK);
}

static void test_both_named(void **state)
{
    (void)state;
    assert_int_equal(artfusion_check_version(12034056u), ARTFUSION_ERROR_UNSUPPORTED);
    assert_non_null(strstr(artfusion_error_message(), "made with artfusion 12.34.56"));
    assert_non_null(strstr(artfusion_error_message(), artfusion_version_string()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_served),
        cmocka_unit_test(test_both_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
