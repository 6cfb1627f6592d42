// A node of an intrusive, circular, doubly linked list.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

namespace eddy::detail {

/// A link that is alone, a head, or in one list. Unlinking is O(1) from any list and needs no head.
struct ListNode {
  /// For a node that `make_alone` makes one later, if it is ever used.
  struct Unused {};

  ListNode() noexcept : prev(this), next(this) {}
  explicit ListNode(Unused) noexcept {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  void make_alone() noexcept { prev = next = this; }

  /// True if the node is in a list; for a head: if the list is not empty.
  bool linked() const noexcept { return next != this; }

  void unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    make_alone();
  }

  /// Puts `node`, which is alone, last in the list of which this is the head.
  void push_back(ListNode& node) noexcept {
    node.prev = prev;
    prev->next = &node;
    node.next = this;
    prev = &node;
  }

  /// Puts `node`, which is alone, first in the list of which this is the head.
  void push_front(ListNode& node) noexcept { next->push_back(node); }

  /// Moves every node of `other`, in order, behind those of this list.
  void splice_back(ListNode& other) noexcept {
    if (!other.linked()) return;
    other.next->prev = prev;
    prev->next = other.next;
    other.prev->next = this;
    prev = other.prev;
    other.prev = other.next = &other;
  }

  ListNode* prev;
  ListNode* next;
};

}  // namespace eddy::detail
