/* SPDX-License-Identifier: MIT
 * Limits of sizes that more than one file keeps to. docs/security.md has those of files and networks. */
#ifndef AF_BASE_LIMITS_H
#define AF_BASE_LIMITS_H

#define AF_IMAGE_MAX_SIDE 65535 /* pixels, of a picture to be read, made or stylised */
#define AF_MAX_BATCH 256        /* pictures in a run, or in a call of the networks */

#endif
