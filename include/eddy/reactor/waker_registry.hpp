// Who waits for which source, and in which direction.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/ready_queue.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace eddy {

namespace detail {

/// What every source is registered for, once and for all.
inline constexpr Interest kSourceInterest =
    Interest::readable | Interest::writable | Interest::priority;

/// The readiness of one direction of one source.
class Readiness {
 public:
  /// False only after an attempt that said "would block".
  bool ready() const noexcept { return (bits_ & kReady) != 0; }
  /// True if no edge may tell of what a short transfer left: see wake_token.
  bool sticky() const noexcept { return (bits_ & kSticky) != 0; }
  /// How many events came, in the bits above the flags, and those: what an attempt remembers.
  std::uint64_t mark() const noexcept { return bits_; }

  void note_events(std::uint64_t count) noexcept { bits_ = (bits_ + count * kEvent) | kReady; }
  void make_sticky() noexcept { bits_ |= kSticky; }
  /// The kernel has told that this direction is over.
  bool closed() const noexcept { return (bits_ & kClosed) != 0; }
  void close() noexcept { bits_ |= kSticky | kClosed; }
  /// An attempt that began at `seen` said "would block": not ready, unless an event came since.
  void clear_ready(std::uint64_t seen) noexcept {
    if (bits_ == seen) bits_ &= ~kReady;
  }
  /// The attempt moved less than was asked for: the same, unless no edge may tell.
  void clear_if_edges_tell(std::uint64_t seen) noexcept {
    if (bits_ == seen && !sticky()) bits_ &= ~kReady;
  }
  /// For another source.
  void reset() noexcept { bits_ = (bits_ & ~(kSticky | kClosed)) | kReady; }
  /// No attempt is to be made any more.
  void end() noexcept { bits_ &= ~kReady; }

 private:
  static constexpr std::uint64_t kReady = 1;
  static constexpr std::uint64_t kSticky = 2;
  static constexpr std::uint64_t kClosed = 4;
  static constexpr std::uint64_t kEvent = 8;

  std::uint64_t bits_ = kReady;
};

/// The place of a registered source in the registry. Its address is stable until `remove`.
///
/// A slot may be lost before that: another slot has registered the same number, so somebody has
/// closed the source behind its owner's back. A lost slot is `gone`, and never ready.
struct Slot : Watched {
  Readiness& operator[](Direction d) noexcept { return d == Direction::read ? read : write; }
  /// True if the kernel has told that both directions are over.
  bool hung_up() const noexcept { return read.closed() && write.closed(); }

  /// To be woken at the next edge in this direction.
  void add(Waiter& waiter, Direction direction) noexcept {
    waiter.watch(*this, direction);
    waiters.push_back(waiter);
  }

  std::uint32_t index = 0;       ///< its own; while it is not in use, that of the next one
  std::uint32_t generation = 1;  ///< never 0, so that callers' own tokens below 2^32 cannot match
  Readiness read;
  Readiness write;
  ListNode waiters;  ///< FIFO of `Waiter`, whatever they wait for
};

/// Which slot has registered a descriptor number last. It is asked when a source is registered or
/// removed, never for an event.
class NumberTable {
 public:
  /// Makes room for `source`. Throws std::bad_alloc.
  void reserve(RawSource source);
  /// The index that was noted for `source`, plus one; 0 if there is none.
  std::uint32_t find(RawSource source) const noexcept;
  /// Does nothing for a number for which there is no room.
  void note(RawSource source, std::uint32_t index_plus_one) noexcept;

 private:
  static constexpr std::size_t kPageBits = 8;
  /// No system hands out larger numbers; whatever is larger is not a source.
  static constexpr std::size_t kMostPages = std::size_t{1} << 18;

  static std::size_t page_of(RawSource source) noexcept {
    return static_cast<std::size_t>(source) >> kPageBits;
  }
  static std::size_t place_of(RawSource source) noexcept {
    return static_cast<std::size_t>(source) & ((std::size_t{1} << kPageBits) - 1);
  }

  std::vector<std::unique_ptr<std::uint32_t[]>> pages_;
};

}  // namespace detail

/// A slab of slots by token. A token is `(generation << 32) | index`; an event for a source that is
/// gone meets another generation and is dropped.
///
/// **Thread**: that of its reactor.
class WakerRegistry {
 public:
  using Slot = detail::Slot;

  /// `woken` is where wakes go; it must outlive the registry.
  explicit WakerRegistry(detail::ReadyQueue& woken) noexcept : woken_(&woken) {}

