// Tasks that wait for something of eddy's own: a group, a mutex, a channel.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/ready_queue.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/assert.hpp"

#include <utility>

namespace eddy::detail {

class WaitList;

/// One wait in a `WaitList`: a member of the operation that a task waits on. It leaves the list
/// when it is destroyed, so a cancelled task is never woken. The task itself is in its worker's
/// list of waiting tasks, where a dump and the end of the worker find it.
class WaitNode : private ListNode {
 public:
  WaitNode() noexcept = default;
  /// May be moved until it is added.
  WaitNode([[maybe_unused]] WaitNode&& other) noexcept : ListNode() {
    EDDY_ASSERT(other.list_ == nullptr);
  }
  WaitNode& operator=(WaitNode&&) = delete;
  ~WaitNode() { leave(); }

  /// Waits no longer. If `wake_one` chose it, the next one is woken in its place.
  inline void leave() noexcept;

  /// True once the list has ended: what the task waits for is gone.
  bool refused() const noexcept { return list_ == nullptr; }
  /// The task has what `wake_one` chose it for. Until then the end of this node passes the wake on.
  void accept() noexcept {
    unlink();
    chosen_by_ = nullptr;
  }

 private:
  friend class WaitList;

  WaitList* list_ = nullptr;  ///< null before it is added, and when the list has ended
  Waiter* waiter_ = nullptr;
  ReadyQueue* chosen_by_ = nullptr;  ///< where `wake_one` has put the task
};

/// The tasks that wait for one thing, oldest first.
///
/// **Thread**: one.
class WaitList {
 public:
  WaitList() noexcept = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  /// `end` must come first if somebody may still wait.
  ~WaitList() {
    EDDY_ASSERT(empty());
    EDDY_ASSERT(!chosen_.linked());
  }

  bool empty() const noexcept { return !nodes_.linked(); }

  /// From now on `node` waits, for `waiter`. It may wait already.
  void add(WaitNode& node, Waiter& waiter) noexcept {
    node.unlink();
    node.list_ = this;
    node.waiter_ = &waiter;
    node.chosen_by_ = nullptr;
    nodes_.push_back(node);
  }
  /// Wakes the task that has waited longest. If it is cancelled before it calls `accept`, the next
  /// one is woken in its place. False if nobody waits.
  bool wake_one(ReadyQueue& ready) noexcept {
    if (empty()) return false;
    auto& node = static_cast<WaitNode&>(*nodes_.next);
    node.unlink();
    chosen_.push_back(node);
    node.chosen_by_ = &ready;
    ready.wake(*node.waiter_);
    return true;
  }
  /// Wakes the task that has waited longest. It stays in the list, first, until its wait ends: so
  /// nobody passes it if it finds nothing. Who leaves the list then wakes the next one.
  void wake_first(ReadyQueue& ready) noexcept {
    if (!empty()) ready.wake(*static_cast<WaitNode&>(*nodes_.next).waiter_);
  }
  bool is_first(const WaitNode& node) const noexcept { return nodes_.next == &node; }
  /// Wakes all. They stay in the list until they are destroyed.
  void wake_all(ReadyQueue& ready) noexcept {
    for (ListNode* node = nodes_.next; node != &nodes_; node = node->next) {
      ready.wake(*static_cast<WaitNode&>(*node).waiter_);
    }
  }
  /// What they wait for goes. Wakes all; each finds that it is refused.
  void end(ReadyQueue& ready) noexcept {
    nodes_.splice_back(chosen_);
    while (!empty()) {
      auto& node = static_cast<WaitNode&>(*nodes_.next);
      node.unlink();
      node.list_ = nullptr;
      ready.wake(*node.waiter_);
    }
  }

 private:
  ListNode nodes_;
  ListNode chosen_;  ///< those that `wake_one` has woken, and that have not accepted yet
};

void WaitNode::leave() noexcept {
  unlink();
  ReadyQueue* const chosen_by = std::exchange(chosen_by_, nullptr);
  if (chosen_by != nullptr && list_ != nullptr) list_->wake_one(*chosen_by);
}

}  // namespace eddy::detail
