// The rooms of a channel.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/channel_core.hpp"
#include "eddy/sync/sent_value.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

namespace eddy::detail {

/// A channel of `T`. Its values stand in blocks, which are linked. A bounded channel has one block,
/// whose successor is that block itself.
///
/// The oldest values belong to the receiver, who moves and destroys them while the flag is free.
/// Then the receiver takes the flag and frees their rooms.
template <class T>
class alignas(std::max(alignof(T), alignof(void*))) ChannelState final : public ChannelCore {
 public:
  static ChannelState& make_bounded(std::size_t capacity) {
    ChannelState& made = make(capacity, capacity);
    made.head_block_->next = made.head_block_;
    return made;
  }
  static ChannelState& make_unbounded() {
    return make(kBlock, std::numeric_limits<std::size_t>::max());
  }

  /// True if a send would wait. A channel that is closed may look full, too.
  bool looks_full() const noexcept { return free() == 0; }

  /// Moves `value` into the channel: `granted`. Else `value` is untouched: `closed` or `none`.
  WaitState try_push(T& value) noexcept {
    SharedLock held(flag_);
    if (closed_) return WaitState::closed;
    if (free() == 0) return WaitState::none;
    set_free(free() - 1);
    push(held, value);
    return WaitState::granted;
  }
  /// As `try_push`, for an unbounded channel.
  WaitState push_unbounded(T& value) {
    {
      SharedLock held(flag_);
      if (closed_) return WaitState::closed;
      if (tail_ != tail_end_) {
        set_free(free() - 1);
        push(held, value);
        return WaitState::granted;
      }
    }
    return push_into_next_block(value);
  }
  /// By a permit, which goes. If the receiver is gone, `value` is untouched.
  void push_reserved(T& value) noexcept {
    bool last = false;
    {
      SharedLock held(flag_);
      if (!receiver_gone_) push(held, value);
      last = end_permit(held);
    }
    if (last) destroy();
  }

  /// The only sender sends its only value, and goes. False: the channel is closed, the sender
  /// stays, and `value` is untouched.
  bool push_last(T& value) noexcept {
    bool last = false;
    {
      SharedLock held(flag_);
      if (closed_) return false;
      push(held, value);
      last = end_sender(held);
    }
    if (last) destroy();
    return true;
  }

  // The rest is for the receiver only.

  /// Takes the oldest value; there is one. `ends_receiving`: also calls `end_receiving`.
  [[nodiscard]] Result<T> pop(bool ends_receiving) noexcept {
    T& oldest = front();
    auto popped = Result<T>(std::in_place, std::move(oldest));
    oldest.~T();
    ++head_;
    SharedLock held(flag_);
    if (ends_receiving) [[unlikely]] {
      end_receiving();
    }
    set_size(size() - 1);
    free_rooms(held, 1);
    return popped;
  }
  /// `Error::empty` or `Error::closed` if there is no value.
  [[nodiscard]] Result<T> try_pop() noexcept {
    const WaitState how = size() != 0 ? WaitState::granted : why_empty();
    if (how == WaitState::granted) return pop(false);
    return how == WaitState::none ? failure(Error::empty) : wait_failure(how);
  }
  /// Appends the `count` oldest values to `into`, which has room for them.
  template <class Into>
  void pop_many(Into& into, std::size_t count, bool ends_receiving) noexcept {
    for (std::size_t i = 0; i != count; ++i) {
      T& oldest = front();
      into.push_back(std::move(oldest));
      oldest.~T();
      ++head_;
    }
    free_many(count, ends_receiving);
  }

 private:
  struct alignas(std::max(alignof(T), alignof(void*))) Block {
    T* slots() noexcept { return reinterpret_cast<T*>(this + 1); }

    Block* next = nullptr;
  };

  /// How many values a block of an unbounded channel holds.
  static constexpr std::size_t kBlock = std::max<std::size_t>(8, 1024 / sizeof(T));

