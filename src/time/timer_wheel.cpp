#include "eddy/time/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace eddy::detail {

TimerWheel::TimerWheel(ReadyQueue& woken, Instant start) noexcept
    : woken_(&woken),
      now_tick_(static_cast<std::uint64_t>(start.time_since_epoch().count()) >> kTickBits) {}

/// The first tick that begins at or after `instant`: rounding up is what makes nothing early.
std::uint64_t TimerWheel::tick_after(Instant instant) noexcept {
  const auto ns =
      static_cast<std::uint64_t>(std::max<Clock::rep>(instant.time_since_epoch().count(), 0));
  return (ns + (1U << kTickBits) - 1) >> kTickBits;
}

void TimerWheel::arm_at(TimerNode& node, Waiter& waiter, Instant deadline) noexcept {
  node.waiter_ = &waiter;
  node.when_ = tick_after(deadline);
  if (deadline != Instant::max()) place(node);  // else it is armed, but in no list: it cannot fire
}

void TimerWheel::arm_after(TimerNode& node, Waiter& waiter, Duration length) noexcept {
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

void TimerWheel::advance(Instant now) noexcept {
  settle(now);
  // The tick in which `now` lies has begun, so what waits for its beginning is due.
  const std::uint64_t target =
      static_cast<std::uint64_t>(now.time_since_epoch().count()) >> kTickBits;
  while (occupied_levels_ != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
    const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    // A slot's nodes agree with the wheel in all higher digits, so this is when the slot begins.
    const unsigned shift = level * kSlotBits;
    const std::uint64_t above =
        shift + kSlotBits >= 64 ? 0 : now_tick_ >> (shift + kSlotBits) << (shift + kSlotBits);
    const std::uint64_t begins = above | std::uint64_t{slot} << shift;
    if (begins > target) break;
    now_tick_ = begins;
    drain(level, slot);
  }
  now_tick_ = std::max(now_tick_, target);
}

/// The first slot that has nodes; null if there is none. Forgets those before it.
TimerWheel::WheelSlot* TimerWheel::first_slot() noexcept {
  while (occupied_levels_ != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
    const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    WheelSlot& first = slot_at(level, slot);
    if (first.nodes.linked()) return &first;
    clear(level, slot);
  }
  return nullptr;
}

std::optional<Instant> TimerWheel::next_deadline() noexcept {
  const WheelSlot* slot = first_slot();
  if (slot == nullptr) return std::nullopt;
  constexpr auto kLastTick =
      static_cast<std::uint64_t>(Instant::max().time_since_epoch().count()) >> kTickBits;
  if (slot->earliest > kLastTick) return Instant::max();
  return Instant(Duration(static_cast<Clock::rep>(slot->earliest << kTickBits)));
}

void TimerWheel::place(TimerNode& node) noexcept {
  if (node.when_ <= now_tick_) {
    fire(node);
    return;
  }
  const auto digit = static_cast<unsigned>(std::bit_width(node.when_ ^ now_tick_) - 1);
  const unsigned level = digit / kSlotBits;
  const auto slot = static_cast<unsigned>(node.when_ >> (level * kSlotBits)) & (kSlots - 1);
  WheelSlot& target = slot_at(level, slot);
  if (!target.nodes.linked()) {
    occupied_[level] |= std::uint64_t{1} << slot;
    occupied_levels_ |= std::uint64_t{1} << level;
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

void TimerWheel::clear(unsigned level, unsigned slot) noexcept {
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  if (occupied_[level] == 0) occupied_levels_ &= ~(std::uint64_t{1} << level);
}

/// The wheel has entered `slot`: its nodes are due, or move down.
void TimerWheel::drain(unsigned level, unsigned slot) noexcept {
  ListNode entered;
  entered.splice_back(slot_at(level, slot).nodes);
  clear(level, slot);
  while (entered.linked()) {
    auto& node = static_cast<TimerNode&>(*entered.next);
    node.unlink();
    place(node);
  }
}

}  // namespace eddy::detail
