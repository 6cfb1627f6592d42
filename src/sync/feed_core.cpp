// SPDX-License-Identifier: MIT

#include "eddy/sync/feed_core.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

void FeedCore::add_sender() noexcept {
  const SharedLock held(flag_);
  ++senders_;
  ++references_;
}

void FeedCore::drop_sender() noexcept {
  bool last = false;
  {
    SharedLock held(flag_);
    if (--senders_ == 0) held.end_all(waits_, WaitState::granted);
    last = --references_ == 0;
  }
  if (last) destroy();
}

Subscription* FeedCore::subscribe() {
  auto* const made = new Subscription{this, 0};
  add(*made, nullptr);
  return made;
}

Subscription* FeedCore::subscribe_as(const Subscription& other) {
  auto* const made = new Subscription{this, 0};
  add(*made, &other.position);
  return made;
}

void FeedCore::add(Subscription& made, const std::uint64_t* position) noexcept {
  const SharedLock held(flag_);
  made.position = position != nullptr ? *position : latest();
  ++receivers_;
  ++references_;
}

void FeedCore::drop_receiver(Subscription& subscription) noexcept {
  if (Worker::exits_in_task()) return;  // the tasks are never destroyed
  bool none_left = false;
  {
    SharedLock held(flag_);
    subscription.gone = true;
    if (subscription.references != 1) refuse_waits(held, subscription);
    none_left = --receivers_ == 0;
  }
  if (none_left) drop_values();
  release(subscription);
}

void FeedCore::refuse_waits(SharedLock& held, const Subscription& subscription) noexcept {
  // Such a task may have been woken, and may be about to take a value.
  if (subscription.waits_on != Worker::current_if_any()) {
    fatal(
        "a receiver was destroyed while a task of another thread receives from it; destroy it on "
        "the thread of that task, or join the task first");
  }
  for (SharedWait* wait = waits_.next(); wait != nullptr;) {
    SharedWait* const after = waits_.next(wait);
    if (static_cast<FeedWait*>(wait)->subscription_ == &subscription) {
      (void)held.end(*wait, WaitState::refused);
    }
    wait = after;
  }
}

WaitState FeedCore::look(const Subscription& subscription) noexcept {
  const SharedLock held(flag_);
  if (latest() != subscription.position) return WaitState::granted;
  return senders_ == 0 ? WaitState::closed : WaitState::none;
}

void FeedCore::release(Subscription& subscription) noexcept {
  bool last = false;
  bool last_of_feed = false;
  {
    const SharedLock held(flag_);
    last = --subscription.references == 0;
    if (last) last_of_feed = --references_ == 0;
  }
  if (last) delete &subscription;
  if (last_of_feed) destroy();
}

bool FeedWait::begin_wait(Waiter& waiter) noexcept {
  FeedCore& core = *subscription_->core;
  {
    SharedLock held(core.flag_);
    if (subscription_->gone) {
      set(WaitState::refused);
      return false;
    }
    if (!std::exchange(counted_, true)) count_wait();
    if (!has_new()) {
      if (core.senders_ == 0) {
        set(WaitState::closed);
        return false;
      }
      held.add(core.waits_, *this, waiter);
      return true;
    }
  }
  // A value has come meanwhile, or the task yields first. `advance` looks again.
  Worker::of_running_task().wake(waiter);
  return true;
}

/// With the flag held.
void FeedWait::count_wait() const noexcept {
  Worker& worker = Worker::of_running_task();
  if (subscription_->references != 1 && subscription_->waits_on != &worker) {
    fatal(
        "tasks of two threads receive by one receiver at once; give each thread a copy of the "
        "receiver");
  }
  ++subscription_->references;
  subscription_->waits_on = &worker;
}

bool FeedWait::advance(Waiter& waiter) noexcept {
  if (waits()) return false;
  if (state() == WaitState::granted) (void)finish();
  if (state() != WaitState::none) return true;
  // The receiver may have gone since the wake, so this looks with the flag held.
  {
    const SharedLock held(subscription_->core->flag_);
    if (!subscription_->gone && has_new()) return true;
  }
  return !begin_wait(waiter);
}

Waiting FeedWait::describe() const noexcept { return {"a value of a sender", kNoSource}; }

std::unexpected<std::error_code> FeedWait::take_failure() noexcept {
  const WaitState how = state();
  give_up();
  return wait_failure(how);
}

void FeedWait::give_up_slowly() noexcept {
  if (leave()) {
    SharedLock(subscription_->core->flag_).remove(*this);
  } else {
    (void)finish();
  }
  if (std::exchange(counted_, false)) subscription_->core->release(*subscription_);
}

void stop_broadcast_without_room() noexcept {
  fatal("a broadcast needs room for at least one value: eddy::broadcast<T>(1)");
}

FeedSender::FeedSender(const FeedSender& other) noexcept : core_(other.core_) {
  if (core_ != nullptr) core_->add_sender();
}

FeedReceiver::FeedReceiver(const FeedReceiver& other) : subscription_(nullptr) {
  if (other.subscription_ != nullptr) {
    subscription_ = other.subscription_->core->subscribe_as(*other.subscription_);
  }
}

}  // namespace eddy::detail
