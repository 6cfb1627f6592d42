// The values of a feed, which several receivers copy.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/sync/feed_core.hpp"
#include "eddy/sync/sent_value.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace eddy::detail {

/// A value, or the memory for one. Whoever copies the value holds a reference meanwhile, so the
/// copy runs with the flag free.
template <class T>
struct FeedNode {
  T* value() noexcept { return std::launder(reinterpret_cast<T*>(memory)); }

  FeedNode* next = nullptr;      ///< in a list of nodes that are not in use
  std::uint32_t references = 1;  ///< guarded by the flag
  alignas(T) std::byte memory[sizeof(T)];
};

/// A feed of `T`: where its nodes come from, and go.
template <class T>
class FeedValues : public FeedCore {
  static_assert(SentValue<T>::kFits);
  static_assert(std::copy_constructible<T>,
                "every receiver gets a copy of the value: send a std::shared_ptr to what cannot be "
                "copied");

 public:
  using Node = FeedNode<T>;

 protected:
  FeedValues() noexcept = default;
  ~FeedValues() {
    while (unused_ != nullptr) delete std::exchange(unused_, unused_->next);
  }

  /// A node with `value`. If this throws, `value` is untouched.
  Node& make_node(T& value) {
    Node* node = nullptr;
    {
      const SharedLock held(flag_);
      node = unused_;
      if (node != nullptr) unused_ = node->next;
    }
    if (node == nullptr) node = new Node;
    node->next = nullptr;
    node->references = 1;
    ::new (static_cast<void*>(node->memory)) T(std::move(value));
    return *node;
  }
  /// Drops a reference to `node`. True: the caller calls `end_node` once the flag is free.
  [[nodiscard]] static bool release(Node& node) noexcept { return --node.references == 0; }
  void end_node(Node& node) noexcept {
    std::destroy_at(node.value());
    const SharedLock held(flag_);
    node.next = unused_;
    unused_ = &node;
  }

  /// A reference to a node, while its value is copied.
  class Pin {
   public:
    Pin(FeedValues& feed, Node& node) noexcept : feed_(feed), node_(node) {}
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() {
      bool last = false;
      {
        const SharedLock held(feed_.flag_);
        last = release(node_);
      }
      if (last) feed_.end_node(node_);
    }

   private:
    FeedValues& feed_;
    Node& node_;
  };

 private:
  Node* unused_ = nullptr;  ///< guarded by the flag
};

}  // namespace eddy::detail
