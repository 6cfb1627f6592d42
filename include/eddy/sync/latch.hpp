// A count that tasks wait for until it is zero.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/sync/event.hpp"

#include <atomic>
#include <cstddef>

namespace eddy {

/// A count that only goes down. Tasks wait until it is zero. Whoever finds it zero sees everything
/// that came before each `count_down`.
///
/// It may be destroyed once it is zero and no task is still going to wait; before, the same holds
/// as for an `Event`.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::Latch started(servers.size());
///     co_await eddy::with_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
///       for (Server& server : servers) group.spawn(run, std::ref(server), std::ref(started));
///       (void)co_await started.wait();  // each server calls started.count_down()
///     });
class Latch final {
 public:
  explicit Latch(std::size_t count) noexcept : count_(count) {
    if (count == 0) zero_.set();
  }

  /// Takes `count` off. To take more than there is stops the program.
  EDDY_EXPORT void count_down(std::size_t count = 1) noexcept;
  /// True if the count is zero.
  bool done() const noexcept { return zero_.is_set(); }

  /// Waits until the count is zero.
  /// **Errors**: operation_canceled if the latch was destroyed.
  /// **Cancel**: nothing is lost.
  Event::WaitOp wait() noexcept { return zero_.wait(); }

 private:
  std::atomic<std::size_t> count_;
  Event zero_;
};

}  // namespace eddy
