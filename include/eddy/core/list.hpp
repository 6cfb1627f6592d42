// A node of an intrusive, circular, doubly linked list.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/compiler.hpp"

namespace eddy::detail {

/// A link: alone, the head of a list, or in one list. Unlinking is O(1) and needs no head.
struct ListNode {
  /// Leaves a node without value. `make_alone` must come before its first use.
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

  /// Puts `node`, which is alone, last in the list whose head this is.
  void push_back(ListNode& node) noexcept {
    EDDY_ASSERT(!node.linked());
    node.prev = prev;
    prev->next = &node;
    node.next = this;
    prev = &node;
  }

  /// Puts `node`, which is alone, first in the list whose head this is.
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
