// SPDX-License-Identifier: MIT

#include "eddy/signal/dump_on_signal.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/signal/signal_set.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/worker/dump.hpp"

#include <utility>

namespace eddy {
namespace {

Task<> dump_at_each(SignalSet set) {
  name_task("dump_on_signal");
  for (;;) {
    const Result<int> signal_number = co_await set.next();
    if (!signal_number) {
      detail::warn("dump_on_signal cannot wait for its signal any more: " +
                   signal_number.error().message());
      co_return;
    }
    dump_tasks_to_stderr();
  }
}

}  // namespace

Result<AbortHandle> dump_on_signal(int signal_number, std::source_location where) {
  Result<SignalSet> set = SignalSet::create({signal_number});
  if (!set) return std::unexpected(set.error());
  JoinHandle<void> handle = spawn_at(where, dump_at_each, std::move(*set));
  AbortHandle stop = handle.abort_handle();
  std::move(handle).detach();
  return stop;
}

}  // namespace eddy
