/* SPDX-License-Identifier: MIT
 *
 * The seam between the C core and an engine that runs networks: a table of C functions on plain
 * float buffers. An engine is a shared object that exports
 *
 *     const af_engine *artfusion_engine_v1(void);
 *
 * Nothing of the engine's own types shows through it. All functions are called from any thread, also
 * several at once on one network; none throws, aborts, exits, prints, or leaves the host's thread
 * settings changed. They return an artfusion_status and, unless that is 0, fill `error`.
 * Buffers are dense float32, N,C,H,W, the caller's, in the host's memory.
 */
#ifndef AF_MODEL_ENGINE_H
#define AF_MODEL_ENGINE_H

#include "artfusion.h"

/* Another with each change of the table: one that is longer is another table, too. */
#define AF_ENGINE_VERSION 7
#define AF_ENGINE_SYMBOL "artfusion_engine_v1"

typedef struct af_network af_network;       /* a loaded model, the engine's own */
typedef struct af_conditions af_conditions; /* what passes are conditioned on, the engine's own */

/* The sides of a picture in pixels, or of a latent in positions. */
typedef struct af_size {
    int32_t width, height;
} af_size;

typedef struct af_engine_error {
    char text[512];
} af_engine_error;

/* A record of the model file: `size` bytes, whose CRC-32 is `crc`. */
typedef struct af_model_record {
    const char *name; /* within the archive's folder: "code/__torch__.py" */
    uint64_t size;
    uint32_t crc;
} af_model_record;

/* The model file as an engine has it: the records that the library has checked, no two of one name
 * in whatever case, and nothing else of the file. Valid during `open` only. `read` fills exactly
 * the record's size with the bytes that were checked, unpacked, and returns 0, or an error status:
 * CHECKSUM if the file has changed since. */
typedef struct af_model_records {
    const af_model_record *list;
    size_t count;
    artfusion_status (*read)(const struct af_model_records *records, size_t index, void *buffer);
} af_model_records;

typedef struct af_network_options {
    artfusion_device device; /* AUTO: a GPU if this engine has one, else the CPU */
    int32_t device_index;
    int32_t threads;         /* 0: as the host has it */
    int32_t latent_channels; /* what the manifest says, to check shapes against */
    int32_t downsample;
    int32_t style_width;
    artfusion_precision precision; /* AUTO: the engine's choice for the device */
} af_network_options;

typedef struct af_network_info {
    artfusion_device device; /* never AUTO */
    int32_t device_index;
    int32_t threads;          /* what a call will use */
    int32_t condition_width;  /* floats in a modulation row: (timestep, style) */
    int32_t positions_a_call; /* the largest useful number of latent positions in one call of
                               * denoise; more only cost memory. 0: no limit */
    char device_name[64];
    char arithmetic[16];
} af_network_info;

/* What the passes of a run are conditioned on. */
typedef struct af_condition_inputs {
    const float *timesteps; /* [timestep_count] */
    const float *styles;    /* [style_count, style_width], the codes */
    const float *contents;  /* [content_count, C, height, width], the content conditions */
    int32_t timestep_count, style_count;
    int32_t content_count; /* 0: passes have the null content alone */
    af_size size;          /* of the contents and of all passes */
} af_condition_inputs;

/* Passes of the UNet, of the size that the conditions have. */
typedef struct af_passes {
    const int32_t *modulation_rows; /* [batch]: t * style_count + s, of timestep t and style s */
    const int32_t *content_rows;    /* [batch]: which of the contents; AF_NULL_CONTENT: zeros */
    const float *x;                 /* [batch, C, height, width] */
    float *prediction;              /* [batch, C, height, width], written */
    int32_t batch;
    af_size size;
} af_passes;

#define AF_NULL_CONTENT (-1)

/* The calls whose memory can be asked for. */
typedef int32_t af_stage;
enum { AF_STAGE_ENCODE, AF_STAGE_DECODE, AF_STAGE_CONDITION, AF_STAGE_DENOISE, AF_STAGES };

typedef struct af_engine {
    uint32_t struct_size;
    uint32_t version;    /* AF_ENGINE_VERSION */
    const char *name;    /* "torchscript" */
    const char *release; /* of what runs the networks: "2.13.0" */

    artfusion_status (*open)(const af_model_records *records, const af_network_options *options,
                             af_network **network, af_engine_error *error);
    void (*close)(af_network *network); /* NULL is fine */
    artfusion_status (*info)(const af_network *network, af_network_info *info,
                             af_engine_error *error);

    /* rgb[batch, 3, height, width] in -1..1 -> mode[batch, C, height / down, width / down]. */
    artfusion_status (*encode)(af_network *network, const float *rgb, int32_t batch, af_size size,
                               float *mode, af_engine_error *error);

    /* z[batch, C, height, width], unscaled -> rgb[batch, 3, height * down, width * down], not
     * clamped. */
    artfusion_status (*decode)(af_network *network, const float *z, int32_t batch, af_size size,
                               float *rgb, af_engine_error *error);

    /* rgb[batch, 3, height, width] -> codes[batch, style_width]. */
    artfusion_status (*style)(af_network *network, const float *rgb, int32_t batch, af_size size,
                              float *codes, af_engine_error *error);

    /* The learned null style, codes[style_width]. */
    artfusion_status (*null_style)(af_network *network, float *code, af_engine_error *error);

    /* All timesteps x all styles at once, since that part of the UNet depends on nothing else; and
     * the contents, which stay where the passes need them. Nothing of the inputs is kept. */
    artfusion_status (*condition)(af_network *network, const af_condition_inputs *inputs,
                                  af_conditions **conditions, af_engine_error *error);
    void (*conditions_destroy)(af_conditions *conditions); /* NULL is fine */

    artfusion_status (*denoise)(af_network *network, const af_conditions *conditions,
                                const af_passes *passes, af_engine_error *error);

    /* Bytes that a call takes at most while it runs, beside the caller's buffers: for `batch` latents
     * of that size, or for CONDITION of `batch` rows without contents, where the conditions that
     * come out are included. Measured on small inputs when a stage is first asked for. */
    artfusion_status (*memory)(af_network *network, af_stage stage, int32_t batch, af_size size,
                               uint64_t *bytes, af_engine_error *error);

    /* Before `open`, where files cannot be opened any more by then: what the engine's libraries ask
     * the system once, as for the processor's features. NULL: nothing. */
    void (*prepare)(void);
} af_engine;

typedef const af_engine *(*af_engine_entry)(void);

#endif
