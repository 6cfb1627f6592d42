// Asking a live process what its tasks do.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/waker.hpp"

#include <source_location>

namespace eddy {

/// From now on each signal of this number makes this thread print its tasks on standard error, as
/// `dump_tasks_to_stderr` does: `eddy::dump_on_signal(SIGUSR1).value();`. The loop prints, not the
/// signal's handler, and a loop that sleeps wakes for it. A task that does not yield holds it up.
///
/// It ends with the `block_on` that runs, or else with the next one; or by `abort()` of what it
/// returns, which need not be kept. Then the signal does again what it did before.
/// **Errors**: those of `SignalSet::create`.
/// **Thread**: prints the tasks of the thread that calls it. Several threads may, with one signal.
EDDY_EXPORT [[nodiscard]] Result<AbortHandle> dump_on_signal(
    int signal_number, std::source_location where = std::source_location::current());

}  // namespace eddy
