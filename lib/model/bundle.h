/* SPDX-License-Identifier: MIT
 * The archive around a model: a TorchScript file, which is a zip, with the manifest inside. */
#ifndef AF_MODEL_BUNDLE_H
#define AF_MODEL_BUNDLE_H

#include "model/network.h"

#define AF_SHA256_HEX 65 /* 64 digits and the zero */

/* Reads the whole archive once: the manifest's text, and the digest of all other records that
 * the manifest's weights_sha256 must equal. The digest is SHA-256 over each record in the order of
 * the archive's directory: its name without the root folder, a zero byte, its content.
 * Records' own CRCs are checked on the way. `*manifest` (zero-terminated) is freed with af_free.
 * Errors: IO, FORMAT (no archive, damaged, no manifest), LIMIT, MEMORY. */
artfusion_status af_bundle_read(const af_source *source, char **manifest, size_t *manifest_size,
                                char sha256[AF_SHA256_HEX]);

#endif
