// Locks that no task may hold while it waits.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"

#include <mutex>

namespace eddy {

namespace detail {

EDDY_EXPORT extern constinit thread_local int blocking_guards;

/// The number of guards that this thread holds; 0 in builds that do not count them.
inline int blocking_guards_held() noexcept {
  if constexpr (kDebugChecks) {
    return blocking_guards;
  } else {
    return 0;
  }
}

}  // namespace detail

/// Says that its scope must not wait, because the scope holds something on which other tasks of the
/// thread would block, such as the lock of a `std::mutex`. In debug builds, a task that waits in a
/// `co_await` while it holds a guard stops the program. Other builds count nothing. A `co_await` of
/// a child may wait even if the child does not, because the budget may be used up. A guard from
/// before the task began to run does not count.
/// **Thread**: create and destroy the guard on one thread.
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

/// A mutex whose every lock is a `BlockingGuard` too. Use it with `std::unique_lock`,
/// `std::lock_guard` and the like. Only debug builds count; in other builds it acts as the
/// mutex that it wraps.
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
