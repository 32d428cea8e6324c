/* SPDX-License-Identifier: MIT */
#include "model/manifest.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Bounds far beyond any model, that keep products of sizes inside 32 bits. */
enum {
    MAX_CHANNELS = 1024,
    MAX_DOWNSAMPLE = 256,
    MAX_MULTIPLE = 4096,
    MAX_STYLE_WIDTH = 1 << 20,
    MAX_TIMESTEPS = 100000
};

/* The first wrong field ends the reading: `status` then stays what it is and every getter returns
 * at once, so that the list of fields below reads as a list. */
typedef struct fields {
    const json_t *root;
    artfusion_status status;
} fields;

/* "latent.channels" -> root["latent"]["channels"], NULL after an error or if it is missing. */
static const json_t *find(fields *f, const char *path)
{
    if (f->status != ARTFUSION_OK)
        return NULL;
    const char *dot = strchr(path, '.');
    const json_t *parent = f->root;
    if (dot) {
        char section[32];
        const size_t length = (size_t)(dot - path);
        memcpy(section, path, length);
        section[length] = '\0';
        parent = json_object_get(parent, section);
    }
    const json_t *value = json_object_get(parent, dot ? dot + 1 : path);
    if (!value)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is missing", path);
    return value;
}

static int32_t integer(fields *f, const char *path, int32_t least, int32_t most)
{
    const json_t *value = find(f, path);
    if (!value)
        return least;
    if (!json_is_integer(value)) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is no integer", path);
        return least;
    }
    const json_int_t number = json_integer_value(value);
    if (number < least || number > most) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is %lld, not within %d..%d", path,
                            (long long)number, (int)least, (int)most);
        return least;
    }
    return (int32_t)number;
}

static double real(fields *f, const char *path, double least, double most)
{
    const json_t *value = find(f, path);
    if (!value)
        return least;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= least && number <= most)) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is no number within %g..%g", path,
                            least, most);
        return least;
    }
    return number;
}

static const char *string(fields *f, const char *path)
{
    const json_t *value = find(f, path);
    if (value && !json_is_string(value))
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is no string", path);
    return f->status == ARTFUSION_OK ? json_string_value(value) : "";
}

static char *copy(fields *f, const char *path)
{
    const char *text = string(f, path);
    const size_t size = strlen(text) + 1;
    char *made = af_alloc(size);
    if (made)
        memcpy(made, text, size);
    else
        f->status = af_fail_memory(size, "the manifest");
    return made;
}

static int32_t constant(fields *f, const char *path, artfusion_enumeration enumeration)
{
    int32_t value = 0;
    const char *name = string(f, path);
    if (f->status == ARTFUSION_OK && artfusion_value_of(enumeration, name, &value) != ARTFUSION_OK)
        f->status = ARTFUSION_ERROR_FORMAT; /* its message lists the names there are */
    return value;
}

static float *numbers(fields *f, const char *path, int32_t count, int32_t nonzero)
{
    const json_t *list = find(f, path);
    if (!list)
        return NULL;
    if (json_array_size(list) != (size_t)count) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s must list %d numbers", path,
                            (int)count);
        return NULL;
    }
    float *made = af_alloc_array((size_t)count, sizeof *made);
    if (!made) {
        f->status = af_fail_memory((size_t)count * sizeof *made, "the manifest");
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        made[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !isfinite(made[i]) || (nonzero && !(made[i] > 0.0f))) {
            f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s[%d] is no %snumber", path,
                                (int)i, nonzero ? "positive " : "");
            break;
        }
    }
    return made;
}

static void read_format(fields *f)
{
    const char *format = string(f, "format");
    if (f->status == ARTFUSION_OK && strcmp(format, "artfusion-model") != 0)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT,
                            "manifest: format is \"%.64s\", not \"artfusion-model\"", format);
    const int32_t version = integer(f, "format_version", 1, INT32_MAX);
    if (f->status == ARTFUSION_OK && version > AF_MANIFEST_VERSION)
        f->status = af_fail(ARTFUSION_ERROR_UNSUPPORTED,
                            "the model has format %d, and artfusion %s reads up to %d: update the "
                            "library",
                            (int)version, artfusion_version_string(), AF_MANIFEST_VERSION);
}

