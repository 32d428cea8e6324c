/* SPDX-License-Identifier: MIT
 * Landlock, by which a process gives up paths, ports, and signals to others. */
#ifndef AF_HOST_LANDLOCK_H
#define AF_HOST_LANDLOCK_H

/* For the calling thread and those that it starts, for good: no path at all; with `gpu` all may be
 * read, and the devices of GPUs written to. Gives the version of Landlock's interface, or 0 where
 * there is none: errno says why. Needs no_new_privs. */
int af_landlock_restrict(int gpu);

#endif
