// The lock-free parts of an inbox and of its messages.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/atomics.hpp"

#include <cstdint>

namespace eddy::detail {

/// The result of a push.
enum class Pushed : std::uint8_t {
  refused,     ///< the stack is closed; the message still belongs to the caller
  accepted,    ///< the owner will look at the stack
  to_sleeper,  ///< accepted, and the caller must wake the owner
};

/// A stack of nodes (Treiber 1986), and a flag by which its owner says that it is about to sleep.
/// Any thread pushes. Only the owner takes, and always takes all. A node has a member `next`.
template <class Node, class Atomics = StdAtomics>
class MessageStack {
 public:
  /// An accepted node belongs to the owner, which may have destroyed it before this returns.
  /// **Thread**: any. The caller keeps the stack alive meanwhile.
  Pushed push(Node& node) noexcept {
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == closed()) return Pushed::refused;
      node.next = head;
    } while (!head_.compare_exchange_weak(head, &node));
    // The exchange picks one of several pushing threads to wake the owner.
    const bool wakes = parked_.load() && parked_.exchange(false);
    return wakes ? Pushed::to_sleeper : Pushed::accepted;
  }

  // The rest is for the owner of the stack only.

  /// The owner may sleep between `begin_park` and `end_park`, if `begin_park` returns true.
  bool begin_park() noexcept {
    // `push` and this function write, then read, all sequentially consistent: so at least one of
    // the two sees the other's write. This is an exchange, not a store, because qemu 7.2 lets a
    // load overtake such a store when it emulates Arm on x86. It costs no more than the store.
    parked_.exchange(true);
    if (head_.load() == nullptr) return true;
    parked_.store(false);
    return false;
  }
  void end_park() noexcept { parked_.store(false, std::memory_order_relaxed); }

  bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }
  /// Takes all nodes, the oldest first, linked by `next`.
  Node* take_all() noexcept { return reversed(head_.exchange(nullptr)); }
  /// As `take_all`, and refuses later pushes. Only `push` may be called afterwards.
  Node* close() noexcept { return reversed(head_.exchange(closed())); }

 private:
  /// An address that no node has.
  Node* closed() noexcept { return reinterpret_cast<Node*>(this); }

  static Node* reversed(Node* newest) noexcept {
    Node* oldest = nullptr;
    while (newest != nullptr) {
      Node* const older = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest;
  }

  typename Atomics::template Atomic<Node*> head_{nullptr};
  typename Atomics::template Atomic<bool> parked_{false};
};

/// Tells whether a message is in an inbox, so that it is posted only once at a time.
template <class Atomics = StdAtomics>
class PostedOnce {
 public:
  /// True: the caller posts the message. False: another caller posts it, or has done so, and its
  /// delivery will see everything that this caller did before this call.
  bool begin_post() noexcept { return !posted_.exchange(true); }
  /// The delivery calls this before it acts on the message. The next `begin_post` posts anew.
  void end_post() noexcept { posted_.exchange(false); }

 private:
  typename Atomics::template Atomic<bool> posted_{false};
};

/// The reference count of an object that several threads share. It starts at one.
template <class Atomics = StdAtomics>
class References {
 public:
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  /// True: that was the last reference, and the caller destroys the object.
  [[nodiscard]] bool remove() noexcept {
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  typename Atomics::template Atomic<std::uint32_t> count_{1};
};

}  // namespace eddy::detail
