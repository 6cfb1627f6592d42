// The queue of what may run.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/waiter.hpp"

namespace eddy::detail {

/// The FIFO of what may run on this thread. A wake pushes here, and does nothing else.
class ReadyQueue {
 public:
  /// Takes `waiter` out of the list that it waits in and makes it runnable. Idempotent.
  void wake(Waiter& waiter) noexcept {
    if (waiter.state == Waiter::State::idle) {
      waiter.unlink();
      push(waiter);
    } else if (waiter.state == Waiter::State::running) {
      waiter.state = Waiter::State::notified;
    }
  }

  /// Makes `waiter` the next to run, even if it was on the queue already, further back.
  void wake_next(Waiter& waiter) noexcept {
    if (waiter.state == Waiter::State::idle || waiter.state == Waiter::State::scheduled) {
      waiter.unlink();
      waiter.state = Waiter::State::scheduled;
      list_.push_front(waiter);
    } else if (waiter.state == Waiter::State::running) {
      waiter.state = Waiter::State::notified;
    }
  }

  /// Puts `waiter` last. It must be in no list.
  void push(Waiter& waiter) noexcept {
    waiter.state = Waiter::State::scheduled;
    list_.push_back(waiter);
  }

  /// Takes the first waiter out; null if there is none.
  Waiter* pop() noexcept {
    if (!list_.linked()) return nullptr;
    ListNode* first = list_.next;
    first->unlink();
    return static_cast<Waiter*>(first);
  }

  bool empty() const noexcept { return !list_.linked(); }
  ListNode& list() noexcept { return list_; }

 private:
  friend struct DebugLayout;

  ListNode list_;
};

}  // namespace eddy::detail
