// SPDX-License-Identifier: MIT

#include "eddy/sync/event.hpp"

namespace eddy {

void Event::set() noexcept {
  detail::SharedLock held(flag_);
  set_.store(true, std::memory_order_release);
  held.end_all(waits_, detail::WaitState::granted);
}

bool Event::WaitOp::begin_wait(detail::Waiter& waiter) noexcept {
  detail::SharedLock held(event_->flag_);
  if (try_start()) return false;
  held.add(event_->waits_, *this, waiter);
  return true;
}

bool Event::WaitOp::advance(detail::Waiter&) noexcept { return !waits(); }

void Event::WaitOp::abandon() noexcept {
  if (state() == detail::WaitState::none) return;
  if (leave()) {
    detail::SharedLock(event_->flag_).remove(*this);
  } else {
    (void)finish();
  }
}

}  // namespace eddy
