// Waits, with a mutex unlocked, until its value may be what a task needs.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/sync/notify.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"

#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

[[noreturn]] EDDY_EXPORT void stop_without_lock() noexcept;

/// The part of a wait for a condition that does not depend on the mutex's value.
class EDDY_EXPORT ConditionWait : public LockWait {
 public:
  ConditionWait& operator=(ConditionWait&&) = delete;

  bool try_start() const noexcept { return false; }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override;
  Waiting describe() const noexcept override;

 protected:
  ConditionWait(Notifications& notifications, MutexCore& mutex) noexcept
      : LockWait(mutex), notified_(notifications, false), unlocks_(&mutex) {}
  // NOLINTBEGIN(bugprone-use-after-move): the base takes its own part only
  ConditionWait(ConditionWait&& other) noexcept
      : LockWait(std::move(other)),
        notified_(std::move(other.notified_)),
        unlocks_(std::exchange(other.unlocks_, nullptr)) {}
  // NOLINTEND(bugprone-use-after-move)
  ~ConditionWait() { unlock(); }

  /// True: the caller has the lock. False: the condition was destroyed.
  bool take_condition() noexcept;

 private:
  void unlock() noexcept {
    if (MutexCore* const mutex = std::exchange(unlocks_, nullptr)) mutex->unlock();
  }

  NotifyWait notified_;
  MutexCore* unlocks_;  ///< which the task has locked, until it waits
  bool locks_ = false;  ///< it was notified, and waits for the mutex
};

}  // namespace detail

/// Beside a `Mutex<T>`: tasks wait until the value may be what they need, and do not hold the lock
/// meanwhile. A task that has changed the value notifies.
///
/// It must outlive the tasks that use it. If it is destroyed while a task of this thread waits,
/// that wait ends with operation_canceled; a wait of another thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     auto guard = co_await queue.lock();
///     auto filled = co_await not_empty.wait(std::move(guard), [](auto& q) { return !q.empty(); });
class Condition final {
 public:
  Condition() noexcept : notifications_("a Condition") {}

  /// Ends the wait that began first. Nothing happens if there is none.
  void notify_one() noexcept { notifications_.notify_one(false); }
  /// Ends all waits.
  void notify_all() noexcept { notifications_.notify_all(); }

  /// Unlocks, waits for a notification, locks again, and gives the guard. Look at the value again
  /// then: another task may have been first. A notification that no task waits for is lost. The
  /// notifying task need not hold the lock. A guard that holds none stops the program.
  /// **Errors**: operation_canceled if the condition was destroyed. Then nothing is locked.
  /// **Cancel**: the mutex is unlocked; after a `timeout` that has passed, too, other than with
  /// `std::condition_variable`. A notification that was for this task goes to another.
  template <class T>
  class [[nodiscard("it unlocks, and does not wait: write co_await")]] EDDY_WARN_UNUSED WaitOp final
      : public detail::ConditionWait {
   public:
    WaitOp(detail::Notifications& notifications, Mutex<T>& mutex) noexcept
        : ConditionWait(notifications, mutex.core_), mutex_(&mutex) {}

    Result<MutexGuard<T>> take() noexcept {
      if (!this->take_condition()) return failure(std::errc::operation_canceled);
      return MutexGuard<T>(*mutex_);
    }

   private:
    Mutex<T>* mutex_;
  };
  template <class T>
  WaitOp<T> wait(MutexGuard<T>&& guard) noexcept {
    if (guard.mutex_ == nullptr) detail::stop_without_lock();
    return WaitOp<T>(notifications_, *std::exchange(guard.mutex_, nullptr));
  }

  /// Waits as long as `holds(value)` is false.
  template <class T, class Predicate>
  Task<Result<MutexGuard<T>>> wait(MutexGuard<T>&& guard, Predicate&& holds) {
    static_assert(!detail::is_destroyed_twice<Predicate>(),
                  "g++ 12 destroys the captures of this lambda twice, because it is made where a "
                  "coroutine awaits. Name it first: auto holds = ...; co_await "
                  "condition.wait(std::move(guard), holds)");
    static_assert(std::is_invocable_r_v<bool, std::decay_t<Predicate>&, T&>,
                  "the predicate gets the value: [](const T& value) { return ...; }. For a limit "
                  "of time use eddy::timeout");
    return wait_until_holds<T, std::decay_t<Predicate>>(std::move(guard),
                                                        std::forward<Predicate>(holds));
  }

 private:
  template <class T, class Predicate>
  Task<Result<MutexGuard<T>>> wait_until_holds(MutexGuard<T> guard, Predicate holds) {
    while (!holds(*guard)) {
      Result<MutexGuard<T>> again = co_await wait(std::move(guard));
      if (!again) co_return failure(again.error());
      guard = std::move(*again);
    }
    co_return std::move(guard);
  }

  detail::Notifications notifications_;
};

}  // namespace eddy
