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

/// What every source is registered for.
inline constexpr Interest kSourceInterest =
    Interest::readable | Interest::writable | Interest::priority;

/// The readiness of one direction of one source.
class Readiness {
 public:
  /// False only after an attempt that said "would block".
  bool ready() const noexcept { return (bits_ & kReady) != 0; }
  /// True if a short transfer may have left something for which no edge comes: see wake_token.
  bool sticky() const noexcept { return (bits_ & kSticky) != 0; }
  /// The flags, and above them the number of events that have come. An attempt remembers this value
  /// before its system call.
  std::uint64_t mark() const noexcept { return bits_; }

  void note_events(std::uint64_t count) noexcept { bits_ = (bits_ + count * kEvent) | kReady; }
  void make_sticky() noexcept { bits_ |= kSticky; }
  /// True if the kernel has reported that this direction has ended.
  bool closed() const noexcept { return (bits_ & kClosed) != 0; }
  void close() noexcept { bits_ |= kSticky | kClosed; }
  /// An attempt that began at `seen` would block: not ready, unless an event has come since.
  void clear_ready(std::uint64_t seen) noexcept {
    if (bits_ == seen) bits_ &= ~kReady;
  }
  /// An attempt that began at `seen` moved less than was asked for. As `clear_ready`, but does
  /// nothing if the direction is sticky.
  void clear_if_edges_tell(std::uint64_t seen) noexcept {
    if (bits_ == seen && !sticky()) bits_ &= ~kReady;
  }
  /// Makes it ready to be used for another source.
  void reset() noexcept { bits_ = (bits_ & ~(kSticky | kClosed)) | kReady; }
  /// Stops all further attempts.
  void end() noexcept { bits_ &= ~kReady; }

 private:
  static constexpr std::uint64_t kReady = 1;
  static constexpr std::uint64_t kSticky = 2;
  static constexpr std::uint64_t kClosed = 4;
  static constexpr std::uint64_t kEvent = 8;

  std::uint64_t bits_ = kReady;
};

/// A registered source in the registry. Its address is stable until `remove`.
///
/// A slot is lost if another slot registers the same number: somebody has closed the descriptor
/// without its owner's knowledge. A lost slot is `gone`, and never ready.
struct Slot : Watched {
  Readiness& operator[](Direction d) noexcept { return d == Direction::read ? read : write; }
  /// True if the kernel has reported that both directions have ended.
  bool hung_up() const noexcept { return read.closed() && write.closed(); }

  /// Links `waiter`, which the next edge in this direction wakes.
  void add(Waiter& waiter, Direction direction) noexcept {
    waiter.watch(*this, direction);
    waiters.push_back(waiter);
  }

  std::uint32_t index = 0;       ///< its own; of an unused slot: that of the next in its list
  std::uint32_t generation = 1;  ///< never 0, so that callers' own tokens below 2^32 cannot match
  Readiness read;
  Readiness write;
  ListNode waiters;  ///< FIFO of `Waiter`, of all directions
};

/// Tells which slot has registered a descriptor number last. It is used when a source is registered
/// or removed, never for an event.
class NumberTable {
 public:
  /// Makes room for `source`. Throws std::bad_alloc.
  void reserve(RawSource source);
  /// The index noted for `source`, plus one; 0 if there is none.
  std::uint32_t find(RawSource source) const noexcept;
  /// Notes an index for `source`. Does nothing if `reserve` has made no room for it.
  void note(RawSource source, std::uint32_t index_plus_one) noexcept;

 private:
  static constexpr std::size_t kPageBits = 8;
  /// Larger numbers are ignored: no system gives a descriptor such a number.
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

/// A slab of slots by token. A token is `(generation << 32) | index`. The slot of a source that is
/// gone has another generation, so an event for that source is dropped.
///
/// **Thread**: that of its reactor.
class WakerRegistry {
 public:
  using Slot = detail::Slot;

