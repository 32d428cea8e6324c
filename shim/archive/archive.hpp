/* SPDX-License-Identifier: MIT
 *
 * The archive of a model file before torch loads it: which records there are, how large they are,
 * and what code (code.hpp) and pickles (pickle.hpp) say.
 */
#ifndef AF_SHIM_ARCHIVE_HPP
#define AF_SHIM_ARCHIVE_HPP

#include "model/engine.h"

namespace af {

/* Throws for a file that torch must not see. Nothing of the file is run. */
void check_archive(const af_model_records &records);

} // namespace af

#endif
