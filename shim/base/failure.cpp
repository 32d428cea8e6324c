/* SPDX-License-Identifier: MIT */
#include "base/failure.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string_view>

namespace af {
namespace {

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
    return text.substr(0, text.find_last_not_of(blank) + 1);
}

/* The sentence in one of torch's texts. The interpreter puts the program's trace before it, which
 * ends with a few lines of source; the compiler puts source behind it, and some errors carry a
 * native backtrace there. */
std::string_view sentence(std::string_view text)
{
    constexpr std::string_view trace = "The following operation failed", trace_end = "<--- HERE";
    text = trimmed(text);
    if (text.starts_with(trace)) {
        if (const auto at = text.rfind(trace_end); at != text.npos)
            text.remove_prefix(at + trace_end.size());
        text.remove_prefix(text.rfind('\n', text.find("Error: ")) + 1);
    }
    return trimmed(text.substr(0, text.find('\n')));
}

/* Out of memory has a type of its own only for a GPU, and no type at all once it has passed through
 * the TorchScript interpreter, which rethrows everything as std::runtime_error. */
bool is_memory(std::string_view text)
{
    return text.find("can't allocate memory") != text.npos ||
           text.find("out of memory") != text.npos || text.find("bad_alloc") != text.npos;
}

artfusion_status put(af_engine_error *error, artfusion_status status,
                     std::string_view text) noexcept
{
    if (error)
        static_cast<void>(std::snprintf(error->text, sizeof error->text, "%.*s",
                                        static_cast<int>(std::min(text.size(), sizeof error->text)),
                                        text.data()));
    return status;
}

artfusion_status put_engine(af_engine_error *error, const char *text) noexcept
{
    return put(error, is_memory(text) ? ARTFUSION_ERROR_MEMORY : ARTFUSION_ERROR_ENGINE,
               sentence(text));
}

} // namespace

artfusion_status report_exception(af_engine_error *error) noexcept
{
    try {
        throw;
    } catch (const Failure &failure) {
        return put(error, failure.status(), failure.what());
    } catch (const std::bad_alloc &) {
        return put(error, ARTFUSION_ERROR_MEMORY, "out of memory in the engine");
    } catch (const c10::OutOfMemoryError &failure) {
        return put(error, ARTFUSION_ERROR_MEMORY, sentence(failure.what_without_backtrace()));
    } catch (const c10::Error &failure) {
        return put_engine(error, failure.what_without_backtrace());
    } catch (const std::exception &failure) {
        return put_engine(error, failure.what());
    } catch (...) {
        return put(error, ARTFUSION_ERROR_ENGINE, "an exception of unknown type in the engine");
    }
}

} // namespace af
