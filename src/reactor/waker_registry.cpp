#include "eddy/reactor/waker_registry.hpp"

namespace eddy {

WakerRegistry::Slot& WakerRegistry::insert(RawSource source) {
  std::uint32_t index = first_free_;
  if (index == kNoSlot) {
    index = used_;
    if (index >> kPageBits == pages_.size()) {
      pages_.push_back(std::make_unique<Slot[]>(std::size_t{1} << kPageBits));
    }
    ++used_;
    at(index).index = index;
  } else {
    first_free_ = at(index).next_free;
  }
  ++size_;
  Slot& slot = at(index);
  slot.source = source;
  slot.read.reset();
  slot.write.reset();
  return slot;
}

void WakerRegistry::remove(Slot& slot) noexcept {
  wake_all(slot.read);
  wake_all(slot.write);
  slot.source = kNoSource;
  if (++slot.generation == 0) slot.generation = 1;
  slot.next_free = first_free_;
  first_free_ = slot.index;
  --size_;
}

void WakerRegistry::remove_token(Token token) noexcept {
  if (Slot* slot = find(token)) remove(*slot);
}

}  // namespace eddy
