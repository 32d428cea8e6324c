/* SPDX-License-Identifier: MIT
 * The filter of the system calls that an engine's process may make. */
#ifndef AF_HOST_FILTER_H
#define AF_HOST_FILTER_H

/* For all threads, for good. `gpu` takes the weaker one. 0 where there is none: errno says why.
 * Needs no_new_privs. */
int af_filter_install(int gpu);

#endif
