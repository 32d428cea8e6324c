/* SPDX-License-Identifier: MIT
 * Names of constants: there and back, none twice, and what is said about unknown ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "artfusion.h"

/* How many constants artfusion.h gives each enumeration, from 0 upwards. */
static const int32_t counts[] = {
    [ARTFUSION_ENUM_SOLVER] = 5,     [ARTFUSION_ENUM_SPACING] = 4, [ARTFUSION_ENUM_SCHEDULE] = 4,
    [ARTFUSION_ENUM_PREDICTION] = 3, [ARTFUSION_ENUM_DEVICE] = 3,  [ARTFUSION_ENUM_FILTER] = 4,
    [ARTFUSION_ENUM_RNG] = 2,        [ARTFUSION_ENUM_NOISE] = 2,   [ARTFUSION_ENUM_PRECISION] = 4,
    [ARTFUSION_ENUM_ISOLATION] = 3,
};
enum { ENUMERATIONS = sizeof counts / sizeof *counts };

static void every_constant_has_a_name_and_back(void **state)
{
    (void)state;
    for (artfusion_enumeration e = 0; e < ENUMERATIONS; e++) {
        for (int32_t value = 0; value < counts[e]; value++) {
            const char *name = artfusion_name_of(e, value);
            int32_t back = -1;
            assert_non_null(name);
            assert_int_equal(artfusion_value_of(e, name, &back), ARTFUSION_OK);
            assert_int_equal(back, value);
        }
        assert_null(artfusion_name_of(e, counts[e]));
        assert_null(artfusion_name_of(e, -1));
    }
    assert_null(artfusion_name_of(ENUMERATIONS, 0));
    assert_null(artfusion_name_of(-1, 0));
}

static void documented_names_stand(void **state)
{
    (void)state;
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_DPMPP_2M_SDE),
                        "dpmpp_2m_sde");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_SPACING, ARTFUSION_SPACING_TRAILING),
                        "trailing");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_SCHEDULE, ARTFUSION_SCHEDULE_SQRT_LINEAR),
                        "sqrt_linear");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_PREDICTION, ARTFUSION_PREDICTION_X0),
                        "x0");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_DEVICE, ARTFUSION_DEVICE_CUDA), "cuda");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_FILTER, ARTFUSION_FILTER_LANCZOS),
                        "lanczos");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_RNG, ARTFUSION_RNG_TORCH_CPU),
                        "torch_cpu");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_NOISE, ARTFUSION_NOISE_UNIFORM),
                        "uniform");
    assert_string_equal(artfusion_name_of(ARTFUSION_ENUM_ISOLATION, ARTFUSION_ISOLATION_PROCESS),
                        "process");
}

static void unknown_names_are_answered_with_the_known(void **state)
{
    (void)state;
    int32_t value = 17;
    assert_int_equal(artfusion_value_of(ARTFUSION_ENUM_SOLVER, "euler", &value),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(value, 17);
    assert_non_null(strstr(artfusion_error_message(), "euler"));
    assert_non_null(
        strstr(artfusion_error_message(), "there are ddim, ddpm, dpmpp_2m, dpmpp_2m_sde, unipc"));
    assert_int_equal(artfusion_value_of(ARTFUSION_ENUM_SOLVER, "DDIM", &value),
                     ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_value_of(ARTFUSION_ENUM_SOLVER, "", &value),
                     ARTFUSION_ERROR_ARGUMENT);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    int32_t value;
    assert_int_equal(artfusion_value_of(ENUMERATIONS, "ddim", &value), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_value_of(-1, "ddim", &value), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_value_of(0, NULL, &value), ARTFUSION_ERROR_ARGUMENT);
    assert_int_equal(artfusion_value_of(0, "ddim", NULL), ARTFUSION_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_constant_has_a_name_and_back),
        cmocka_unit_test(documented_names_stand),
        cmocka_unit_test(unknown_names_are_answered_with_the_known),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