  /// `woken` is where wakes go; it must outlive the registry.
  explicit WakerRegistry(detail::ReadyQueue& woken) noexcept : woken_(&woken) {}

  /// Takes a slot for `source`. It is ready in both directions until an attempt would block.
  Slot& insert(RawSource source);
  /// Notes that the kernel has registered the source of `slot`. An older slot of the same number is
  /// lost.
  void hold(Slot& slot) noexcept;
  /// The slot that has registered `source` last; null if that slot was removed or is lost.
  Slot* holder_of(RawSource source) noexcept;
  /// Marks a slot as lost: it has no registration any more, and its token is not valid. Wakes its
  /// waiters, whose `unwatch` returns false. The slot is not freed: its owner still refers to it.
  void lose(Slot& slot) noexcept;
  /// Wakes the waiters of the slot, and frees it. `unwatch` returns false for them, and for those
  /// that were woken before and have not run yet. The slot is not used again until all of them have
  /// run or died.
  void remove(Slot& slot) noexcept;
  /// Removes the slot of a token. Does nothing if no slot has that token.
  void remove_token(Token token) noexcept;

  /// Records readiness, and wakes every task that waits for it: one edge may mean several
  /// connections. After the end of the stream only "would block" ends readiness. The same holds
  /// after out-of-band data, because a read stops short before the urgent mark.
  /// Ignores a token that no slot has.
  /// Inlined to keep the event in registers, which saves 30 instructions.
  [[gnu::always_inline]] void wake_token(const ReadyEvent& event) noexcept {
    Slot* slot = find(event.token);
    if (slot == nullptr) [[unlikely]] {
      note_stray(event.token);
      return;
    }
    // Bits, not branches: this code runs for each event.
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

  /// What an attempt remembers before its system call, and gives to `clear_ready` after it.
  static std::uint64_t mark(Slot& slot, Direction direction) noexcept {
    return slot[direction].mark();
  }
  /// The attempt would block: not ready, unless an event has come since `mark` was taken.
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

  /// The number of slots in use.
  std::size_t size() const noexcept { return size_; }

  /// True if more events have come for slots that are gone than there are sources to register anew.
  /// No event of a source follows its removal, so such events are of orphans: see
  /// `Reactor::drop_orphans`.
  bool has_many_strays() const noexcept { return strays_ >= kFewStrays + size_; }
  void forget_strays() noexcept { strays_ = 0; }

  /// A task waits in a slot on an operation that must be abandoned before the slot goes.
  void note_abandons() noexcept { abandons_ = true; }

 private:
  friend struct detail::DebugLayout;

  static constexpr std::uint32_t kPageBits = 7;
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;

  static constexpr std::size_t kFewStrays = 16;

  std::uint32_t take_unused();
  EDDY_EXPORT void note_stray(Token token) noexcept;
  void abandon_waits(Slot& slot) noexcept;
  Slot& at(std::uint32_t index) noexcept {
    return pages_[index >> kPageBits][index & ((1U << kPageBits) - 1)];
  }
  Slot* find(Token token) noexcept {
    const auto index = static_cast<std::uint32_t>(token);
    if (index >= used_) return nullptr;
    Slot& slot = at(index);
    // An unused slot has the generation of its next use, for which no token was given out yet.
    return slot.generation == token >> 32 ? &slot : nullptr;
  }

  detail::ReadyQueue* woken_;
  bool abandons_ = false;  ///< some operation that waits in a slot, or did once, is to be abandoned
  std::vector<std::unique_ptr<Slot[]>> pages_;
  detail::NumberTable numbers_;
  std::size_t size_ = 0;
  std::size_t strays_ = 0;
  std::uint32_t used_ = 0;  ///< slots below this index have been handed out at least once
  std::uint32_t first_free_ = kNoSlot;
  std::uint32_t first_gone_ = kNoSlot;  ///< the list of slots that were freed while a waiter still
  std::uint32_t last_gone_ = kNoSlot;   ///< referred to them, oldest first
};

}  // namespace eddy