  ChannelState(std::size_t block_size, std::size_t capacity, Block* first) noexcept
      : ChannelCore(capacity),
        tail_(first->slots()),
        tail_end_(tail_ + block_size),
        tail_block_(first),
        head_(tail_),
        head_end_(tail_end_),
        head_block_(first),
        block_size_(block_size) {}
  ~ChannelState() {
    if (head_block_->next == head_block_) return;  // bounded
    while (head_block_ != nullptr) free_block(std::exchange(head_block_, head_block_->next));
    free_block(spare_);
  }

  static ChannelState& make(std::size_t block_size, std::size_t capacity) {
    static_assert(SentValue<T>::kFits);
    constexpr std::size_t kRest = sizeof(ChannelState) + sizeof(Block);
    if (block_size > (std::numeric_limits<std::ptrdiff_t>::max() - kRest) / sizeof(T)) {
      throw std::bad_alloc();
    }
    void* const memory = ::operator new(kRest + block_size * sizeof(T));
    auto* const first = ::new (static_cast<ChannelState*>(memory) + 1) Block;
    return *::new (memory) ChannelState(block_size, capacity, first);
  }
  void destroy() noexcept override {
    this->~ChannelState();
    ::operator delete(static_cast<void*>(this));
  }

  /// The block that was allocated together with this.
  Block* first_block() noexcept { return reinterpret_cast<Block*>(this + 1); }
  Block* make_block() const {
    return ::new (::operator new(sizeof(Block) + block_size_ * sizeof(T))) Block;
  }
  void free_block(Block* block) noexcept {
    if (block != first_block()) ::operator delete(static_cast<void*>(block));
  }

  /// Moves `value` into a room that is no longer free. With the flag held.
  void push(SharedLock& held, T& value) noexcept {
    place(value);
    set_size(size() + 1);
    note_value(held);
  }
  void place(T& value) noexcept {
    if (tail_ == tail_end_) [[unlikely]] {
      enter_block();
    }
    ::new (static_cast<void*>(tail_)) T(std::move(value));
    ++tail_;
  }
  [[gnu::noinline]] void enter_block() noexcept {
    tail_block_ = tail_block_->next;
    tail_ = tail_block_->slots();
    tail_end_ = tail_ + block_size_;
  }
  void* fill_room(void* value) noexcept override {
    T* const first = static_cast<T*>(value);
    place(*first);
    return first + 1;
  }
  WaitState push_into_next_block(T& value) {
    Block* made = nullptr;
    for (;;) {
      WaitState how = WaitState::none;
      {
        SharedLock held(flag_);
        if (spare_ == nullptr) spare_ = std::exchange(made, nullptr);
        if (closed_) {
          how = WaitState::closed;
        } else if (tail_ != tail_end_ || link_spare()) {
          set_free(free() - 1);
          push(held, value);
          how = WaitState::granted;
        }
      }
      free_block(made);
      if (how != WaitState::none) return how;
      made = make_block();
    }
  }
  bool link_spare() noexcept {
    if (spare_ == nullptr) return false;
    spare_->next = nullptr;
    tail_block_->next = std::exchange(spare_, nullptr);
    return true;
  }

  T& front() noexcept {
    if (head_ == head_end_) [[unlikely]] {
      leave_block();
    }
    return *head_;
  }
  [[gnu::noinline]] void leave_block() noexcept {
    Block* left = std::exchange(head_block_, head_block_->next);
    head_ = head_block_->slots();
    head_end_ = head_ + block_size_;
    if (left == head_block_) return;
    {
      const SharedLock held(flag_);
      if (spare_ == nullptr || left == first_block()) std::swap(spare_, left);
    }
    free_block(left);
  }
  void destroy_values(std::size_t count) noexcept override {
    for (; count != 0; --count) {
      front().~T();
      ++head_;
    }
  }

  // Guarded by the flag.
  T* tail_;  ///< where the next value goes; at the end of a block, the next block has its place
  T* tail_end_;
  Block* tail_block_;
  Block* spare_ = nullptr;  ///< an empty block of an unbounded channel

  // The receiver's.
  T* head_;  ///< the oldest value; at the end of a block, that value is in the next block
  T* head_end_;
  Block* head_block_;

  std::size_t block_size_;
};

}  // namespace eddy::detail
