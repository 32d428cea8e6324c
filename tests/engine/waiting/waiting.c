/* SPDX-License-Identifier: MIT
 * No engine, but what takes for ever to load: for signals that come while a model is opened. */
#include <unistd.h>

__attribute__((constructor)) static void wait_for_ever(void)
{
    static const char said[] = "waiting\n";
    (void)!write(STDERR_FILENO, said, sizeof said - 1);
    for (;;)
        (void)pause();
}
