/* SPDX-License-Identifier: MIT */
#include "model/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/memory.h"

/* Bounds far beyond any model, that keep products of sizes inside 32 bits. */
enum {
    MAX_CHANNELS = 1024,
    MAX_DOWNSAMPLE = 256,
    MAX_MULTIPLE = 256, /* the smallest size, which is measured whatever a memory_limit says */
    MAX_STYLE_SIZE = 4096,
    MAX_STYLE_WIDTH = 1 << 20,
    MAX_TIMESTEPS = 100000
};

/* The first wrong field ends the reading: `status` then stays what it is and every getter returns
 * at once, so that the list of fields below reads as a list. */
typedef struct fields {
    const json_t *root;
    artfusion_status status;
} fields;

/* "latent.channels" -> object["latent"]["channels"], NULL if it is missing. */
static const json_t *look_up(const json_t *object, const char *path)
{
    char key[32]; /* longer than every key asked for, names of presets included */
    for (;;) {
        const size_t length = strcspn(path, ".");
        memcpy(key, path, length);
        key[length] = '\0';
        object = json_object_get(object, key);
        if (!path[length])
            return object;
        path += length + 1;
    }
}

/* NULL after an error or if it is missing, which is one. */
static const json_t *find(fields *f, const char *path)
{
    if (f->status != ARTFUSION_OK)
        return NULL;
    const json_t *value = look_up(f->root, path);
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
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is %lld: it must be %d to %d",
                            path, (long long)number, (int)least, (int)most);
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

/* The first of a text in UTF-8: U+0000 to U+001F, U+007F to U+009F. 0: there is none. */
static unsigned control_character(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7F)
            return *c;
        if (*c == 0xC2 && c[1] < 0xA0)
            return c[1];
    }
    return 0;
}

/* Hosts show these texts: a terminal would obey a control character in them. */
static const char *string(fields *f, const char *path)
{
    const json_t *value = find(f, path);
    if (value && !json_is_string(value))
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is no string", path);
    if (f->status != ARTFUSION_OK)
        return "";
    const char *text = json_string_value(value);
    const unsigned control = control_character(text);
    if (control)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s has a control character, U+%04X",
                            path, control);
    return control ? "" : text;
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
    if (f->status != ARTFUSION_OK || artfusion_value_of(enumeration, name, &value) == ARTFUSION_OK)
        return value;
    f->status = af_fail_in(ARTFUSION_ERROR_FORMAT, "manifest: %s", path);
    return value;
}

static float *numbers(fields *f, const char *path, int32_t count, int32_t nonzero)
{
    const json_t *list = find(f, path);
    if (!list)
        return NULL;
    if (json_array_size(list) != (size_t)count) {
        f->status =
            af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s must list %d numbers", path, (int)count);
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

static void read_format(fields *f, af_manifest *m)
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
    m->version = version;
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

/* Whether `section` is to be asked for `key`, whose path is then in `path`. */
static int32_t has(const fields *f, const char *section, const char *key, int32_t required,
                   char path[64])
{
    (void)snprintf(path, 64, "%s.%s", section, key);
    return required || look_up(f->root, path);
}

static void check_interval(fields *f, const char *section, const char *of, double start, double end)
{
    if (f->status == ARTFUSION_OK && start > end)
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s.%s_start is %g, beyond %s_end %g",
                            section, of, start, of, end);
}

/* `section` is "defaults" or "presets.NAME". What it may leave out and does stays as it is in *s:
 * all but the intervals is `required` of the former. */
static void read_sampling(fields *f, const char *section, int32_t required, int32_t timesteps,
                          af_sampling *s)
{
    char path[64];
    if (has(f, section, "solver", required, path))
        s->solver = constant(f, path, ARTFUSION_ENUM_SOLVER);
    if (has(f, section, "spacing", required, path))
        s->spacing = constant(f, path, ARTFUSION_ENUM_SPACING);
    if (has(f, section, "steps", required, path))
        s->steps = integer(f, path, 1, timesteps);
    if (has(f, section, "eta", required, path))
        s->eta = real(f, path, 0.0, 100.0);
    if (has(f, section, "content_scale", required, path))
        s->content_scale = real(f, path, -100.0, 100.0);
    if (has(f, section, "style_scale", required, path))
        s->style_scale = real(f, path, -100.0, 100.0);
    if (has(f, section, "content_start", 0, path))
        s->content_start = real(f, path, 0.0, 1.0);
    if (has(f, section, "content_end", 0, path))
        s->content_end = real(f, path, 0.0, 1.0);
    if (has(f, section, "style_start", 0, path))
        s->style_start = real(f, path, 0.0, 1.0);
    if (has(f, section, "style_end", 0, path))
        s->style_end = real(f, path, 0.0, 1.0);
    check_interval(f, section, "content", s->content_start, s->content_end);
    check_interval(f, section, "style", s->style_start, s->style_end);
}

static void read_preset(fields *f, const char *name, const json_t *value, af_manifest *m)
{
    af_preset *preset = &m->presets[m->preset_count];
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (length < 1 || length >= sizeof preset->name || name[length]) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT,
                            "manifest: presets: \"%.64s\" is no name: 1 to %zu of a-z, 0-9 and -",
                            name, sizeof preset->name - 1);
        return;
    }
    char section[48];
    (void)snprintf(section, sizeof section, "presets.%s", name);
    if (!json_is_object(value)) {
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: %s is no object", section);
        return;
    }
    memcpy(preset->name, name, length + 1);
    preset->sampling = m->defaults;
    read_sampling(f, section, 0, m->timesteps, &preset->sampling);
    m->preset_count++;
}

