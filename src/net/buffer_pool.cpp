// SPDX-License-Identifier: MIT

#include "eddy/net/buffer_pool.hpp"

#include "eddy/platform/fatal.hpp"

#include <cstdint>
#include <new>

namespace eddy {

constinit detail::PoolState detail::no_blocks;

void detail::PoolState::drop(PoolBlock& block) noexcept {
  --made;
  ::operator delete(&block);
  if (pool == nullptr && made == 0) delete this;
}

BufferPool::BufferPool(std::size_t buffer_size, std::size_t spares) noexcept
    : buffer_size_(buffer_size), spares_(spares) {
  if (buffer_size == 0) detail::fatal("a BufferPool needs buffers of at least one byte");
}

BufferPool::~BufferPool() {
  detail::PoolState& state = *state_;
  if (&state == &detail::no_blocks) return;
  while (state.first != nullptr) ::operator delete(std::exchange(state.first, state.first->next));
  state.made -= std::exchange(state.spare_count, 0);
  state.most_spares = 0;
  state.pool = nullptr;
  if (state.made == 0) delete &state;
}

detail::PoolBlock* BufferPool::make() noexcept {
  if (buffer_size_ > PTRDIFF_MAX - sizeof(detail::PoolBlock)) return nullptr;
  if (state_ == &detail::no_blocks) {
    auto* const state = new (std::nothrow) detail::PoolState;
    if (state == nullptr) return nullptr;
    state->pool = this;
    state->most_spares = spares_;
    state_ = state;
  }
  void* const memory = ::operator new(sizeof(detail::PoolBlock) + buffer_size_, std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* const block = new (memory) detail::PoolBlock;
  block->home = state_;
  ++state_->made;
  return block;
}

}  // namespace eddy
