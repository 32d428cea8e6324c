/* SPDX-License-Identifier: MIT
 * Style codes, saved and loaded again. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/record.h"
#include "model/model.h"
#include "model/style.h"

#define MODEL_DIGEST 64 /* hexadecimal digits */

static const af_record_kind kind = {"AFSTYLE", 1, "a saved style code"};

/* What is in a record, pointing to where it belongs. */
typedef struct style_fields {
    uint8_t model[MODEL_DIGEST];
    uint32_t width;
    float *values;
} style_fields;

static void head(af_record *record, style_fields *fields)
{
    af_record_u8(record, fields->model, MODEL_DIGEST);
    af_record_u32(record, &fields->width, 1);
}

static void all_fields(af_record *record, void *object)
{
    style_fields *fields = object;
    head(record, fields);
    af_record_f32(record, fields->values, fields->width);
}

static style_fields fields_of(const artfusion_model *model, float *values)
{
    style_fields fields = {.width = (uint32_t)model->manifest.style_width, .values = values};
    memcpy(fields.model, model->manifest.weights_sha256, MODEL_DIGEST);
    return fields;
}

artfusion_status artfusion_style_save_memory(const artfusion_style *style, uint8_t **data,
                                             size_t *size)
{
    af_error_clear();
    if (data)
        *data = NULL;
    if (size)
        *size = 0;
    if (!style || !data || !size)
        return af_fail_null(style, data, size);
    style_fields fields = fields_of(style->model, style->values);
    return af_record_save(&kind, all_fields, &fields, data, size);
}

artfusion_status artfusion_style_save_file(const artfusion_style *style, const char *path)
{
    af_error_clear();
    if (!path)
        return af_fail_null(path);
    uint8_t *data;
    size_t size;
    artfusion_status status = artfusion_style_save_memory(style, &data, &size);
    if (status == ARTFUSION_OK)
        status = af_file_write(path, data, size);
    af_free(data);
    return status;
}

static artfusion_status read_style(artfusion_model *model, af_record *record,
                                   artfusion_style **style)
{
    const af_manifest *m = &model->manifest;
    style_fields fields = {.width = 0};
    head(record, &fields);
    if (memcmp(fields.model, m->weights_sha256, MODEL_DIGEST) != 0)
        return af_fail(ARTFUSION_ERROR_MISMATCH,
                       "the style code is of another model, whose weights are %.8s: model %s's "
                       "are %.8s",
                       (const char *)fields.model, m->name, m->weights_sha256);
    if (fields.width != (uint32_t)m->style_width)
        return af_fail(ARTFUSION_ERROR_FORMAT,
                       "the saved style code has %u values, one of model %s has %d",
                       (unsigned)fields.width, m->name, (int)m->style_width);
    fields.values = af_alloc_array(fields.width, sizeof *fields.values);
    if (!fields.values)
        return af_fail_memory(fields.width * sizeof *fields.values, kind.what);
    af_record_f32(record, fields.values, fields.width);
    artfusion_status status = af_record_close(&kind, record);
    if (status == ARTFUSION_OK)
        status = artfusion_style_from_values(model, fields.values, fields.width, style);
    /* Of the caller's values that would be an ARGUMENT; these are a file's. */
    if (status == ARTFUSION_ERROR_ARGUMENT)
        status = ARTFUSION_ERROR_FORMAT;
    af_free(fields.values);
    return status;
}

artfusion_status artfusion_style_load_memory(artfusion_model *model, const void *data, size_t size,
                                             artfusion_style **style)
{
    af_error_clear();
    if (!style)
        return af_fail_null(style);
    *style = NULL;
    if (!model || !data)
        return af_fail_null(model, data);
    af_record record;
    const artfusion_status status = af_record_open(&kind, data, size, &record);
    return status == ARTFUSION_OK ? read_style(model, &record, style) : status;
}

artfusion_status artfusion_style_load_file(artfusion_model *model, const char *path,
                                           artfusion_style **style)
{
    af_error_clear();
    if (!style)
        return af_fail_null(style);
    *style = NULL;
    if (!model || !path)
        return af_fail_null(model, path);
    style_fields ours = fields_of(model, model->null_style);
    uint8_t *data;
    size_t size;
    /* Of a model with wider codes it is larger, and then it need not be read to be refused. */
    artfusion_status status =
        af_file_read(path, 16 * af_record_size(all_fields, &ours), &data, &size);
    if (status == ARTFUSION_OK)
        status = artfusion_style_load_memory(model, data, size, style);
    af_free(data);
    return status;
}
