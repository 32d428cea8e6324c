/* SPDX-License-Identifier: MIT */
#include "archive/records.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/failure.hpp"

namespace af {
namespace {

constexpr std::string_view FOLDER = "model/";

void put(std::string &to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

/* All numbers of sizes and places stand where those of large archives do, so that there is one
 * form. */
constexpr uint64_t ELSEWHERE = 0xFFFFFFFF;

/* The fields that both headers of a record have: version, flags, method, time, date, CRC, sizes. */
void put_common(std::string &to, const af_model_record &record)
{
    put(to, 45, 2);
    to.append(2 + 2 + 2, '\0');
    put(to, 1 << 5 | 1, 2); /* the first day that there can be */
    put(to, record.crc, 4);
    put(to, ELSEWHERE, 4);
    put(to, ELSEWHERE, 4);
    put(to, FOLDER.size() + std::strlen(record.name), 2);
}

void put_name(std::string &to, const af_model_record &record)
{
    to.append(FOLDER).append(record.name);
}

void put_local(std::string &to, const af_model_record &record)
{
    to.append("PK\3\4", 4);
    put_common(to, record);
    put(to, 4 + 16, 2);
    put_name(to, record);
    put(to, 1, 2);
    put(to, 16, 2);
    put(to, record.size, 8);
    put(to, record.size, 8);
}

void put_central(std::string &to, const af_model_record &record, uint64_t local)
{
    to.append("PK\1\2", 4);
    put(to, 45, 2);
    put_common(to, record);
    put(to, 4 + 24, 2);
    to.append(2 + 2 + 2 + 4, '\0'); /* no comment, first disk, no attributes */
    put(to, ELSEWHERE, 4);
    put_name(to, record);
    put(to, 1, 2);
    put(to, 24, 2);
    put(to, record.size, 8);
    put(to, record.size, 8);
    put(to, local, 8);
}

void put_end(std::string &to, uint64_t count, uint64_t directory, uint64_t size)
{
    to.append("PK\6\6", 4);
    put(to, 44, 8);
    put(to, 45, 2);
    put(to, 45, 2);
    put(to, 0, 4 + 4);
    put(to, count, 8);
    put(to, count, 8);
    put(to, size, 8);
    put(to, directory, 8);
    to.append("PK\6\7", 4);
    put(to, 0, 4);
    put(to, directory + size, 8);
    put(to, 1, 4);
    to.append("PK\5\6", 4);
    put(to, 0, 2 + 2);
    put(to, 0xFFFF, 2);
    put(to, 0xFFFF, 2);
    put(to, ELSEWHERE, 4);
    put(to, ELSEWHERE, 4);
    put(to, 0, 2);
}

} // namespace

RecordArchive::RecordArchive(const af_model_records &records)
    : records_(records), held_record_(records.count)
{
    std::vector<size_t> ends; /* of frames */
    std::string directory;
    for (size_t i = 0; i < records.count; i++) {
        const af_model_record &record = records.list[i];
        const size_t before = frames_.size();
        put_central(directory, record, size_);
        put_local(frames_, record);
        const size_t frame = frames_.size() - before;
        parts_.push_back({size_, frame, nullptr, i});
        parts_.push_back({size_ + frame, record.size, nullptr, i});
        ends.push_back(frames_.size());
        if (record.size > UINT64_MAX / 2 - size_ - frame)
            throw Failure(ARTFUSION_ERROR_LIMIT, "the model file's records are too large");
        size_ += frame + record.size;
    }
    const size_t before = frames_.size();
    put_end(directory, records.count, size_, directory.size());
    frames_ += directory;
    parts_.push_back({size_, frames_.size() - before, frames_.data() + before, 0});
    size_ += frames_.size() - before;
    for (size_t i = 0; i < records.count; i++) /* which do not move any more */
        parts_[2 * i].frame = frames_.data() + ends[i] - parts_[2 * i].size;
}

/* Torch reads a record at once. Another reader need not. */
void RecordArchive::read_part(const Part &part, uint64_t offset, void *buffer, size_t count) const
{
    if (part.frame) {
        std::memcpy(buffer, part.frame + offset, count);
        return;
    }
    if (count == part.size) {
        read_record(records_, part.record, buffer);
        return;
    }
    if (held_record_ != part.record) {
        held_record_ = records_.count;
        held_.resize(static_cast<size_t>(part.size));
        read_record(records_, part.record, held_.data());
        held_record_ = part.record;
    }
    std::memcpy(buffer, held_.data() + offset, count);
}

size_t RecordArchive::read(uint64_t position, void *buffer, size_t count, const char *) const
{
    if (position > size_ || count > size_ - position)
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "torch cannot load the model file: it was read beyond its records");
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), position,
                         [](uint64_t wanted, const Part &part) { return wanted < part.begin; });
    size_t done = 0;
    for (auto part = std::prev(after); done < count; ++part) {
        const uint64_t offset = position + done - part->begin;
        const size_t now =
            static_cast<size_t>(std::min<uint64_t>(part->size - offset, count - done));
        if (now)
            read_part(*part, offset, static_cast<char *>(buffer) + done, now);
        done += now;
    }
    return count;
}

} // namespace af
