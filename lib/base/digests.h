/* SPDX-License-Identifier: MIT
 * A text with the SHA-256 of files, in hexadecimal digits, between spaces, line ends or commas. */
#ifndef AF_BASE_DIGESTS_H
#define AF_BASE_DIGESTS_H

#include "artfusion.h"

/* NULL is none. Errors: ARGUMENT, whose message begins with `field`. */
artfusion_status af_digests_check(const char *field, const char *digests);

/* Whether `sha256`, in lower case, is one of those that were checked. */
int af_digests_have(const char *digests, const char *sha256);

#endif
