/* SPDX-License-Identifier: MIT
 * What the targets share that are for the engine's readers, which need no libtorch. Each input is read
 * twice: what is refused is refused for the same reason, with a status and a sentence. */
#ifndef FUZZ_READERS_HPP
#define FUZZ_READERS_HPP

#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "fuzz.h"

/* The sentence by which `read` refuses what it reads; nothing, where it does not. */
template <class Read> std::optional<std::string> refusal_of(Read &&read)
{
    std::optional<std::string> sentences[2];
    for (auto &sentence : sentences)
        try {
            read();
        } catch (const af::Failure &failure) {
            REQUIRE(failure.status() == ARTFUSION_ERROR_FORMAT ||
                    failure.status() == ARTFUSION_ERROR_LIMIT);
            sentence = failure.what();
        }
    REQUIRE(sentences[0] == sentences[1]);
    REQUIRE(!sentences[0] || sentences[0]->starts_with("the model file's "));
    return sentences[0];
}

inline std::string_view text_of(const uint8_t *data, size_t size)
{
    return {reinterpret_cast<const char *>(data), size};
}

#endif
