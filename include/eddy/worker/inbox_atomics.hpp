// The lock-free parts of an inbox and of its messages.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <atomic>
#include <cstdint>

namespace eddy::detail {

/// What the classes below are made of in the library. `tests/models` compiles the same classes with
/// atomics of a model checker, which tries their threads in every order.
struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
};

/// What became of a message that was pushed.
enum class Pushed : std::uint8_t {
  refused,     ///< the stack is closed; the message still belongs to the caller
  accepted,    ///< the owner will look at the stack
  to_sleeper,  ///< accepted, and the caller must wake the owner
};

/// A stack of nodes (Treiber 1986), and the flag by which its owner says that it is about to sleep.
/// Any thread pushes; the owner alone takes, and takes all. A node has a member `next`.
template <class Node, class Atomics = StdAtomics>
class MessageStack {
 public:
  /// A node that was accepted belongs to the owner, who may have destroyed it when this returns.
  /// **Thread**: any that keeps the stack alive meanwhile.
  Pushed push(Node& node) noexcept {
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == closed()) return Pushed::refused;
      node.next = head;
    } while (!head_.compare_exchange_weak(head, &node));
    // One of several that push wakes the owner.
    const bool wakes = parked_.load() && parked_.exchange(false);
    return wakes ? Pushed::to_sleeper : Pushed::accepted;
  }

  // All below: for the owner.

  /// Between these two the owner may sleep: `begin_park` says whether it should.
  bool begin_park() noexcept {
    // Against `push`: one of us sees the other's write, because both are sequentially consistent.
    // An exchange, which costs no more than such a store: qemu 7.2, as it emulates Arm on x86, lets
    // a load overtake the store.
    parked_.exchange(true);
    if (head_.load() == nullptr) return true;
    parked_.store(false);
    return false;
  }
  void end_park() noexcept { parked_.store(false, std::memory_order_relaxed); }

  bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }
  /// Takes all nodes, the oldest first, linked by `next`.
  Node* take_all() noexcept { return reversed(head_.exchange(nullptr)); }
  /// The same; from now on pushes are refused. Nothing may be called after it but `push`.
  Node* close() noexcept { return reversed(head_.exchange(closed())); }

 private:
  /// An address that is no node's.
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

/// Whether a message that is always the same is in an inbox, where it can be once only.
template <class Atomics = StdAtomics>
class PostedOnce {
 public:
  /// True: the caller posts the message. False: it is in the inbox, and its delivery will see all
  /// that the caller did before this.
  bool begin_post() noexcept { return !posted_.exchange(true); }
  /// For the delivery, before it looks at what the message is about: the next `begin_post` posts
  /// anew.
  void end_post() noexcept { posted_.exchange(false); }

 private:
  typename Atomics::template Atomic<bool> posted_{false};
};

/// How many refer to an object of several threads: one at first.
template <class Atomics = StdAtomics>
class References {
 public:
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  /// True: that was the last one, and the caller destroys the object.
  [[nodiscard]] bool remove() noexcept {
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  typename Atomics::template Atomic<std::uint32_t> count_{1};
};

}  // namespace eddy::detail
