/* SPDX-License-Identifier: MIT */
#include "base/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/digests.h"
#include "base/error.h"
#include "base/floats.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/options.h"

#define MAX_THREADS 1024

static artfusion_context_options default_options(void)
{
    artfusion_context_options options = {
        .struct_size = sizeof options,
        .device = ARTFUSION_DEVICE_AUTO,
        .log_level = ARTFUSION_LOG_WARNING,
    };
    return options;
}

artfusion_status artfusion_context_options_init(artfusion_context_options *options,
                                                size_t struct_size)
{
    af_error_clear();
    const artfusion_context_options defaults = default_options();
    return af_options_write("artfusion_context_options", options, struct_size, &defaults,
                            sizeof defaults);
}

static artfusion_status check(const artfusion_context_options *options)
{
    artfusion_status status = af_check_constant("device", options->device, ARTFUSION_ENUM_DEVICE);
    if (status == ARTFUSION_OK)
        status = af_check_constant("precision", options->precision, ARTFUSION_ENUM_PRECISION);
    if (status == ARTFUSION_OK)
        status = af_check_constant("isolation", options->isolation, ARTFUSION_ENUM_ISOLATION);
    if (status == ARTFUSION_OK)
        status = af_check_integer("log_level", options->log_level, ARTFUSION_LOG_NONE,
                                  ARTFUSION_LOG_DEBUG);
    if (status != ARTFUSION_OK)
        return status;
    if (options->device_index < 0)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "device_index is %d: it counts from 0",
                       (int)options->device_index);
    if (options->device_index > 0 && options->device == ARTFUSION_DEVICE_CPU)
        return af_fail(ARTFUSION_ERROR_ARGUMENT, "device_index is %d: of CPUs there is only 0",
                       (int)options->device_index);
    if (options->threads < 0 || options->threads > MAX_THREADS)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "threads is %d: use 1 to %d, or 0 for the engine's own choice",
                       (int)options->threads, MAX_THREADS);
    if (options->isolation_timeout < 0)
        return af_fail(ARTFUSION_ERROR_ARGUMENT,
                       "isolation_timeout is %d: use milliseconds, or 0 for no limit",
                       (int)options->isolation_timeout);
    return af_digests_check("trusted", options->trusted);
}

/* NULL for NULL. */
static artfusion_status copy_text(const char *text, const char *what, char **copy)
{
    *copy = NULL;
    if (!text)
        return ARTFUSION_OK;
    const size_t size = strlen(text) + 1;
    *copy = af_alloc(size);
    if (!*copy)
        return af_fail_memory(size, what);
    memcpy(*copy, text, size);
    return ARTFUSION_OK;
}

artfusion_status artfusion_context_create(const artfusion_context_options *options,
                                          artfusion_context **context)
{
    af_error_clear();
    if (!context)
        return af_fail_null(context);
    *context = NULL;

    artfusion_context_options given = default_options();
    artfusion_status status =
        af_options_read("artfusion_context_options", options, &given, sizeof given);
    if (status == ARTFUSION_OK)
        status = check(&given);
    if (status != ARTFUSION_OK)
        return status;

    artfusion_context *made = af_alloc_array(1, sizeof *made);
    if (!made)
        return af_fail_memory(sizeof *made, "a context");
    atomic_init(&made->references, 1);
    status = copy_text(given.engine_path, "a path", &made->engine_path);
    if (status == ARTFUSION_OK)
        status = copy_text(given.trusted, "digests", &made->trusted);
    if (status != ARTFUSION_OK) {
        af_context_release(made);
        return status;
    }
    made->device = given.device;
    made->device_index = given.device_index;
    made->threads = given.threads;
    made->precision = given.precision;
    made->log = given.log;
    made->log_user_data = given.log_user_data;
    made->log_level = given.log_level;
    made->memory_limit = given.memory_limit;
    made->isolation = given.isolation;
    made->isolation_timeout = given.isolation_timeout;
    if (made->memory_limit)
        af_memory_return_freed();
    *context = made;
    return ARTFUSION_OK;
}

artfusion_context *af_context_retain(artfusion_context *context)
{
    atomic_fetch_add(&context->references, 1);
    return context;
}

void af_context_release(artfusion_context *context)
{
    if (context && atomic_fetch_sub(&context->references, 1) == 1) {
        af_free(context->engine_path);
        af_free(context->trusted);
        af_free(context);
    }
}

void artfusion_context_destroy(artfusion_context *context)
{
    af_context_release(context);
}

void af_log(const artfusion_context *context, artfusion_log_level level, const char *format, ...)
{
    if (!context->log || level > context->log_level)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    AF_HOST_FLOATS;
    context->log(context->log_user_data, level, text);
}
