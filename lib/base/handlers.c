/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "base/handlers.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>

typedef struct search {
    uintptr_t address;
    unsigned long at, from; /* the library that is looked at; the first that counts */
    int found;
} search;

/* Libraries come in the order in which they were loaded. */
static int count(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info, (void)size;
    ++*(unsigned long *)data;
    return 0;
}

static int find(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    search *s = data;
    if (s->at++ < s->from)
        return 0;
    for (int i = 0; i < info->dlpi_phnum && !s->found; i++) {
        const ElfW(Phdr) *const part = &info->dlpi_phdr[i];
        s->found = part->p_type == PT_LOAD &&
                   s->address - (info->dlpi_addr + part->p_vaddr) < part->p_memsz;
    }
    return s->found;
}

static uintptr_t address_of(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO ? (uintptr_t)action->sa_sigaction
                                         : (uintptr_t)action->sa_handler;
}

void af_handlers_keep(af_handlers *handlers)
{
    for (int i = 1; i < NSIG; i++)
        handlers->known[i] = sigaction(i, NULL, &handlers->of[i]) == 0;
    handlers->loaded = 0;
    (void)dl_iterate_phdr(count, &handlers->loaded);
}

void af_handlers_give_back(const af_handlers *handlers)
{
    for (int i = 1; i < NSIG; i++) {
        struct sigaction now;
        if (!handlers->known[i] || sigaction(i, NULL, &now) != 0 ||
            address_of(&now) == address_of(&handlers->of[i]))
            continue;
        search s = {.address = address_of(&now), .from = handlers->loaded};
        if (dl_iterate_phdr(find, &s))
            (void)sigaction(i, &handlers->of[i], NULL);
    }
}
