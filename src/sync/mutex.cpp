// SPDX-License-Identifier: MIT

#include "eddy/sync/mutex.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

MutexCore::~MutexCore() {
  waits_.end(flag_, "a Mutex", [this](SharedWait& wait) {
    wait.set(WaitState::refused);
    locked_.store(false, std::memory_order_relaxed);
  });
  if (locked_.load(std::memory_order_relaxed) && !Worker::exits_in_task()) {
    fatal(
        "a Mutex was destroyed while it is locked; it must outlive the tasks that use it: join "
        "them first");
  }
}

bool LockWait::begin_wait(Waiter& waiter) noexcept {
  SharedLock held(mutex_->flag_);
  if (mutex_->take()) {
    held.give_running(mutex_->waits_, wait_);
    return false;
  }
  held.add(mutex_->waits_, wait_, waiter);
  return true;
}

bool LockWait::advance(Waiter&) noexcept { return !wait_.waits(); }

Waiting LockWait::describe() const noexcept { return {"a mutex", kNoSource}; }

void LockWait::leave() noexcept {
  if (wait_.leave()) {
    SharedLock(mutex_->flag_).remove(wait_);
    return;
  }
  const bool locked = wait_.state() == WaitState::granted;
  (void)(locked ? wait_.finish(mutex_->flag_) : wait_.finish());
  if (locked) mutex_->unlock();
}

void LockWait::stop_without_mutex() noexcept {
  fatal(
      "a Mutex was destroyed while a task waited for it; it must outlive the tasks that use it: "
      "join them first");
}

}  // namespace eddy::detail
