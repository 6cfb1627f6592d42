// Asks a live process what its tasks do.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/waker.hpp"

#include <source_location>

namespace eddy {

/// From now on, each signal of this number makes this thread print its tasks on standard error, as
/// `dump_tasks_to_stderr` does: `eddy::dump_on_signal(SIGUSR1).value();`. The loop prints, not the
/// signal handler; the signal wakes a sleeping loop. A task that does not yield delays the dump.
///
/// This ends with the `block_on` that runs, or if none runs, with the next one. `abort()` of the
/// returned handle, which need not be kept, ends it earlier. Then the signal does again what it did
/// before.
/// **Errors**: those of `SignalSet::create`.
/// **Thread**: prints the tasks of the calling thread. Several threads may use one signal.
EDDY_EXPORT [[nodiscard]] Result<AbortHandle> dump_on_signal(
    int signal_number, std::source_location where = std::source_location::current());

}  // namespace eddy
