// SPDX-License-Identifier: MIT

#include "eddy/core/timer_wheel.hpp"

#include "eddy/platform/assert.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace eddy::detail {

TimerWheel::TimerWheel(ReadyQueue& woken, Instant start) noexcept
    : woken_(&woken),
      now_tick_(static_cast<std::uint64_t>(start.time_since_epoch().count()) >> kTickBits) {}

/// The first tick that begins at or after `instant`. Because it rounds up, no timer is early. After
/// the last tick there is no other.
std::uint64_t TimerWheel::tick_after(Instant instant) noexcept {
  const auto ns =
      static_cast<std::uint64_t>(std::max<Clock::rep>(instant.time_since_epoch().count(), 0));
  return std::min((ns + (1U << kTickBits) - 1) >> kTickBits, kLastTick);
}

void TimerWheel::arm_at(TimerNode& node, Waiter& waiter, Instant deadline) noexcept {
  EDDY_ASSERT(!node.armed());
  node.waiter_ = &waiter;
  node.when_ = tick_after(deadline);
  if (deadline != Instant::max()) place(node);  // else it is armed, but in no list: it cannot fire
}

void TimerWheel::arm_after(TimerNode& node, Waiter& waiter, Duration length) noexcept {
  EDDY_ASSERT(!node.armed());
  node.waiter_ = &waiter;
  node.when_ = 0;
  if (length == Duration::max()) return;
  node.when_ = static_cast<std::uint64_t>(std::max(length, Duration::zero()).count());
  fresh_.push_back(node);
}

void TimerWheel::settle(Instant now) noexcept {
  while (fresh_.linked()) {
    auto& node = static_cast<TimerNode&>(*fresh_.next);
    node.unlink();
    const Instant deadline = saturating_add(now, Duration(static_cast<Clock::rep>(node.when_)));
    if (deadline == Instant::max()) continue;
    node.when_ = tick_after(deadline);
    place(node);
  }
}

std::size_t TimerWheel::advance(Instant now) noexcept {
  settle(now);
  // The tick in which `now` lies has begun, so the nodes of that tick are due.
  const std::uint64_t target =
      static_cast<std::uint64_t>(now.time_since_epoch().count()) >> kTickBits;
  if (target <= now_tick_) return 0;
  std::size_t moved = 0;
  std::size_t woken = 0;
  for (;;) {
    std::uint64_t next = UINT64_MAX;
    visit_first_slots([&](const Place& place) { next = std::min(next, place.begins()); });
    if (next > target) break;
    now_tick_ = next;
    moved += enter(next);
    woken += wake_due();
  }
  now_tick_ = target;
  moved += move_ahead(kMovesAhead + kMovesAheadPerWoken * woken);
  return moved + woken;
}

bool TimerWheel::empty() noexcept {
  bool found = fresh_.linked();
  if (!found) visit_first_slots([&](const Place&) { found = true; });
  return !found;
}

std::optional<Instant> TimerWheel::next_deadline() noexcept {
  std::optional<std::uint64_t> earliest;
  visit_first_slots([&](const Place& place) {
    const std::uint64_t tick = slot_at(place).earliest;
    if (!earliest || tick < *earliest) earliest = tick;
  });
  if (!earliest) return std::nullopt;
  return Instant(Duration(static_cast<Clock::rep>(*earliest << kTickBits)));
}

/// The first slot of a turn that has nodes, if there is one. Clears the marks of empty slots before
/// it.
std::optional<TimerWheel::Place> TimerWheel::first_of_turn(unsigned level,
                                                           std::uint64_t turn) noexcept {
  Place place{level, turn << kSlotBits};
  const Turn& slots = turns_[index_of(place)];
  while (slots.occupied != 0) {
    place.number = turn << kSlotBits | static_cast<unsigned>(std::countr_zero(slots.occupied));
    if (slot_at(place).nodes.linked()) return place;
    clear(place);
  }
  return std::nullopt;
}