static void check_sizes(fields *f, const af_manifest *m)
{
    if (f->status != ARTFUSION_OK)
        return;
    if (m->size_multiple % m->downsample)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT,
                            "manifest: size.multiple %d is no multiple of latent.downsample %d",
                            (int)m->size_multiple, (int)m->downsample);
    else if (m->native_width % m->size_multiple || m->native_height % m->size_multiple)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT,
                            "manifest: native size %dx%d is no multiple of size.multiple %d",
                            (int)m->native_width, (int)m->native_height, (int)m->size_multiple);
}

static void read_fields(fields *f, af_manifest *m)
{
    read_format(f);
    m->name = copy(f, "name");
    m->description = copy(f, "description");
    m->licence = copy(f, "licence");
    m->origin = copy(f, "origin");
    m->weights_sha256 = copy(f, "weights_sha256");
    m->latent_channels = integer(f, "latent.channels", 1, MAX_CHANNELS);
    m->downsample = integer(f, "latent.downsample", 1, MAX_DOWNSAMPLE);
    m->latent_shift = numbers(f, "latent.shift", m->latent_channels, 0);
    m->latent_scale = numbers(f, "latent.scale", m->latent_channels, 1);
    m->size_multiple = integer(f, "size.multiple", 1, MAX_MULTIPLE);
    m->native_width = integer(f, "size.native_width", 1, 65535);
    m->native_height = integer(f, "size.native_height", 1, 65535);
    check_sizes(f, m);
    m->style_width = integer(f, "style.width", 1, MAX_STYLE_WIDTH);
    m->style_min_size = integer(f, "style.min_size", 1, MAX_MULTIPLE);
    const json_t *normalise = find(f, "content.normalise");
    if (normalise && !json_is_boolean(normalise))
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: content.normalise is no boolean");
    m->normalise_content = json_is_true(normalise);
    m->schedule = constant(f, "schedule.kind", ARTFUSION_ENUM_SCHEDULE);
    m->timesteps = integer(f, "schedule.timesteps", 1, MAX_TIMESTEPS);
    m->linear_start = real(f, "schedule.linear_start", 0.0, 1.0);
    m->linear_end = real(f, "schedule.linear_end", m->linear_start, 1.0);
    m->prediction = constant(f, "prediction", ARTFUSION_ENUM_PREDICTION);
    m->solver = constant(f, "defaults.solver", ARTFUSION_ENUM_SOLVER);
    m->spacing = constant(f, "defaults.spacing", ARTFUSION_ENUM_SPACING);
    m->steps = integer(f, "defaults.steps", 1, m->timesteps);
    m->eta = real(f, "defaults.eta", 0.0, 100.0);
    m->content_scale = real(f, "defaults.content_scale", -100.0, 100.0);
    m->style_scale = real(f, "defaults.style_scale", -100.0, 100.0);
}

artfusion_status af_manifest_parse(const char *text, size_t size, af_manifest *manifest)
{
    memset(manifest, 0, sizeof *manifest);
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return af_fail(ARTFUSION_ERROR_FORMAT, "manifest: line %d, column %d: %s", error.line,
                       error.column, error.text);

    fields f = {.root = root, .status = ARTFUSION_OK};
    if (!json_is_object(root))
        f.status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: not a JSON object");
    else
        read_fields(&f, manifest);
    json_decref(root);
    if (f.status != ARTFUSION_OK)
        af_manifest_clear(manifest);
    return f.status;
}

void af_manifest_clear(af_manifest *manifest)
{
    af_free(manifest->name);
    af_free(manifest->description);
    af_free(manifest->licence);
    af_free(manifest->origin);
    af_free(manifest->weights_sha256);
    af_free(manifest->latent_shift);
    af_free(manifest->latent_scale);
    memset(manifest, 0, sizeof *manifest);
}
