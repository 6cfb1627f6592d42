// SPDX-License-Identifier: MIT

#include "eddy/sync/condition.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

void stop_without_lock() noexcept {
  fatal(
      "Condition::wait was given a guard that holds no lock: it was moved from or unlocked, or a "
      "wait that was cancelled has used it up");
}

bool ConditionWait::begin_wait(Waiter& waiter) noexcept {
  // First, so that a notification that comes as soon as the mutex is free is not missed.
  const bool waits = notified_.begin(waiter);
  unlock();
  return waits;
}

bool ConditionWait::advance(Waiter& waiter) noexcept {
  if (locks_) return LockWait::advance(waiter);
  if (!notified_.ended()) return false;
  if (notified_.refused()) return true;
  locks_ = true;  // it keeps the notification until it has the lock: it may be cancelled before
  return LockWait::try_start() || !LockWait::begin_wait(waiter);
}

void ConditionWait::abandon() noexcept {
  notified_.give_up();
  LockWait::abandon();
}

Waiting ConditionWait::describe() const noexcept {
  if (locks_) return LockWait::describe();
  return {"a condition", kNoSource};
}

bool ConditionWait::take_condition() noexcept {
  if (notified_.take_notification() != WaitState::granted) return false;
  take_lock();
  return true;
}

}  // namespace eddy::detail