/// Calls `visit` with the first slot of each level that can hold the earliest node of all.
template <class Visit>
void TimerWheel::visit_first_slots(Visit visit) noexcept {
  for (std::uint64_t left = occupied_turns_; left != 0;) {
    const unsigned level = static_cast<unsigned>(std::countr_zero(left)) / 2;
    left &= ~(std::uint64_t{3} << level * 2);
    const std::uint64_t turn = now_tick_ >> (level + 1) * kSlotBits;
    if (const std::optional<Place> first = first_of_turn(level, turn)) {
      visit(*first);
      return;  // the higher levels hold what comes after this turn
    }
    if (const std::optional<Place> first = first_of_turn(level, turn + 1)) visit(*first);
  }
}

void TimerWheel::place(TimerNode& node) noexcept {
  if (node.when_ <= now_tick_) {
    fire(node);
    return;
  }
  put(node, static_cast<unsigned>(std::bit_width(node.when_ ^ now_tick_) - 1) / kSlotBits);
}

/// Puts `node` into its slot of a level, which is of that level's current or next turn.
void TimerWheel::put(TimerNode& node, unsigned level) noexcept {
  const Place place{level, node.when_ >> (level * kSlotBits)};
  WheelSlot& target = slot_at(place);
  if (!target.nodes.linked()) {
    turns_[index_of(place)].occupied |= std::uint64_t{1} << place.number % kSlots;
    occupied_turns_ |= std::uint64_t{1} << index_of(place);
    target.earliest = node.when_;
  } else if (node.when_ < target.earliest) {
    target.earliest = node.when_;
  }
  target.nodes.push_back(node);
}

void TimerWheel::fire(TimerNode& node) noexcept {
  node.when_ = TimerNode::kFired;
  woken_->wake(*std::exchange(node.waiter_, nullptr));
}

void TimerWheel::clear(const Place& place) noexcept {
  Turn& turn = turns_[index_of(place)];
  turn.occupied &= ~(std::uint64_t{1} << place.number % kSlots);
  if (turn.occupied == 0) occupied_turns_ &= ~(std::uint64_t{1} << index_of(place));
}

/// The wheel enters the slots that begin at `tick`. From the highest level down, the nodes of each
/// move to the level below, behind the nodes that are there: of one tick, those were armed before.
/// Returns how many have moved.
std::size_t TimerWheel::enter(std::uint64_t tick) noexcept {
  const auto zeros = static_cast<unsigned>(std::countr_zero(tick));
  std::size_t moved = 0;
  for (unsigned level = std::min(zeros / kSlotBits, kLevels - 1); level != 0; --level) {
    moved += move_down({level, tick >> level * kSlotBits}, SIZE_MAX);
  }
  return moved;
}

/// Wakes the nodes of the current tick; returns how many.
std::size_t TimerWheel::wake_due() noexcept {
  const Place place{0, now_tick_};
  ListNode due;
  due.splice_back(slot_at(place).nodes);
  clear(place);
  std::size_t woken = 0;
  for (; due.linked(); ++woken) {
    auto& node = static_cast<TimerNode&>(*due.next);
    node.unlink();
    fire(node);
  }
  return woken;
}

/// Moves down at most `most` nodes of the slots that the wheel enters next: one slot of each level,
/// the lowest level first. Returns how many.
std::size_t TimerWheel::move_ahead(std::size_t most) noexcept {
  std::size_t moved = 0;
  for (unsigned level = 1; level < kLevels && occupied_turns_ >> level * 2 != 0; ++level) {
    moved += move_down({level, (now_tick_ >> level * kSlotBits) + 1}, most - moved);
  }
  return moved;
}

/// Moves at most `most` nodes of a slot to the level below; returns how many.
std::size_t TimerWheel::move_down(const Place& place, std::size_t most) noexcept {
  ListNode& nodes = slot_at(place).nodes;
  std::size_t moved = 0;
  for (; moved != most && nodes.linked(); ++moved) {
    auto& node = static_cast<TimerNode&>(*nodes.next);
    node.unlink();
    put(node, place.level - 1);
  }
  if (!nodes.linked()) clear(place);
  return moved;
}

}  // namespace eddy::detail
