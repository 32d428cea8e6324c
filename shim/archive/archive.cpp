/* SPDX-License-Identifier: MIT */
#include "archive/archive.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/code.hpp"
#include "archive/pickle.hpp"
#include "archive/read_record.hpp"
#include "base/failure.hpp"

namespace af {
namespace {

constexpr size_t MAX_RECORDS = 65535;

bool is_number(std::string_view text)
{
    return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
}

/* What torch.jit.save writes, beside what is read below. Whatever else torch's reader
 * knows, such as older formats, is not looked for. */
bool is_known(std::string_view name)
{
    constexpr std::string_view names[] = {"version", "byteorder", ".data/serialization_id",
                                          ".format_version", ".storage_alignment"};
    return name.starts_with("extra/") ||
           std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class Archive {
public:
    explicit Archive(const af_model_records &records) : records_(records) {}

    void check()
    {
        sort_records();
        const auto modules = check_code(code_);
        check_pickle(read_pickle("data.pkl"), rules("data.pkl", modules, data_, true));
        check_pickle(read_pickle("constants.pkl"),
                     rules("constants.pkl", modules, constants_, false));
        check_all_used("data/", data_);
        check_all_used("constants/", constants_);
    }

private:
    struct Storage {
        uint64_t size;
        bool used = false;
    };
    using Storages = std::map<std::string, Storage, std::less<>>;

    void sort_records()
    {
        if (records_.count > MAX_RECORDS)
            throw Failure(ARTFUSION_ERROR_LIMIT,
                          "the model file has " + std::to_string(records_.count) +
                              " records, limit " + std::to_string(MAX_RECORDS));
        size_t code = 0;
        for (size_t i = 0; i < records_.count; i++) {
            const std::string_view name = records_.list[i].name;
            const uint64_t size = records_.list[i].size;
            if (name.starts_with("data/") && is_number(name.substr(5)))
                data_.emplace(name.substr(5), Storage{size});
            else if (name.starts_with("constants/") && is_number(name.substr(10)))
                constants_.emplace(name.substr(10), Storage{size});
            else if (name.starts_with("code/") && name.ends_with(".py")) {
                code_.push_back(
                    {std::string(name), read(i, std::min(MAX_CODE_RECORD, MAX_CODE - code))});
                code += code_.back().text.size();
            } else if (name == "data.pkl" || name == "constants.pkl")
                pickles_.emplace(name, i);
            else if (!is_known(name) &&
                     !(name.starts_with("code/") && name.ends_with(".debug_pkl")))
                throw Failure(ARTFUSION_ERROR_FORMAT,
                              "the model file has a record " + std::string(name.substr(0, 128)) +
                                  ", which is nothing that torch.jit.save writes");
        }
    }

    std::string read(size_t index, size_t limit)
    {
        const af_model_record &record = records_.list[index];
        if (record.size > limit)
            throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's " + std::string(record.name) +
                                                     " has " + std::to_string(record.size) +
                                                     " bytes, limit " + std::to_string(limit));
        std::string text(static_cast<size_t>(record.size), '\0');
        read_record(records_, index, text.data());
        return text;
    }

    std::string read_pickle(const std::string &name)
    {
        const auto found = pickles_.find(name);
        if (found == pickles_.end())
            throw Failure(ARTFUSION_ERROR_FORMAT, "the model file has no record " + name);
        return read(found->second, MAX_PICKLE);
    }

    /* What no tensor has could be anything, such as another text that a digest without lengths
     * takes for more records. */
    static void check_all_used(const std::string &folder, const Storages &storages)
    {
        for (const auto &[key, storage] : storages)
            if (!storage.used)
                throw Failure(ARTFUSION_ERROR_FORMAT, "the model file has a record " + folder +
                                                          key + ", which no tensor is in");
    }

    PickleRules rules(std::string_view name, const std::set<std::string, std::less<>> &modules,
                      Storages &storages, bool is_object)
    {
        return {name, &modules,
                [&storages](std::string_view key) -> std::optional<uint64_t> {
                    const auto found = storages.find(key);
                    if (found == storages.end())
                        return std::nullopt;
                    found->second.used = true;
                    return found->second.size;
                },
                is_object};
    }

    const af_model_records &records_;
    Storages data_, constants_;
    std::map<std::string, size_t, std::less<>> pickles_;
    std::vector<CodeRecord> code_;
};

} // namespace

void check_archive(const af_model_records &records)
{
    Archive(records).check();
}

} // namespace af
