/* SPDX-License-Identifier: MIT
 *
 * The records that the library has checked as torch's archive reader wants them: as a zip archive,
 * of which all but the records' content is made here. So torch sees no other directory than this,
 * whatever the model file holds besides. */
#ifndef AF_SHIM_RECORDS_HPP
#define AF_SHIM_RECORDS_HPP

#include <caffe2/serialize/read_adapter_interface.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "archive/read_record.hpp"

namespace af {

/* Borrows `records`, for the length of torch::jit::load, which reads everything on one thread. */
class RecordArchive final : public caffe2::serialize::ReadAdapterInterface {
public:
    explicit RecordArchive(const af_model_records &records);

    size_t size() const override { return static_cast<size_t>(size_); }
    size_t read(uint64_t position, void *buffer, size_t count, const char *what) const override;

private:
    struct Part { /* of the archive: bytes of `frames_`, or a record's content */
        uint64_t begin, size;
        const char *frame;
        size_t record;
    };

    void read_part(const Part &part, uint64_t offset, void *buffer, size_t count) const;

    const af_model_records &records_;
    std::string frames_; /* what stands before each record, and the directory */
    std::vector<Part> parts_;
    uint64_t size_ = 0;
    mutable std::string held_; /* of a record that is read in pieces */
    mutable size_t held_record_;
};

} // namespace af

#endif
