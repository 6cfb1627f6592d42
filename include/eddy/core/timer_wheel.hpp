// The bare timer wheel: deadlines in, wakes out.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/ready_queue.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace eddy::detail {

/// One deadline of one waiter. It lives in the awaiter, which cancels it before it dies.
class TimerNode : public ListNode {
 public:
  /// True from arming until it fires or is cancelled.
  bool armed() const noexcept { return waiter_ != nullptr; }
  /// True once the deadline has passed and the waiter was woken for it.
  bool fired() const noexcept { return when_ == kFired; }

 private:
  friend class TimerWheel;
  static constexpr std::uint64_t kFired = UINT64_MAX;

  Waiter* waiter_ = nullptr;
  std::uint64_t when_ = 0;  ///< a tick; before `settle`, nanoseconds from the next reading
};

/// A hierarchical timing wheel (Varghese and Lauck 1987, scheme 7): 8 levels of 64 slots over a
/// tick of 2^15 ns = 32.8 us. They span every value of an `Instant`. A node's level is that of the
/// highest six-bit digit in which its tick differs from the wheel's. When the wheel enters a slot,
/// the slot's nodes move down.
///
/// A slot of a high level may hold thousands of nodes. To move them all when the wheel enters it
/// would delay every timer that is due then. So an `advance` to another tick also moves some nodes
/// of the slots that come next, the lowest level first. For them each level has a second set of
/// slots: those of its next turn. Nodes that are left move when the wheel enters their slot; these
/// are all nodes of the slot if the wheel did not advance for long.
///
/// Arming and cancelling are O(1). So are the next deadline and an empty turn, except that a slot
/// that cancelling has emptied is passed over once. A node never fires early, and fires at most a
/// tick late. Nodes fire in the order of their ticks; timers of one tick fire in the order in which
/// they were armed. The later armed is never on a lower level, nor ahead in a slot.
///
/// A relative deadline counts from the next reading of the clock, which the loop makes at the end
/// of its turn. So arming reads no clock, and a timer that is cancelled within the turn never
/// enters the wheel. Such a deadline is never earlier than if the clock had been read at once.
class TimerWheel {
 public:
  /// `woken` is where wakes go; it must outlive the wheel.
  explicit TimerWheel(ReadyQueue& woken, Instant start) noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Wakes `waiter` once `deadline` has passed. `Instant::max()` is never.
  EDDY_EXPORT void arm_at(TimerNode& node, Waiter& waiter, Instant deadline) noexcept;
  /// Wakes `waiter` once `length` has passed from the next `advance` or `settle`. `Duration::max()`
  /// is for ever.
  EDDY_EXPORT void arm_after(TimerNode& node, Waiter& waiter, Duration length) noexcept;
  /// Forgets `node`, whatever its state; it can be armed again. The slot that it leaves stays
  /// marked as occupied: most timers are cancelled long before their slot is the first.
  static void cancel(TimerNode& node) noexcept {
    node.waiter_ = nullptr;
    node.when_ = 0;
    node.unlink();
  }

  /// Places the nodes that `arm_after` has noted. Their lengths count from `now`.
  void settle(Instant now) noexcept;
  /// Settles, then wakes all that is due at `now`. `now` may stand still, but not go back. Returns
  /// how many nodes it woke or moved after settling.
  std::size_t advance(Instant now) noexcept;

  /// The earliest deadline with which `node` would fire when it does; the real one is less than a
  /// tick later. It is armed, has been settled, and has a deadline.
  static Instant deadline_of(const TimerNode& node) noexcept {
    return Instant(Duration(static_cast<Clock::rep>(((node.when_ - 1) << kTickBits) + 1)));
  }

  /// True if `arm_after` has noted nodes, so that `next_deadline` needs `settle` first.
  bool unsettled() const noexcept { return fresh_.linked(); }
  bool empty() noexcept;
  /// When `advance` next has something to do, if ever: the deadline of the earliest node. It may be
  /// earlier in one case: it is the deadline of a cancelled node, and other nodes are still in the
  /// slot where that node was, or in a slot from which it had moved down.
  std::optional<Instant> next_deadline() noexcept;

 private:
  static constexpr unsigned kTickBits = 15;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kLevels = 8;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr auto kLastTick =
      static_cast<std::uint64_t>(Instant::max().time_since_epoch().count()) >> kTickBits;
  static_assert(kLastTick >> (kLevels * kSlotBits) == 0);
  /// An `advance` moves at most `kMovesAhead` nodes ahead of time, and `kMovesAheadPerWoken` more
  /// for each node that it wakes. That is enough for a steady flow of timers, which are woken once
  /// and moved once or twice.
  static constexpr std::size_t kMovesAhead = 64;
  static constexpr std::size_t kMovesAheadPerWoken = 2;

  struct WheelSlot {
    ListNode nodes;
    std::uint64_t earliest = 0;  ///< a lower bound of the ticks of its nodes, if it has any
  };

  /// The slots that a level passes while it turns once. Turns are numbered from tick 0. The wheel
  /// keeps the slots of the current turn and of the next, by the last bit of the number.
  struct Turn {
    std::array<WheelSlot, kSlots> slots;
    /// Bit i: slot i has nodes, or had some until a `cancel`. No node outlives its turn, so a bit
    /// that an earlier turn has left means an empty slot.
    std::uint64_t occupied = 0;
  };

  /// A slot of a level; slots are numbered from tick 0.
  struct Place {
    unsigned level;
    std::uint64_t number;

    /// The tick at which the wheel enters it.
    std::uint64_t begins() const noexcept { return number << (level * kSlotBits); }
  };

  static std::uint64_t tick_after(Instant instant) noexcept;
  void place(TimerNode& node) noexcept;
  void put(TimerNode& node, unsigned level) noexcept;
  void fire(TimerNode& node) noexcept;
  static std::size_t index_of(const Place& place) noexcept {
    return place.level * std::size_t{2} + (place.number >> kSlotBits & 1);
  }
  WheelSlot& slot_at(const Place& place) noexcept {
    return turns_[index_of(place)].slots[place.number % kSlots];
  }
  std::optional<Place> first_of_turn(unsigned level, std::uint64_t turn) noexcept;
  template <class Visit>
  void visit_first_slots(Visit visit) noexcept;
  void clear(const Place& place) noexcept;
  std::size_t enter(std::uint64_t tick) noexcept;
  std::size_t wake_due() noexcept;
  std::size_t move_ahead(std::size_t most) noexcept;
  std::size_t move_down(const Place& place, std::size_t most) noexcept;

  std::array<Turn, std::size_t{kLevels} * 2> turns_;  ///< level by level, even numbers first
  std::uint64_t occupied_turns_ = 0;                  ///< bit i: turns_[i] has occupied slots
  ListNode fresh_;                                    ///< armed since the last reading of the clock
  ReadyQueue* woken_;
  std::uint64_t now_tick_;  ///< all ticks up to and including this one have fired
};

}  // namespace eddy::detail