static void read_presets(fields *f, af_manifest *m)
{
    json_t *presets = json_object_get(f->root, "presets");
    if (f->status != ARTFUSION_OK || !presets)
        return;
    if (!json_is_object(presets))
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: presets is no object");
    else if (json_object_size(presets) > AF_MAX_PRESETS)
        f->status =
            af_fail(ARTFUSION_ERROR_FORMAT, "manifest: presets has %zu entries, more than %d",
                    json_object_size(presets), AF_MAX_PRESETS);
    const char *name;
    json_t *value;
    json_object_foreach(presets, name, value)
    {
        if (f->status != ARTFUSION_OK)
            return;
        read_preset(f, name, value, m);
    }
}

static void read_fields(fields *f, af_manifest *m)
{
    read_format(f, m);
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
    m->native_width = integer(f, "size.native_width", 1, AF_IMAGE_MAX_SIDE);
    m->native_height = integer(f, "size.native_height", 1, AF_IMAGE_MAX_SIDE);
    check_sizes(f, m);
    m->style_width = integer(f, "style.width", 1, MAX_STYLE_WIDTH);
    m->style_min_size = integer(f, "style.min_size", 1, MAX_STYLE_SIZE);
    const json_t *normalise = find(f, "content.normalise");
    if (normalise && !json_is_boolean(normalise))
        f->status = af_fail(ARTFUSION_ERROR_FORMAT, "manifest: content.normalise is no boolean");
    m->normalise_content = json_is_true(normalise);
    m->schedule = constant(f, "schedule.kind", ARTFUSION_ENUM_SCHEDULE);
    m->timesteps = integer(f, "schedule.timesteps", 1, MAX_TIMESTEPS);
    m->linear_start = real(f, "schedule.linear_start", 0.0, 1.0);
    m->linear_end = real(f, "schedule.linear_end", m->linear_start, 1.0);
    m->prediction = constant(f, "prediction", ARTFUSION_ENUM_PREDICTION);
    m->defaults.content_end = m->defaults.style_end = 1.0;
    read_sampling(f, "defaults", 1, m->timesteps, &m->defaults);
    read_presets(f, m);
}

typedef struct reading {
    const char *text;
    size_t size, done;
    int refused;
} reading;

/* jansson drops bytes of what it reads where it has no memory to keep them, and says nothing: only
 * errno tells, until jansson clears it for the next number. So it gets a byte at a time. */
static size_t give_byte(void *buffer, size_t size, void *data)
{
    reading *r = data;
    (void)size; /* of jansson's own buffer */
    r->refused |= errno == ENOMEM;
    if (r->refused || r->done == r->size)
        return 0;
    *(char *)buffer = r->text[r->done++];
    return 1;
}

artfusion_status af_manifest_parse(const char *text, size_t size, af_manifest *manifest)
{
    memset(manifest, 0, sizeof *manifest);
    json_error_t error;
    reading r = {.text = text, .size = size};
    errno = 0;
    json_t *root = json_load_callback(give_byte, &r, JSON_REJECT_DUPLICATES, &error);
    if (r.refused || errno == ENOMEM) {
        json_decref(root);
        return af_fail_memory(size, "reading the manifest");
    }
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
