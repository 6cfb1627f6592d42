// Locks that no task may hold while it waits.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"

#include <mutex>

namespace eddy {

namespace detail {

EDDY_EXPORT extern constinit thread_local int blocking_guards;

/// How many guards this thread holds; 0 in builds that do not count them.
inline int blocking_guards_held() noexcept {
  if constexpr (kDebugChecks) {
    return blocking_guards;
  } else {
    return 0;
  }
}

}  // namespace detail

/// Says that its scope must not wait, because it holds what other tasks of the thread would block
/// on: the lock of a `std::mutex`, say. A task that waits in a `co_await` while it holds one stops
/// the program, in debug builds; other builds count nothing. A `co_await` of a task may wait even
/// if that task does not: the budget may be used up. A guard that the thread held before the task
/// began to run does not matter.
/// **Thread**: the guard lives and dies on one thread.
///
///     const std::lock_guard lock(mutex);
///     const eddy::BlockingGuard guard;  // a co_await that waits in here is a mistake
class [[nodiscard("the guard lasts as long as its variable")]] BlockingGuard {
 public:
  BlockingGuard() noexcept {
    if constexpr (detail::kDebugChecks) ++detail::blocking_guards;
  }
  BlockingGuard(const BlockingGuard&) = delete;
  BlockingGuard& operator=(const BlockingGuard&) = delete;
  ~BlockingGuard() {
    if constexpr (detail::kDebugChecks) --detail::blocking_guards;
  }
};

/// A mutex of which each lock is a `BlockingGuard`, for `std::unique_lock`, `std::lock_guard` and
/// their kin. In other builds than debug it is its `Mutex`.
///
///     eddy::BlockingMutex<> mutex;
///     const std::unique_lock lock(mutex);
template <class Mutex = std::mutex>
class BlockingMutex {
 public:
  void lock() {
    mutex_.lock();
    count(1);
  }
  [[nodiscard]] bool try_lock() {
    if (!mutex_.try_lock()) return false;
    count(1);
    return true;
  }
  void unlock() {
    count(-1);
    mutex_.unlock();
  }

 private:
  static void count(int step) noexcept {
    if constexpr (detail::kDebugChecks) detail::blocking_guards += step;
  }

  Mutex mutex_;
};

}  // namespace eddy
