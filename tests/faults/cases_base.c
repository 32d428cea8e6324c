/* SPDX-License-Identifier: MIT
 * Versions, errors, contexts, and the one call. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"

static void version(outcome *o)
{
    uint32_t number;
    QUIETLY(number = artfusion_version());
    take(o, &number, sizeof number);
}

static void version_string(outcome *o)
{
    const char *text;
    QUIETLY(text = artfusion_version_string());
    take_text(o, text);
}

static void error_message(outcome *o)
{
    const char *text;
    (void)artfusion_check_version(0);
    QUIETLY(text = artfusion_error_message());
    take_text(o, text);
}

static void status_name(outcome *o)
{
    const char *text;
    QUIETLY(text = artfusion_status_name(ARTFUSION_ERROR_IO));
    take_text(o, text);
}

static void check_version(outcome *o)
{
    ATTEMPT(o, artfusion_check_version(ARTFUSION_VERSION));
}

static void context_options_init(outcome *o)
{
    artfusion_context_options options;
    ATTEMPT(o, artfusion_context_options_init(&options, sizeof options));
    take(o, &options, sizeof options);
}

static void context_create(outcome *o)
{
    artfusion_context *context;
    artfusion_context_options options;
    MUST(artfusion_context_options_init(&options, sizeof options));
    options.engine_path = "an engine's path, which is copied";
    options.trusted = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    ATTEMPT_MAKING(o, context, artfusion_context_create(&options, &context));
    artfusion_context_destroy(context);
}

static void context_destroy(outcome *o)
{
    (void)o;
    artfusion_context *context;
    MUST(artfusion_context_create(NULL, &context));
    QUIETLY(artfusion_context_destroy(context));
}

static void name_of(outcome *o)
{
    const char *text;
    QUIETLY(text = artfusion_name_of(ARTFUSION_ENUM_SOLVER, ARTFUSION_SOLVER_UNIPC));
    take_text(o, text);
}

static void value_of(outcome *o)
{
    int32_t value;
    ATTEMPT(o, artfusion_value_of(ARTFUSION_ENUM_SOLVER, "unipc", &value));
    take(o, &value, sizeof value);
}

/* What was there stays until the call succeeds. */
static void stylize(outcome *o, const char *name, int there)
{
    const char *out = path_of(name);
    FILE *file = there ? fopen(out, "w") : NULL;
    if (there && (!file || fputs("before", file) < 0 || fclose(file) != 0))
        wrong(o, "%s cannot be written", out);
    faults_arm();
    const artfusion_status status = artfusion_stylize_file(w.model, w.png, w.style_png, out);
    faults_disarm();
    attempted(o, status);
    if (status < 0) {
        outcome left = {0};
        if (access(out, F_OK) == 0)
            take_file(&left, out);
        if (there ? left.size != 6 || left.bytes[0] != 'b' : left.size != 0)
            wrong(o, "the output is not what it was before the failure");
        free(left.bytes);
        o->again = artfusion_stylize_file(w.model, w.png, w.style_png, out);
    }
    take_file(o, out);
    (void)unlink(out);
}

static void stylize_png(outcome *o)
{
    stylize(o, "new.png", 0);
}

static void stylize_jpeg(outcome *o)
{
    stylize(o, "old.jpg", 1);
}

const fault_case base_cases[] = {
    {"artfusion_version", NULL, version, 0, {NULL}},
    {"artfusion_version_string", NULL, version_string, 0, {NULL}},
    {"artfusion_error_message", NULL, error_message, 0, {NULL}},
    {"artfusion_status_name", NULL, status_name, 0, {NULL}},
    {"artfusion_check_version", NULL, check_version, 0, {NULL}},
    {"artfusion_stylize_file", "a new PNG", stylize_png, ABSORBS | LIES, {NULL}},
    {"artfusion_stylize_file", "over a JPEG", stylize_jpeg, ABSORBS, {NULL}},
    {"artfusion_stylize_file", "first in a process", stylize_png, ABSORBS | COLD, {NULL}},
    {"artfusion_context_options_init", NULL, context_options_init, 0, {NULL}},
    {"artfusion_context_create", NULL, context_create, 0, {NULL}},
    {"artfusion_context_destroy", NULL, context_destroy, 0, {NULL}},
    {"artfusion_name_of", NULL, name_of, 0, {NULL}},
    {"artfusion_value_of", NULL, value_of, 0, {NULL}},
    {NULL, NULL, NULL, 0, {NULL}},
};
