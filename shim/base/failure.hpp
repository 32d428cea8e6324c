/* SPDX-License-Identifier: MIT
 *
 * How an exception becomes a status: every function of the table runs its body in `guarded`, and
 * nothing is thrown out of it.
 */
#ifndef AF_SHIM_FAILURE_HPP
#define AF_SHIM_FAILURE_HPP

#include <exception>
#include <string>
#include <utility>

#include "model/engine.h"

namespace af {

/* An error of our own, with the status it is to be reported as. */
class Failure : public std::exception {
public:
    Failure(artfusion_status status, std::string text) : status_(status), text_(std::move(text)) {}
    artfusion_status status() const noexcept { return status_; }
    const char *what() const noexcept override { return text_.c_str(); }

private:
    artfusion_status status_;
    std::string text_;
};

/* The status of the exception being handled; its sentence goes to `error`, which may be NULL.
 * Allocates nothing. */
artfusion_status report_exception(af_engine_error *error) noexcept;

template <class Body> artfusion_status guarded(af_engine_error *error, Body &&body) noexcept
{
    try {
        std::forward<Body>(body)();
        return ARTFUSION_OK;
    } catch (...) {
        return report_exception(error);
    }
}

} // namespace af

#endif
