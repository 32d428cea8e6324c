/* SPDX-License-Identifier: MIT */
#include "exhaust.h"

int exhaust_left;
size_t exhaust_asked;

void *__real_af_alloc(size_t bytes);
void *__real_af_alloc_array(size_t number, size_t size);
void *__real_af_realloc(void *memory, size_t bytes);
void *__wrap_af_alloc(size_t bytes);
void *__wrap_af_alloc_array(size_t number, size_t size);
void *__wrap_af_realloc(void *memory, size_t bytes);

void *__wrap_af_alloc(size_t bytes)
{
    return --exhaust_left == 0 ? NULL : __real_af_alloc(bytes);
}

void *__wrap_af_alloc_array(size_t number, size_t size)
{
    exhaust_asked += number * size;
    return --exhaust_left == 0 ? NULL : __real_af_alloc_array(number, size);
}

void *__wrap_af_realloc(void *memory, size_t bytes)
{
    return --exhaust_left == 0 ? NULL : __real_af_realloc(memory, bytes);
}

void exhaust(artfusion_status (*work)(void), int least, int forgiven)
{
    int failure = 0, done = 0;
    while (!done) {
        exhaust_left = ++failure;
        const artfusion_status status = work();
        done = exhaust_left > 0; /* nothing had to fail */
        exhaust_left = 0;
        if (done || (status == ARTFUSION_OK && --forgiven >= 0))
            assert_int_equal(status, ARTFUSION_OK);
        else
            assert_error(status, ARTFUSION_ERROR_MEMORY, "out of memory");
    }
    assert_true(failure > least);
    assert_int_equal(forgiven, 0);
}
