/* SPDX-License-Identifier: MIT
 *
 * The pickles of a model file, read before torch does. Torch believes them: a tensor may reach
 * beyond its storage and a storage beyond its record, an object may hold itself, and building one
 * may run code.
 */
#ifndef AF_SHIM_PICKLE_HPP
#define AF_SHIM_PICKLE_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace af {

constexpr size_t MAX_PICKLE = size_t{16} << 20;

struct PickleRules {
    std::string_view name;                             /* "data.pkl", for messages */
    const std::set<std::string, std::less<>> *modules; /* what objects may be of */
    /* The bytes of the record that holds a storage. */
    std::function<std::optional<uint64_t>(std::string_view key)> storage_size;
    bool is_object; /* the whole: else it is a tuple */
};

/* Follows the pickle as torch's reader would, without its values. Throws Failure. */
void check_pickle(std::string_view bytes, const PickleRules &rules);

} // namespace af

#endif
