// A node of an intrusive, circular, doubly linked list.
#pragma once

namespace eddy::detail {

/// A link that is alone, a head, or in one list. Unlinking is O(1) from any list and needs no head.
struct ListNode {
  ListNode() noexcept : prev(this), next(this) {}
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  /// True if the node is in a list; for a head: if the list is not empty.
  bool linked() const noexcept { return next != this; }

  void unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
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
