/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"

static const double redraw_seconds = 0.1; /* a faster bar only flickers */

static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void format_left(double seconds, char *text, size_t size)
{
    const long whole = (long)ceil(seconds);
    if (whole >= 3600)
        snprintf(text, size, "%ld h %ld min left", whole / 3600, whole / 60 % 60);
    else if (whole >= 60)
        snprintf(text, size, "%ld min %ld s left", whole / 60, whole % 60);
    else
        snprintf(text, size, "%ld s left", whole);
}

/* Empty until two steps tell how long one takes, and at the end. */
static void estimate(const struct progress *progress, int32_t step, int32_t steps, double now,
                     char *text, size_t size)
{
    text[0] = '\0';
    if (step >= 2 && step < steps)
        format_left((now - progress->first_at) / (step - 1) * (steps - step), text, size);
}

static void draw_bar(int32_t step, int32_t steps, const char *left)
{
    char bar[64];
    const int32_t percent = (int32_t)(100LL * step / steps);
    const int room = columns() - 1 -
                     snprintf(NULL, 0, "sampling [] %d/%d  %3d %%  %s", step, steps, percent,
                              "59 min 59 s left");
    const int width = room < 4 ? 0 : room < (int)sizeof bar ? room : (int)sizeof bar - 1;
    const int filled = (int)((long long)width * step / steps);
    memset(bar, ' ', sizeof bar);
    memset(bar, '=', (size_t)filled);
    fprintf(stderr, PROGRESS_CLEAR "sampling [%.*s] %d/%d  %3d %%  %s", width, bar, step, steps,
            percent, left);
}

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.quiet = quiet, .terminal = is_terminal()};
}

void progress_note(struct progress *progress, const char *what)
{
    if (progress->quiet || !progress->terminal)
        return;
    fprintf(stderr, PROGRESS_CLEAR "%s", what);
    fflush(stderr);
    progress->drawn = true;
}

void progress_step(struct progress *progress, int32_t step, int32_t steps)
{
    if (progress->quiet || steps <= 0)
        return;
    const double now = clock_seconds();
    char left[48];
    if (step == 1)
        progress->first_at = now;
    estimate(progress, step, steps, now, left, sizeof left);
    if (progress->terminal) {
        if (step > 1 && step < steps && now - progress->drawn_at < redraw_seconds)
            return;
        draw_bar(step, steps, left);
        progress->drawn_at = now;
        progress->drawn = true;
    } else {
        const int32_t tenths = (int32_t)(10LL * step / steps);
        if (tenths == progress->tenths)
            return;
        progress->tenths = tenths;
        fprintf(stderr, "step %d of %d, %d %%%s%s\n", step, steps, (int)(100LL * step / steps),
                left[0] == '\0' ? "" : ", ", left);
    }
    fflush(stderr);
}

void progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs(PROGRESS_CLEAR, stderr);
    fflush(stderr);
    progress->drawn = false;
}
