/* SPDX-License-Identifier: MIT
 * An engine that was built with another libtorch than the process has: a symbol of its own is nowhere. */
__attribute__((visibility("default"))) void *artfusion_engine_v1(void);
void symbol_of_another_release(void);

void *artfusion_engine_v1(void)
{
    symbol_of_another_release();
    return (void *)0;
}
