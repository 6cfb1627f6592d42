// SPDX-License-Identifier: MIT

#include "eddy/sync/barrier.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy {

using detail::SharedLock;
using detail::WaitState;

Barrier::Barrier(std::size_t count) noexcept : missing_(count), count_(count) {
  if (count == 0) detail::fatal("a Barrier was made for no task; it needs one at least");
}

bool Barrier::ArriveOp::arrive_last(SharedLock& held) noexcept {
  if (barrier_->missing_ != 1) return false;
  barrier_->missing_ = barrier_->count_;
  ++barrier_->round_;
  held.end_all(barrier_->waits_, WaitState::granted);
  last_ = true;
  set(WaitState::granted);
  return true;
}

bool Barrier::ArriveOp::try_start() noexcept {
  SharedLock held(barrier_->flag_);
  return arrive_last(held);
}

bool Barrier::ArriveOp::begin_wait(detail::Waiter& waiter) noexcept {
  SharedLock held(barrier_->flag_);
  if (arrive_last(held)) return false;
  --barrier_->missing_;
  round_ = barrier_->round_;
  held.add(barrier_->waits_, *this, waiter);
  return true;
}

bool Barrier::ArriveOp::advance(detail::Waiter&) noexcept { return !waits(); }

void Barrier::ArriveOp::abandon() noexcept {
  if (state() == WaitState::none) return;
  if (leave()) {
    SharedLock held(barrier_->flag_);
    held.remove(*this);
    if (round_ == barrier_->round_) ++barrier_->missing_;  // else all others have gone on
  } else {
    (void)finish();
  }
}

Result<Barrier::Arrival> Barrier::ArriveOp::take() noexcept {
  const WaitState how = finish();
  if (how != WaitState::granted) return detail::wait_failure(how);
  return Arrival{last_};
}

}  // namespace eddy
