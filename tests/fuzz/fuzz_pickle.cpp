/* SPDX-License-Identifier: MIT
 * A pickle of a model file: a byte says whether it is data.pkl or constants.pkl, the rest is it. The
 * file has two classes of modules, and ten records of weights, of which number N has 8 N bytes. */
#include "archive/pickle.hpp"

#include "readers.hpp"

namespace {

std::optional<uint64_t> size_of(std::string_view key)
{
    if (key.size() != 1 || key[0] < '0' || key[0] > '9')
        return std::nullopt;
    return 8 * static_cast<uint64_t>(key[0] - '0');
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const std::set<std::string, std::less<>> modules{"__torch__.Bundle", "__torch__.Part"};
    if (!size)
        return 0;
    const std::string_view pickle = text_of(data + 1, size - 1);
    const bool is_object = data[0] % 2 == 0;
    const std::string_view name = is_object ? "data.pkl" : "constants.pkl";
    const auto refusal =
        refusal_of([&] { af::check_pickle(pickle, {name, &modules, size_of, is_object}); });
    if (refusal) {
        REQUIRE(refusal->starts_with("the model file's " + std::string(name) + ", byte "));
        return 0;
    }
    REQUIRE(pickle.size() >= 3 && pickle.starts_with("\x80\x02") && pickle.back() == '.');
    /* Nothing of the kind that the other is. */
    REQUIRE(refusal_of([&] { af::check_pickle(pickle, {name, &modules, size_of, !is_object}); }));
    return 0;
}
