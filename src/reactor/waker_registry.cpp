#include "eddy/reactor/waker_registry.hpp"

namespace eddy {

WakerRegistry::Slot& WakerRegistry::insert(RawSource source) {
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
  // Of the oldest the watchers have run, if those of any have.
  if (first_gone_ != kNoSlot && at(first_gone_).watchers == 0) {
    return std::exchange(first_gone_, at(first_gone_).index);
  }
  if (used_ >> kPageBits == pages_.size()) {
    pages_.push_back(std::make_unique<Slot[]>(std::size_t{1} << kPageBits));
  }
  return used_++;
}

void WakerRegistry::remove(Slot& slot) noexcept {
  while (slot.waiters.linked()) {
    auto& waiter = static_cast<detail::Waiter&>(*slot.waiters.next);
    waiter.unlink();
    woken_->wake(waiter);
  }
  slot.source = kNoSource;
  if (++slot.generation == 0) slot.generation = 1;
  --size_;
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

}  // namespace eddy
