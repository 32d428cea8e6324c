/* SPDX-License-Identifier: MIT
 * JSON: changes the tree, so that the text stays JSON and its fields are reached. */
#include <jansson.h>
#include <stdlib.h>

#include "mutate.h"

static json_t *scalar(choices *c)
{
    static const char *const words[] = {"",   "ddim", "unipc",    "linear",          "cosine",
                                        "x0", "v",    "trailing", "artfusion-model", "1"};
    static const json_int_t integers[] = {
        0,        1,    -1,   2,     3,     4,       8,         16,
        255,      1000, 1001, 65535, 65536, 1 << 20, INT32_MAX, (json_int_t)INT32_MAX + 1,
        INT64_MAX};
    static const double reals[] = {0.0, 0.0015, 0.0195, 0.5, 1.0, 1.5, -0.5, 1e-300, 1e300, 1e39};
    switch (pick(c, 7)) {
    case 0: return json_string(words[pick(c, sizeof words / sizeof *words)]);
    case 1: return json_real(reals[pick(c, sizeof reals / sizeof *reals)]);
    case 2: return json_boolean(pick(c, 2));
    case 3: return json_null();
    case 4: return json_array();
    case 5: return json_object();
    default: return json_integer(integers[pick(c, sizeof integers / sizeof *integers)]);
    }
}

static size_t members(const json_t *node)
{
    return json_is_object(node) ? json_object_size(node) : json_array_size(node);
}

static void change_object(json_t *object, choices *c)
{
    static const char *const keys[] = {"presets",
                                       "bold",
                                       "steps",
                                       "content_start",
                                       "style_end",
                                       "name",
                                       "a-preset-of-thirty-one-letters1"};
    void *iterator = json_object_iter(object);
    for (uint32_t skip = pick(c, (uint32_t)json_object_size(object)); skip; skip--)
        iterator = json_object_iter_next(object, iterator);
    char key[64];
    strncpy(key, json_object_iter_key(iterator), sizeof key - 1);
    key[sizeof key - 1] = '\0';
    switch (pick(c, 4)) {
    case 0: json_object_del(object, key); break;
    case 1: json_object_set(object, keys[pick(c, 7)], json_object_iter_value(iterator)); break;
    default: json_object_set_new(object, key, scalar(c));
    }
}

static void change_array(json_t *array, choices *c)
{
    const size_t at = pick(c, (uint32_t)json_array_size(array));
    switch (pick(c, 3)) {
    case 0: json_array_remove(array, at); break;
    case 1: json_array_append(array, json_array_get(array, at)); break;
    default: json_array_set_new(array, at, scalar(c));
    }
}

/* Goes down by chance and changes a member where it stops. */
static void change(json_t *node, choices *c)
{
    for (;;) {
        json_t *below = NULL;
        if (json_is_object(node)) {
            void *iterator = json_object_iter(node);
            for (uint32_t skip = pick(c, (uint32_t)members(node)); skip; skip--)
                iterator = json_object_iter_next(node, iterator);
            below = json_object_iter_value(iterator);
        } else {
            below = json_array_get(node, pick(c, (uint32_t)members(node)));
        }
        if (!members(below) || pick(c, 3) == 0)
            break;
        node = below;
    }
    if (json_is_object(node))
        change_object(node, c);
    else
        change_array(node, c);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    choices c = choices_of(seed);
    json_t *root = pick(&c, 4) ? json_loadb((const char *)data, size, 0, NULL) : NULL;
    if (!root || !members(root)) {
        json_decref(root);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    for (uint32_t changes = 1 + pick(&c, 3); changes && members(root); changes--)
        change(root, &c);
    const size_t written = json_dumpb(root, (char *)data, max_size, JSON_COMPACT);
    json_decref(root);
    return written <= max_size ? written : max_size;
}
