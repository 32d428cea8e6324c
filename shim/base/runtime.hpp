/* SPDX-License-Identifier: MIT
 *
 * Which libtorch this process has.
 */
#ifndef AF_SHIM_RUNTIME_HPP
#define AF_SHIM_RUNTIME_HPP

namespace af {

/* Throws where networks cannot run safely: the process has two libtorches, or another release than
 * the engine was compiled for. Their C++ ABIs differ, and what follows would be a crash. */
void require_own_libtorch();

} // namespace af

#endif
