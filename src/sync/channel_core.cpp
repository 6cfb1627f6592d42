// SPDX-License-Identifier: MIT

#include "eddy/sync/channel_core.hpp"

#include "eddy/platform/fatal.hpp"

#include <algorithm>
#include <string>

namespace eddy::detail {
namespace {

/// The most values that are moved while the flag is held.
constexpr std::size_t kMostAtOnce = 32;
/// How often a task takes the flag for its next values before it lets other tasks run.
constexpr int kMostHolds = 32;

[[noreturn]] void stop_lost_receiver() noexcept {
  fatal(
      "the receiver of a channel was destroyed while a task of another thread receives from it; "
      "destroy it on the thread of that task, or join the task first");
}

}  // namespace

void ChannelCore::add_sender() noexcept {
  sender_count_.fetch_add(1, std::memory_order_relaxed);
  add_reference();
}

void ChannelCore::drop_sender() noexcept {
  bool last = false;
  {
    SharedLock held(flag_);
    last = end_sender(held);
  }
  if (last) destroy();
}

void ChannelCore::close() noexcept {
  SharedLock held(flag_);
  closed_ = true;
  end_waits(held, senders_, WaitState::closed);
  end_waits(held, closings_, WaitState::granted);
  note_end(held);
}

void ChannelCore::drop_receiver() noexcept {
  if (Worker::exits_in_task()) return;  // the tasks are never destroyed
  std::size_t left = 0;
  {
    SharedLock held(flag_);
    // Such a task may have been woken, and may be about to take a value.
    if (receiving_ != 0 && receiving_on_ != Worker::current_if_any()) stop_lost_receiver();
    closed_ = true;
    receiver_gone_ = true;
    end_waits(held, senders_, WaitState::closed);
    end_waits(held, closings_, WaitState::granted);
    held.end_all(receivers_, WaitState::refused);
    left = size();
    set_size(0);
  }
  destroy_values(left);
  drop_reference();
}

void ChannelCore::begin_receiving() noexcept {
  Worker& worker = Worker::of_running_task();
  if (receiving_ != 0 && receiving_on_ != &worker) {
    fatal(
        "tasks of two threads receive from one channel at once; give each thread a channel of its "
        "own, or share an eddy::Mutex<eddy::Receiver<T>>");
  }
  ++receiving_;
  receiving_on_ = &worker;
  add_reference();
}

void ChannelCore::end_receiving() noexcept {
  --receiving_;
  (void)end_reference();
}

bool ChannelCore::begin_closing(SharedWait& wait, Waiter& waiter) noexcept {
  SharedLock held(flag_);
  if (closed_) return false;
  held.add(closings_, wait, waiter);
  add_reference();
  return true;
}

void ChannelCore::leave_closing(SharedWait& wait) noexcept {
  SharedLock(flag_).remove(wait);
  drop_reference();
}

void ChannelCore::drop_permit() noexcept {
  bool last = false;
  {
    SharedLock held(flag_);
    free_rooms(held, 1);
    last = end_permit(held);
  }
  if (last) destroy();
}

bool ChannelCore::end_permit(SharedLock& held) noexcept {
  --reserved_;
  return end_sender(held);
}

bool ChannelCore::end_sender(SharedLock& held) noexcept {
  sender_count_.fetch_sub(1, std::memory_order_relaxed);
  note_end(held);
  return end_reference();
}

WaitState ChannelCore::try_reserve() noexcept {
  const SharedLock held(flag_);
  if (closed_) return WaitState::closed;
  if (free() == 0) return WaitState::none;
  set_free(free() - 1);
  reserve();
  add_reference();
  return WaitState::granted;
}

WaitState ChannelCore::why_empty() noexcept {
  const SharedLock held(flag_);
  if (size() != 0) return WaitState::granted;
  return no_more() ? WaitState::closed : WaitState::none;
}

void ChannelCore::wake_receiver(SharedLock& held) noexcept {
  for (SharedWait* wait = receivers_.next(); wait != nullptr; wait = receivers_.next(wait)) {
    if (held.end(*wait, WaitState::granted)) return;
  }
}

void ChannelCore::note_end(SharedLock& held) noexcept {
  if (no_more()) held.end_all(receivers_, WaitState::granted);
}

/// A room is reserved for a permit, which counts as a sender.
void ChannelCore::reserve() noexcept {
  ++reserved_;
  sender_count_.fetch_add(1, std::memory_order_relaxed);
}

void ChannelCore::pass_rooms(SharedLock& held, std::size_t count) noexcept {
  while (count != 0 && pass_room(held)) --count;
  set_free(free() + count);
}

bool ChannelCore::pass_room(SharedLock& held) noexcept {
  for (SharedWait* wait = senders_.next(); wait != nullptr; wait = senders_.next(wait)) {
    auto& sender = static_cast<SenderWait&>(*wait);
    // A task that leaves keeps its value, unless the value has been moved already.
    if (!sender.waits() || sender.needed_ == 0) continue;
    if (sender.wants_permit_) {
      // The permit takes over the reference of the wait.
      if (!held.end(*wait, WaitState::granted)) continue;
      reserve();
      return true;
    }
    sender.next_ = fill_room(sender.next_);
    set_size(size() + 1);
    // If the task has begun to leave since, its value has been sent nevertheless.
    if (--sender.needed_ == 0) end_wait(held, *wait, WaitState::granted);
    note_value(held);
    return true;
  }
  return false;
}

WaitState ChannelCore::serve(SharedLock& held, SenderWait& wait) noexcept {
  if (closed_) return WaitState::closed;
  for (std::size_t served = 0; wait.needed_ != 0; ++served) {
    if (free() == 0 || served == kMostAtOnce) return WaitState::none;
    set_free(free() - 1);
    if (wait.wants_permit_) {
      reserve();
      add_reference();
      return WaitState::granted;
    }
    wait.next_ = fill_room(wait.next_);
    --wait.needed_;
    set_size(size() + 1);
    note_value(held);
  }
  return WaitState::granted;
}

void ChannelCore::free_many(std::size_t count, bool ends_receiving) noexcept {
  while (count != 0) {
    SharedLock held(flag_);
    if (std::exchange(ends_receiving, false)) end_receiving();
    const std::size_t now = std::min(count, kMostAtOnce);
    set_size(size() - now);
    free_rooms(held, now);
    count -= now;
  }
}

void ChannelCore::end_wait(SharedLock& held, SharedWait& wait, WaitState how) noexcept {
  (void)end_reference();  // never the last: whoever calls this has a reference too
  if (!held.end(wait, how)) add_reference();
}

void ChannelCore::end_waits(SharedLock& held, SharedWaits& waits, WaitState how) noexcept {
  for (SharedWait* wait = waits.next(); wait != nullptr;) {
    SharedWait* const after = waits.next(wait);
    end_wait(held, *wait, how);
    wait = after;
  }
}

void ChannelCore::drop_reference() noexcept {
  bool last = false;
  {
    const SharedLock held(flag_);
    last = end_reference();
  }
  if (last) destroy();
}

bool SenderWait::try_serve() noexcept {
  SharedLock held(core_->flag_);
  const WaitState how = core_->serve(held, *this);
  set(how);
  return how != WaitState::none;
}

bool SenderWait::begin_wait(Waiter& waiter) noexcept {
  const bool has_yielded = std::exchange(yields_, false);
  bool waits = true;
  for (int holds = 0;; ++holds) {
    if (holds == kMostHolds) {
      core_->add_sender();
      yields_ = true;
      Worker::of_running_task().wake(waiter);
      break;
    }
    SharedLock held(core_->flag_);
    const WaitState how = core_->serve(held, *this);
    if (how == WaitState::none && core_->free() != 0) continue;
    if (how == WaitState::none) {
      held.add(core_->senders_, *this, waiter);
      core_->add_reference();
    } else {
      set(how);
      waits = false;
    }
    break;
  }
  if (has_yielded) core_->drop_sender();
  return waits;
}

bool SenderWait::advance(Waiter& waiter) noexcept {
  if (state() == WaitState::none) return !begin_wait(waiter);
  return !waits();
}

Waiting SenderWait::describe() const noexcept { return {"room in a channel", kNoSource}; }

void SenderWait::give_up_slowly() noexcept {
  if (std::exchange(yields_, false)) {
    core_->drop_sender();
    return;
  }
  if (!leave()) {
    if (finish() == WaitState::granted && wants_permit_) core_->drop_permit();
    return;
  }
  SharedLock(core_->flag_).remove(*this);
  core_->drop_reference();
}

bool ClosedWait::begin_wait(Waiter& waiter) noexcept { return core_->begin_closing(*this, waiter); }

bool ClosedWait::advance(Waiter&) noexcept { return !waits(); }

Waiting ClosedWait::describe() const noexcept { return {"the end of a receiver", kNoSource}; }

void ClosedWait::give_up_slowly() noexcept {
  if (leave()) {
    core_->leave_closing(*this);
  } else {
    (void)finish();
  }
}

bool ReceiverWait::begin_wait(Waiter& waiter) noexcept {
  {
    SharedLock held(core_->flag_);
    if (!std::exchange(counted_, true)) core_->begin_receiving();
    if (core_->receiver_gone_) {
      set(WaitState::refused);
      return false;
    }
    if (core_->size() == 0) {
      if (core_->no_more()) {
        set(WaitState::closed);
        return false;
      }
      held.add(core_->receivers_, *this, waiter);
      return true;
    }
  }
  // A value has come meanwhile, or the task yields first. `advance` looks again.
  Worker::of_running_task().wake(waiter);
  return true;
}

bool ReceiverWait::advance(Waiter& waiter) noexcept {
  if (waits()) return false;
  if (state() == WaitState::granted) (void)finish();
  if (state() != WaitState::none || core_->size() != 0) return true;
  return !begin_wait(waiter);
}

Waiting ReceiverWait::describe() const noexcept { return {"a value of a channel", kNoSource}; }

std::unexpected<std::error_code> ReceiverWait::take_failure() noexcept {
  const WaitState how = state();
  give_up();
  return wait_failure(how);
}

void ReceiverWait::give_up_slowly() noexcept {
  const bool leaves = leave();
  if (!leaves) (void)finish();
  counted_ = false;
  {
    SharedLock held(core_->flag_);
    if (leaves) held.remove(*this);
    --core_->receiving_;
    // A value that this task was woken for may be for another one.
    if (core_->size() != 0) core_->note_value(held);
  }
  core_->drop_reference();
}

void stop_without_room() noexcept {
  fatal("a channel needs room for at least one value: eddy::channel<T>(1)");
}

void stop_moved_from() noexcept {
  fatal(
      "a handle of a channel was used that had been moved from; use the one that it was moved to");
}

void stop_spent_sender(const char* what) noexcept {
  fatal(std::string(what) + " sends one value; this one has sent it, or was moved from");
}

SenderHandle::SenderHandle(const SenderHandle& other) noexcept : core_(other.core_) {
  if (core_ != nullptr) core_->add_sender();
}

}  // namespace eddy::detail
