/* SPDX-License-Identifier: MIT
 * SHA-256 by libcrypto's functions for it alone, which neither allocate nor lock nor fail. Those of
 * its EVP interface, which it would rather have used, do: they fetch the algorithm at every digest,
 * and where memory is short at the first use in a process they crash, then and ever after. So does
 * SHA256, which is one of them by another name. */
#ifndef AF_BASE_SHA256_H
#define AF_BASE_SHA256_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#endif
