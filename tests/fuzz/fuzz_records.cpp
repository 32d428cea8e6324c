/* SPDX-License-Identifier: MIT
 * The records of a model file, as the library hands them to the engine: each begins with a line "#NAME",
 * and a line's end before that is no content. One whose content begins with 0xff cannot be read, as of
 * a file that has changed. */
#include "archive/archive.hpp"

#include <strings.h>

#include <algorithm>
#include <string>
#include <vector>

#include "operators.hpp"
#include "readers.hpp"

namespace {

struct Records {
    af_model_records base; /* first: what is handed over is one of these */
    std::vector<std::string> names, contents;
    std::vector<af_model_record> list;
    bool failed = false;
};

artfusion_status read_content(const af_model_records *records, size_t index, void *buffer)
{
    auto *own = const_cast<Records *>(reinterpret_cast<const Records *>(records));
    REQUIRE(index < own->contents.size());
    const std::string &content = own->contents[index];
    if (content.starts_with('\xff')) {
        own->failed = true;
        return ARTFUSION_ERROR_CHECKSUM;
    }
    std::copy(content.begin(), content.end(), static_cast<char *>(buffer));
    return ARTFUSION_OK;
}

/* The library has refused two of one name, in whatever case, and names with a zero. */
bool is_new(const Records &records, const std::string &name)
{
    return name.find('\0') == std::string::npos &&
           std::none_of(records.names.begin(), records.names.end(), [&](const std::string &other) {
               return strcasecmp(other.c_str(), name.c_str()) == 0;
           });
}

void take_records(Records &records, std::string_view text)
{
    bool keeps = false;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        const std::string line(text.substr(0, end));
        text.remove_prefix(end);
        if (line[0] == '#') {
            const std::string name = line.substr(1, line.size() - 2);
            keeps = is_new(records, name);
            if (keeps) {
                records.names.push_back(name);
                records.contents.emplace_back();
            }
        } else if (keeps) {
            records.contents.back() += line;
        }
    }
    for (std::string &content : records.contents)
        if (content.ends_with('\n'))
            content.pop_back();
    for (size_t i = 0; i < records.names.size(); i++)
        records.list.push_back({records.names[i].c_str(), records.contents[i].size(), 0});
    records.base = {records.list.data(), records.list.size(), read_content};
}

bool has(const Records &records, const char *name)
{
    return std::find(records.names.begin(), records.names.end(), name) != records.names.end();
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Records records;
    take_records(records, text_of(data, size));
    try {
        af::check_archive(records.base);
    } catch (const af::Failure &failure) {
        const std::string_view sentence = failure.what();
        REQUIRE(failure.status() == ARTFUSION_ERROR_FORMAT ||
                failure.status() == ARTFUSION_ERROR_LIMIT || records.failed);
        REQUIRE(sentence.find("the model file's ") != sentence.npos ||
                sentence.starts_with("the model file has "));
        REQUIRE(records.failed == (failure.status() == ARTFUSION_ERROR_CHECKSUM));
        return 0;
    }
    REQUIRE(!records.failed && has(records, "data.pkl") && has(records, "constants.pkl"));
    for (const std::string &name : records.names)
        REQUIRE(name.find('/') != std::string::npos || name.find('.') != std::string::npos ||
                name == "version" || name == "byteorder");
    return 0;
}
