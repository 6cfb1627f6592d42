// SPDX-License-Identifier: MIT

#include "eddy/reactor/waker_registry.hpp"

#include "eddy/core/operation.hpp"

namespace eddy {
namespace detail {

void NumberTable::reserve(RawSource source) {
  const std::size_t page = page_of(source);
  if (page >= kMostPages) return;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (!pages_[page]) pages_[page] = std::make_unique<std::uint32_t[]>(std::size_t{1} << kPageBits);
}

std::uint32_t NumberTable::find(RawSource source) const noexcept {
  const std::size_t page = page_of(source);
  return page < pages_.size() && pages_[page] ? pages_[page][place_of(source)] : 0;
}

void NumberTable::note(RawSource source, std::uint32_t index_plus_one) noexcept {
  const std::size_t page = page_of(source);
  if (page < pages_.size() && pages_[page]) pages_[page][place_of(source)] = index_plus_one;
}

}  // namespace detail

WakerRegistry::Slot& WakerRegistry::insert(RawSource source) {
  numbers_.reserve(source);
  const std::uint32_t index = take_unused();
  Slot& slot = at(index);
  slot.index = index;
  slot.source = source;
  slot.read.reset();
  slot.write.reset();
  ++size_;
  return slot;
}

std::uint32_t WakerRegistry::take_unused() {
  if (first_free_ != kNoSlot) return std::exchange(first_free_, at(first_free_).index);
  // The watchers of the oldest slot have run first, so the others need no look.
  if (first_gone_ != kNoSlot && at(first_gone_).watchers == 0) {
    return std::exchange(first_gone_, at(first_gone_).index);
  }
  if (used_ >> kPageBits == pages_.size()) {
    pages_.push_back(std::make_unique<Slot[]>(std::size_t{1} << kPageBits));
  }
  return used_++;
}

void WakerRegistry::hold(Slot& slot) noexcept {
  if (Slot* older = holder_of(slot.source); older != nullptr && older != &slot) lose(*older);
  numbers_.note(slot.source, slot.index + 1);
}

WakerRegistry::Slot* WakerRegistry::holder_of(RawSource source) noexcept {
  const std::uint32_t found = numbers_.find(source);
  return found == 0 ? nullptr : &at(found - 1);
}

/// Abandons what waits on the source of `slot`. All of it has been woken.
void WakerRegistry::abandon_waits(Slot& slot) noexcept {
  detail::ListNode& list = woken_->list();
  // An `abandon` may wake others, which then stand behind.
  for (detail::ListNode* node = list.next; node != &list; node = node->next) {
    auto& waiter = static_cast<detail::Waiter&>(*node);
    if (waiter.watches(slot)) detail::abandon_wait(waiter);
  }
}

void WakerRegistry::lose(Slot& slot) noexcept {
  if (holder_of(slot.source) == &slot) numbers_.note(slot.source, 0);
  slot.source = kNoSource;
  slot.read.end();
  slot.write.end();
  if (++slot.generation == 0) slot.generation = 1;
  --size_;
  while (slot.waiters.linked()) {
    auto& waiter = static_cast<detail::Waiter&>(*slot.waiters.next);
    waiter.unlink();
    woken_->wake(waiter);
  }
  if (abandons_ && slot.watchers != 0) [[unlikely]] {
    abandon_waits(slot);
  }
}

void WakerRegistry::remove(Slot& slot) noexcept {
  if (!slot.gone()) lose(slot);
  const std::uint32_t index = slot.index;
  if (slot.watchers == 0) {
    slot.index = std::exchange(first_free_, index);
    return;
  }
  slot.index = kNoSlot;
  (first_gone_ == kNoSlot ? first_gone_ : at(last_gone_).index) = index;
  last_gone_ = index;
}

void WakerRegistry::remove_token(Token token) noexcept {
  if (Slot* slot = find(token)) remove(*slot);
}

/// Tokens of notifiers and of callers are no strays: no slot ever had them.
void WakerRegistry::note_stray(Token token) noexcept {
  const bool was_a_slots = token >> 32 != 0 && static_cast<std::uint32_t>(token) < used_;
  if (was_a_slots) ++strays_;
}

}  // namespace eddy
