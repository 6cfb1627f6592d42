// SPDX-License-Identifier: MIT

#include "eddy/sync/notify.hpp"

namespace eddy {

namespace detail {

Notifications::~Notifications() {
  waits_.end(flag_, name_, [](SharedWait&) {});  // who was notified stays so
}

void Notifications::notify_one(bool remembers) noexcept {
  SharedLock held(flag_);
  if (!held.give_first(waits_) && remembers) remembered_.store(true, std::memory_order_relaxed);
}

void Notifications::notify_all() noexcept {
  SharedLock held(flag_);
  held.end_all(waits_, WaitState::granted);
}

bool NotifyWait::try_take() noexcept {
  if (!notifications_->remembered_.load(std::memory_order_relaxed)) return false;
  SharedLock held(notifications_->flag_);
  return take_remembered(held);
}

bool NotifyWait::take_remembered(SharedLock& held) noexcept {
  if (!notifications_->remembered_.load(std::memory_order_relaxed)) return false;
  notifications_->remembered_.store(false, std::memory_order_relaxed);
  held.give_running(notifications_->waits_, *this);
  return true;
}

bool NotifyWait::begin(Waiter& waiter) noexcept {
  SharedLock held(notifications_->flag_);
  if (take_remembered(held)) return false;
  held.add(notifications_->waits_, *this, waiter);
  return true;
}

void NotifyWait::give_up_slowly() noexcept {
  if (leave()) {
    SharedLock(notifications_->flag_).remove(*this);
    return;
  }
  if (finish_given(notifications_->flag_)) notifications_->notify_one(remembers_);
}

}  // namespace detail

bool Notify::WaitOp::advance(detail::Waiter&) noexcept { return wait_.ended(); }

}  // namespace eddy
