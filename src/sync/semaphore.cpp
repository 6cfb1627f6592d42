// SPDX-License-Identifier: MIT

#include "eddy/sync/semaphore.hpp"

#include "eddy/platform/fatal.hpp"

#include <string>

namespace eddy::detail {

Permits::~Permits() {
  waits_.end(flag_, name_, [this](SharedWait& wait) {
    wait.set(WaitState::refused);
    taken_ -= static_cast<AcquireWait&>(wait).count_;
  });
  if (taken_ != 0 && !Worker::exits_in_task()) {
    fatal(std::string(name_) +
          " was destroyed while somebody holds it; it must outlive the tasks that use it: join "
          "them first");
  }
}

void Permits::close() noexcept {
  SharedLock held(flag_);
  closed_.store(true, std::memory_order_relaxed);
  held.end_all(waits_, WaitState::closed);
}

void Permits::grant(SharedLock& held) noexcept {
  for (SharedWait* wait = waits_.next(); wait != nullptr;) {
    SharedWait* const after = waits_.next(wait);
    const std::size_t count = static_cast<AcquireWait*>(wait)->count_;
    if (free() < count) return;
    // If the task is leaving, it calls this again.
    if (held.give(waits_, *wait)) {
      free_.store(free() - count, std::memory_order_relaxed);
      taken_ += count;
    }
    wait = after;
  }
}

bool AcquireWait::begin_wait(Waiter& waiter) noexcept {
  SharedLock held(permits_->flag_);
  const WaitState at_once = permits_->take(count_);
  if (at_once == WaitState::granted) {
    held.give_running(permits_->waits_, *this);
    return false;
  }
  if (at_once != WaitState::none) {
    set(at_once);
    return false;
  }
  held.add(permits_->waits_, *this, waiter);
  return true;
}

bool AcquireWait::advance(Waiter&) noexcept { return !waits(); }

void AcquireWait::give_up_slowly() noexcept {
  if (leave()) {
    SharedLock held(permits_->flag_);
    held.remove(*this);
    if (!permits_->closed()) permits_->grant(held);  // those behind may have asked for less
    return;
  }
  if (take_permits() == WaitState::granted) permits_->give_back(count_);
}

}  // namespace eddy::detail
