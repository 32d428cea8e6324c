/* SPDX-License-Identifier: MIT
 * What the core allocates, counted where it all goes through: the linker puts these in base/memory.c's
 * place (--wrap, in CMakeLists.txt). */
#include "base/memory.h"
#include "runs.h"

static int count;

void *__real_af_alloc(size_t bytes);
void *__real_af_alloc_array(size_t number, size_t size);
void *__real_af_realloc(void *memory, size_t bytes);
void *__wrap_af_alloc(size_t bytes);
void *__wrap_af_alloc_array(size_t number, size_t size);
void *__wrap_af_realloc(void *memory, size_t bytes);

void *__wrap_af_alloc(size_t bytes)
{
    count++;
    return __real_af_alloc(bytes);
}

void *__wrap_af_alloc_array(size_t number, size_t size)
{
    count++;
    return __real_af_alloc_array(number, size);
}

void *__wrap_af_realloc(void *memory, size_t bytes)
{
    count++;
    return __real_af_realloc(memory, bytes);
}

static void test_steps_after_the_first_allocate_nothing(void **state)
{
    (void)state;
    artfusion_model *model = test_model(NULL, NULL);
    artfusion_sampler_options options = options_for(model);
    options.content_scale = 0.5;
    options.style_scale = 2.0;
    options.steps = 12;
    for (options.solver = ARTFUSION_SOLVER_DDIM; options.solver <= ARTFUSION_SOLVER_UNIPC;
         options.solver++) {
        options.eta =
            options.solver == ARTFUSION_SOLVER_DPMPP_2M || options.solver == ARTFUSION_SOLVER_UNIPC
                ? 0.0
                : 0.5;
        count = 0;
        artfusion_sampler *sampler = sampler_for(model, &options);
        assert_true(count > 0);
        assert_int_equal(artfusion_sampler_next(sampler), ARTFUSION_OK);
        count = 0;
        for (int step = 1; step < options.steps; step++)
            assert_int_equal(artfusion_sampler_next(sampler), ARTFUSION_OK);
        if (count)
            fail_msg("%s: %d allocations in %d steps",
                     artfusion_name_of(ARTFUSION_ENUM_SOLVER, options.solver), count,
                     (int)options.steps - 1);
        artfusion_sampler_destroy(sampler);
    }
    artfusion_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_after_the_first_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