  /// A slot for `source`, ready in both directions until an attempt says otherwise.
  Slot& insert(RawSource source);
  /// The kernel has registered the source of `slot`. An older slot of the same number is lost.
  void hold(Slot& slot) noexcept;
  /// The slot that has registered `source` last, if it is still there and not lost; else null.
  Slot* holder_of(RawSource source) noexcept;
  /// The slot has no registration any more. Those who wait in it find themselves refused, and its
  /// token is dead. It is not freed: its owner does not know yet.
  void lose(Slot& slot) noexcept;
  /// Wakes all that wait in the slot, and frees it. They, and those woken before who have not run
  /// yet, find themselves refused; until the last of them has run nobody else gets the slot.
  void remove(Slot& slot) noexcept;
  /// The same by token. Does nothing if the token is not, or no longer, one of the registry's.
  void remove_token(Token token) noexcept;

  /// Records readiness, and wakes all that wait for it: one edge may stand for several connections.
  /// After the end of the stream, or with out-of-band data in it (before whose mark a read stops
  /// short), only "would block" ends readiness.
  /// Ignores a token that is not, or no longer, one of the registry's.
  /// Inlined, so that what the kernel tells stays in registers: 30 instructions fewer.
  [[gnu::always_inline]] void wake_token(const Event& event) noexcept {
    Slot* slot = find(event.token);
    if (slot == nullptr) [[unlikely]] {
      note_stray(event.token);
      return;
    }
    // Bits, not branches: this is done for each event.
    bool hung_up = false;
    if (event.priority | event.read_closed | event.write_closed) [[unlikely]] {
      if (event.priority) slot->read.make_sticky();
      if (event.read_closed) slot->read.close();
      if (event.write_closed) slot->write.close();
      hung_up = slot->hung_up();
    }
    if (event.readable) [[likely]] {
      slot->read.note_events(1);
    }
    if (event.writable) [[likely]] {
      slot->write.note_events(1);
    }
    for (detail::ListNode* node = slot->waiters.next; node != &slot->waiters;) {
      auto& waiter = static_cast<detail::Waiter&>(*std::exchange(node, node->next));
      const bool due = waiter.direction == Direction::read    ? event.readable
                       : waiter.direction == Direction::write ? event.writable
                                                              : hung_up;
      if (due) woken_->wake(waiter);
    }
  }

  /// What an attempt remembers before its system call, to be given to `clear_ready` after it.
  static std::uint64_t mark(Slot& slot, Direction direction) noexcept {
    return slot[direction].mark();
  }
  /// The attempt said "would block": not ready, unless an event came since `mark` was taken.
  static void clear_ready(Slot& slot, Direction direction, std::uint64_t mark) noexcept {
    slot[direction].clear_ready(mark);
  }

  static Token token_of(const Slot& slot) noexcept {
    return Token{slot.generation} << 32 | slot.index;
  }

  /// Calls `f(slot)` for each slot in use.
  template <class F>
  void for_each(F f) {
    for (std::uint32_t i = 0; i < used_; ++i) {
      if (Slot& slot = at(i); !slot.gone()) f(slot);
    }
  }

  /// How many slots are in use.
  std::size_t size() const noexcept { return size_; }

  /// True if events for slots that are gone woke the thread more often than it would cost to
  /// register every source anew. No event of a source follows its removal, so those are of
  /// registrations that have outlived their descriptors: see `Reactor::drop_orphans`.
  bool has_many_strays() const noexcept { return strays_ >= kFewStrays + size_; }
  void forget_strays() noexcept { strays_ = 0; }

 private:
  friend struct detail::DebugLayout;

  static constexpr std::uint32_t kPageBits = 7;
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;

  static constexpr std::size_t kFewStrays = 16;

  std::uint32_t take_unused();
  EDDY_EXPORT void note_stray(Token token) noexcept;
  Slot& at(std::uint32_t index) noexcept {
    return pages_[index >> kPageBits][index & ((1U << kPageBits) - 1)];
  }
  Slot* find(Token token) noexcept {
    const auto index = static_cast<std::uint32_t>(token);
    if (index >= used_) return nullptr;
    Slot& slot = at(index);
    // A slot that is not in use has the generation of its next use, of which there is no token yet.
    return slot.generation == token >> 32 ? &slot : nullptr;
  }

  detail::ReadyQueue* woken_;
  std::vector<std::unique_ptr<Slot[]>> pages_;
  detail::NumberTable numbers_;
  std::size_t size_ = 0;
  std::size_t strays_ = 0;
  std::uint32_t used_ = 0;  ///< slots below this index have been handed out at least once
  std::uint32_t first_free_ = kNoSlot;
  std::uint32_t first_gone_ = kNoSlot;  ///< of those that were still watched when they were freed,
  std::uint32_t last_gone_ = kNoSlot;   ///< oldest first
};

}  // namespace eddy
