/* SPDX-License-Identifier: MIT */
#include "archive/read_record.hpp"

#include <string>

#include "base/failure.hpp"

namespace af {

void read_record(const af_model_records &records, size_t index, void *buffer)
{
    const artfusion_status status = records.read(&records, index, buffer);
    if (status != ARTFUSION_OK)
        throw Failure(status, "reading the model file's record " +
                                  std::string(records.list[index].name).substr(0, 128) + " failed");
}

} // namespace af
