/* SPDX-License-Identifier: MIT */
#include "model/trust.h"

#include <stdio.h>

#include "base/digests.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "model/trusted_models.h" /* made by the build, of the files in models/ */

enum { CHUNK = 1 << 18, HEX = 2 * SHA256_DIGEST_LENGTH + 1 };

/* Of all bytes. Piece by piece, since a file that nobody has looked at may be of any size. */
static artfusion_status digest_of(const af_source *source, char hex[HEX])
{
    uint8_t *chunk = af_alloc(CHUNK), sum[SHA256_DIGEST_LENGTH];
    if (!chunk)
        return af_fail_memory(CHUNK, "reading the model");
    SHA256_CTX digest;
    artfusion_status status = ARTFUSION_OK;
    (void)SHA256_Init(&digest);
    for (uint64_t done = 0; done < source->size && status == ARTFUSION_OK;) {
        const uint64_t left = source->size - done;
        const size_t now = left < CHUNK ? (size_t)left : CHUNK;
        status = source->read(source, done, chunk, now);
        (void)SHA256_Update(&digest, chunk, now);
        done += now;
    }
    af_free(chunk);
    (void)SHA256_Final(sum, &digest);
    for (size_t i = 0; i < sizeof sum; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return status;
}

static artfusion_status look_at(const artfusion_context *context, const af_source *source,
                                int *trusted)
{
    char sha256[HEX];
    *trusted = 0;
    const artfusion_status status = digest_of(source, sha256);
    if (status == ARTFUSION_OK)
        *trusted =
            af_digests_have(AF_TRUSTED_MODELS, sha256) || af_digests_have(context->trusted, sha256);
    return status;
}

artfusion_status af_trust_choose(const artfusion_context *context, const af_source *source,
                                 artfusion_isolation *isolation, af_model_source *copy)
{
    int trusted = 0;
    *isolation = context->isolation;
    af_source_open_memory(copy, NULL, 0);
    if (*isolation != ARTFUSION_ISOLATION_AUTO)
        return ARTFUSION_OK;
    *isolation = ARTFUSION_ISOLATION_PROCESS;
    artfusion_status status = look_at(context, source, &trusted);
    if (status != ARTFUSION_OK || !trusted)
        return status;
    *isolation = ARTFUSION_ISOLATION_NONE;
    status = af_source_copy(source, copy);
    if (status == ARTFUSION_OK)
        status = look_at(context, &copy->base, &trusted);
    return status != ARTFUSION_OK || trusted
               ? status
               : af_fail(ARTFUSION_ERROR_CHECKSUM,
                         "the model file was changed while it was opened");
}
