// SPDX-License-Identifier: MIT
// The archive that torch reads a model file's records out of: the core's own reader of archives, which
// takes no byte that is of no record, finds those records in it and nothing else.
#include "archive/records.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/failure.hpp"

extern "C" {
#include "model/unpack.h"
}

namespace {

int failures = 0;

void expect(bool good, const char *what, int line)
{
    if (good)
        return;
    std::printf("line %d: not so: %s\n", line, what);
    failures++;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

// Runs function, which must throw an af::Failure of that status.
template <class Function> void expect_failure(artfusion_status status, int line, Function function)
{
    try {
        function();
    } catch (const af::Failure &failure) {
        expect(failure.status() == status, failure.what(), line);
        return;
    }
    expect(false, "throws", line);
}

// ---- records of our own -----------------------------------------------------------

struct Records {
    af_model_records base{}; // first: `read` gets its address
    std::vector<std::string> contents{"3\n", "", std::string(100000, 'w'), "text"};
    std::vector<af_model_record> list;
    mutable std::vector<int> reads;
    size_t failing = ~size_t{0};

    Records()
    {
        static const char *const names[] = {"version", "data/0", "data/1", "code/__torch__.py"};
        for (size_t i = 0; i < contents.size(); i++) {
            const auto *bytes = reinterpret_cast<const Bytef *>(contents[i].data());
            list.push_back({names[i], contents[i].size(),
                            static_cast<uint32_t>(crc32_z(0, bytes, contents[i].size()))});
        }
        reads.resize(list.size());
        base = {list.data(), list.size(), read};
    }

    static artfusion_status read(const af_model_records *base, size_t index, void *buffer)
    {
        const auto *self = reinterpret_cast<const Records *>(base);
        self->reads[index]++;
        if (index == self->failing)
            return ARTFUSION_ERROR_CHECKSUM;
        std::memcpy(buffer, self->contents[index].data(), self->contents[index].size());
        return ARTFUSION_OK;
    }
};

std::string read_in_pieces(const af::RecordArchive &archive, size_t piece)
{
    std::string all(archive.size(), '\0');
    for (size_t at = 0; at < all.size(); at += piece)
        archive.read(at, all.data() + at, std::min(piece, all.size() - at), "");
    return all;
}

// ---- the tests --------------------------------------------------------------------

void the_archive_is_of_the_records()
{
    const Records records;
    std::string bytes = read_in_pieces(af::RecordArchive(records.base), SIZE_MAX);
    af_model_source source;
    af_archive archive;
    af_source_open_memory(&source, bytes.data(), bytes.size());
    EXPECT(af_archive_read(&source.base, &archive) == ARTFUSION_OK);
    EXPECT(archive.count == records.list.size());
    for (size_t i = 0; i < archive.count && i < records.list.size(); i++) {
        const af_entry &entry = archive.entries[i];
        std::string content(records.contents[i].size(), '\0');
        EXPECT(entry.name == std::string("model/") + records.list[i].name);
        EXPECT(entry.size == content.size() && !entry.packed);
        af_unpacking unpacking;
        EXPECT(af_unpacking_begin(&unpacking, &source.base, &entry) == ARTFUSION_OK);
        EXPECT(af_unpacking_next(&unpacking, content.data(), content.size()) == ARTFUSION_OK);
        EXPECT(af_unpacking_finish(&unpacking) == ARTFUSION_OK);
        af_unpacking_end(&unpacking);
        EXPECT(content == records.contents[i]);
    }
    af_archive_clear(&archive);
}

void it_can_be_read_in_pieces()
{
    const Records whole;
    const std::string bytes = read_in_pieces(af::RecordArchive(whole.base), SIZE_MAX);
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}}) {
        const Records records;
        EXPECT(read_in_pieces(af::RecordArchive(records.base), piece) == bytes);
        for (size_t i = 0; i < records.reads.size();
             i++) // of the empty one there is nothing to read
            EXPECT(records.reads[i] == (records.list[i].size ? 1 : 0));
    }
}

void what_cannot_be_read_is_told()
{
    Records records;
    const af::RecordArchive archive(records.base);
    std::string bytes(archive.size() + 1, '\0');
    expect_failure(ARTFUSION_ERROR_FORMAT, __LINE__,
                   [&] { archive.read(0, bytes.data(), bytes.size(), ""); });
    expect_failure(ARTFUSION_ERROR_FORMAT, __LINE__,
                   [&] { archive.read(bytes.size(), bytes.data(), 0, ""); });
    EXPECT(archive.read(archive.size(), bytes.data(), 0, "") == 0);
    records.failing = 2;
    for (int i = 0; i < 2; i++) // nothing of it is kept
        expect_failure(ARTFUSION_ERROR_CHECKSUM, __LINE__, [&] { read_in_pieces(archive, 7); });
    records.failing = ~size_t{0};
    EXPECT(read_in_pieces(archive, 7) == read_in_pieces(archive, SIZE_MAX));
}

} // namespace

int main()
{
    the_archive_is_of_the_records();
    it_can_be_read_in_pieces();
    what_cannot_be_read_is_told();
    return failures ? 1 : 0;
}
