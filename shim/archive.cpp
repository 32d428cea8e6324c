/* SPDX-License-Identifier: MIT */
#include "archive.hpp"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "code.hpp"
#include "failure.hpp"
#include "pickle.hpp"
#include "source.hpp"

namespace af {
namespace {

constexpr size_t MAX_RECORDS = 65535;

using Sizes = std::map<std::string, uint64_t, std::less<>>;

bool is_number(std::string_view text)
{
    return !text.empty() && text.size() < 10 &&
           text.find_first_not_of("0123456789") == text.npos;
}

/* What torch.jit.save writes; data.pkl and its like are read below. Whatever else torch's reader
 * knows, such as older formats, is not looked for. */
bool is_known(std::string_view name)
{
    constexpr std::string_view names[] = {"data.pkl",  "constants.pkl",          "version",
                                          "byteorder", ".data/serialization_id", ".format_version",
                                          ".storage_alignment"};
    return name.starts_with("extra/") ||
           std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class Archive {
public:
    explicit Archive(const af_source &source)
        : reader_(std::make_shared<SourceReader>(source))
    {
    }

    void check()
    {
        sort_records();
        const auto modules = check_code(code_);
        check_pickle(read("data.pkl", MAX_PICKLE), rules("data.pkl", modules, data_, true));
        check_pickle(read("constants.pkl", MAX_PICKLE),
                     rules("constants.pkl", modules, constants_, false));
    }

private:
    void sort_records()
    {
        const std::vector<std::string> names = reader_.getAllRecords();
        if (names.size() > MAX_RECORDS)
            throw Failure(ARTFUSION_ERROR_LIMIT,
                          "the model file has " + std::to_string(names.size()) +
                              " records, limit " + std::to_string(MAX_RECORDS));
        size_t code = 0;
        for (const std::string &name : names) {
            const std::string_view view = name;
            if (view.starts_with("data/") && is_number(view.substr(5)))
                data_.emplace(name.substr(5), reader_.getRecordSize(name));
            else if (view.starts_with("constants/") && is_number(view.substr(10)))
                constants_.emplace(name.substr(10), reader_.getRecordSize(name));
            else if (view.starts_with("code/") && view.ends_with(".py")) {
                code_.push_back({name, read(name, std::min(MAX_CODE_RECORD, MAX_CODE - code))});
                code += code_.back().text.size();
            } else if (!is_known(view) &&
                       !(view.starts_with("code/") && view.ends_with(".debug_pkl")))
                throw Failure(ARTFUSION_ERROR_FORMAT,
                              "the model file has a record " + name.substr(0, 128) +
                                  ", which is nothing that torch.jit.save writes");
        }
    }

    std::string read(const std::string &name, size_t limit)
    {
        const size_t size = reader_.getRecordSize(name);
        if (size > limit)
            throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's " + name + " has " +
                                                     std::to_string(size) + " bytes, limit " +
                                                     std::to_string(limit));
        std::string text(size, '\0');
        if (size)
            reader_.getRecord(name, text.data(), size);
        return text;
    }

    PickleRules rules(std::string_view name, const std::set<std::string, std::less<>> &modules,
                      const Sizes &sizes, bool is_object)
    {
        return {name, &modules,
                [&sizes](std::string_view key) -> std::optional<uint64_t> {
                    const auto found = sizes.find(key);
                    return found == sizes.end() ? std::nullopt : std::optional(found->second);
                },
                is_object};
    }

    caffe2::serialize::PyTorchStreamReader reader_;
    Sizes data_, constants_;
    std::vector<CodeRecord> code_;
};

} // namespace

void check_archive(const af_source &source)
{
    Archive(source).check();
}

} // namespace af
