// How other threads reach a task: a cell that outlives it, and the inbox of its thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/reactor/reactor.hpp"
#include "eddy/worker/waker_cell.hpp"

#include <atomic>
#include <cstdint>

namespace eddy::detail {

/// A lock-free stack of cells to wake (Treiber 1986; only its owner takes, and takes all), and the
/// flag by which its owner says that it is about to sleep. Counted, so that a waker can push to a
/// thread that has gone.
class Inbox {
 public:
  explicit Inbox(PlatformReactor::Notifier notifier) noexcept : notifier_(std::move(notifier)) {}

  /// **Thread**: any.
  void push(WakerCell& cell) noexcept;

  /// For its owner, before the first `begin_park` in the child of a fork: no one notifies yet.
  void replace_notifier(PlatformReactor::Notifier notifier) noexcept {
    notifier_ = std::move(notifier);
  }

  const PlatformReactor::Notifier& notifier() const noexcept { return notifier_; }

  /// Between these two the owner may sleep: `begin_park` says whether it should.
  bool begin_park() noexcept {
    // Against `push`: one of us sees the other's write, because both are sequentially consistent.
    // An exchange, which costs no more than such a store: qemu 7.2, as it emulates Arm on x86, lets
    // a load overtake the store.
    parked_.exchange(true);
    if (head_.load() == nullptr) return true;
    parked_.store(false);
    return false;
  }
  void end_park() noexcept { parked_.store(false, std::memory_order_relaxed); }

  bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }
  /// Takes all cells, oldest first, linked by `next`; the caller owns a reference to each.
  WakerCell* take_all() noexcept { return reversed(head_.exchange(nullptr)); }
  /// From now on pushes are dropped.
  WakerCell* close() noexcept { return reversed(head_.exchange(closed())); }

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  ~Inbox() = default;
  static WakerCell* closed() noexcept;
  static WakerCell* reversed(WakerCell* newest) noexcept;

  std::atomic<WakerCell*> head_{nullptr};
  std::atomic<bool> parked_{false};
  std::atomic<std::uint32_t> references_{1};
  PlatformReactor::Notifier notifier_;
};

}  // namespace eddy::detail
