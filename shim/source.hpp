/* SPDX-License-Identifier: MIT
 * The model file as torch's archive reader wants it. */
#ifndef AF_SHIM_SOURCE_HPP
#define AF_SHIM_SOURCE_HPP

#include <caffe2/serialize/read_adapter_interface.h>

#include "failure.hpp"

namespace af {

/* Borrows `source`, for the length of torch::jit::load, which reads everything. */
class SourceReader final : public caffe2::serialize::ReadAdapterInterface {
public:
    explicit SourceReader(const af_source &source) : source_(source) {}

    size_t size() const override { return static_cast<size_t>(source_.size); }

    size_t read(uint64_t position, void *buffer, size_t count, const char *) const override
    {
        if (position > source_.size || count > source_.size - position)
            throw Failure(ARTFUSION_ERROR_FORMAT,
                          "torch cannot load the model file: its records reach beyond its " +
                              std::to_string(source_.size) + " bytes");
        if (count == 0)
            return 0;
        const artfusion_status status = source_.read(&source_, position, buffer, count);
        if (status != ARTFUSION_OK)
            throw Failure(status, "reading " + std::to_string(count) + " bytes at " +
                                      std::to_string(position) + " of the model file failed");
        return count;
    }

private:
    const af_source &source_;
};

} // namespace af

#endif
