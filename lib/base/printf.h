/* SPDX-License-Identifier: MIT
 * AF_PRINTF(FORMAT, FIRST): a function takes a format as C17's printf does, by these arguments. */
#ifndef AF_BASE_PRINTF_H
#define AF_BASE_PRINTF_H

#if defined(_WIN32) && defined(__GNUC__) && \
    !defined(__clang__) /* whose printf is Microsoft's old one */
#define AF_PRINTF(format_at, first_at) __attribute__((format(gnu_printf, format_at, first_at)))
#elif defined(__GNUC__)
#define AF_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define AF_PRINTF(format_at, first_at)
#endif

#endif
