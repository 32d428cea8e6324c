/* SPDX-License-Identifier: MIT
 * The classes and functions of a model file's code, and what they refer to. */
#ifndef AF_SHIM_DEFINITIONS_HPP
#define AF_SHIM_DEFINITIONS_HPP

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "archive/lexer.hpp"

namespace af {

constexpr size_t MAX_DEFINITIONS = 20000;

/* A class or a function, and what it refers to. */
struct Definition {
    bool module = false;
    size_t weight = 0; /* nesting that compiling it takes at most */
    Names references;
    Names attributes;               /* of a module, but for constants */
    std::vector<std::string> parts; /* of a NamedTuple: definitions in its fields */
    size_t values = 1; /* of a NamedTuple: itself and its fields, and then their parts */
    /* while paths are measured: 0 not yet, 1 begun, 2 done */
    int state = 0;
    size_t chain = 0, depth = 0;
};

/* What is defined anywhere in the file. */
struct Definitions {
    std::map<std::string, Definition, std::less<>> all;
    Names methods;
    Names text_constants; /* Final ones with strings */
    size_t type = 1;      /* names in the longest type */
    size_t tuple = 1;     /* Tuples::heaviest of any record */
};

/* Gives the names of the classes of modules. Throws Failure for definitions that refer to themselves,
 * or are nested, or hold values, beyond the limits. */
Names check_definitions(Definitions &definitions);

} // namespace af

#endif
