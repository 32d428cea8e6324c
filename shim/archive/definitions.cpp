/* SPDX-License-Identifier: MIT */
#include "archive/definitions.hpp"

#include <algorithm>

#include "archive/tuples.hpp"
#include "base/failure.hpp"

namespace af {
namespace {

/* A level of nesting, brackets included, costs torch's compiler up to 1.5 KB of the host's stack: what
 * is deepest by these bounds, and by those of code.cpp and lexer.hpp, opens with 1.5 MiB. */
constexpr size_t MAX_CHAIN = 1000;    /* nesting of a definition and of all it refers to */
constexpr size_t MAX_REFERENCES = 64; /* definitions that refer to another */

void measure(Definitions &definitions, const std::string &name, Definition &definition,
             size_t level)
{
    if (definition.state == 2)
        return;
    if (definition.state == 1)
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file's " + name + " refers to itself by way of others: recursion");
    if (level > MAX_REFERENCES)
        throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's definitions refer to one another " +
                                                 std::to_string(level) + " deep, limit " +
                                                 std::to_string(MAX_REFERENCES));
    definition.state = 1;
    for (const std::string &other : definition.references) {
        Definition &found = definitions.all.find(other)->second;
        measure(definitions, other, found, level + 1);
        definition.chain = std::max(definition.chain, found.chain);
        definition.depth = std::max(definition.depth, found.depth + 1);
    }
    for (const std::string &part : definition.parts)
        definition.values = std::min(definition.values + definitions.all.find(part)->second.values,
                                     Tuples::MOST + 1);
    definition.chain += definition.weight;
    definition.state = 2;
    if (definition.depth > MAX_REFERENCES || definition.chain > MAX_CHAIN)
        throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's " + name +
                                                 " and what it refers to are nested deeper than " +
                                                 std::to_string(MAX_CHAIN));
}

} // namespace

Names check_definitions(Definitions &definitions)
{
    Names modules;
    size_t values = 1;
    for (auto &[name, definition] : definitions.all) {
        measure(definitions, name, definition, 0);
        if (definition.module)
            modules.insert(name);
        values = std::max(values, definition.values);
    }
    /* Each value of a tuple may be of the longest type, and each name in that a NamedTuple. */
    if (std::max({values, definitions.type, definitions.tuple}) > Tuples::MOST ||
        values * definitions.type * definitions.tuple > Tuples::MOST)
        throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's tuples may hold more than " +
                                                 std::to_string(Tuples::MOST) +
                                                 " values, by every way to each");
    return modules;
}

} // namespace af
