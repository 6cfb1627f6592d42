#include "eddy/net/buffer_pool.hpp"

#include "eddy/platform/fatal.hpp"

#include <new>

namespace eddy {

BufferPool::BufferPool(std::size_t buffer_size, std::size_t spares) noexcept
    : buffer_size_(buffer_size), spares_(spares) {
  if (buffer_size == 0) detail::fatal("a BufferPool was made of buffers of no bytes");
}

BufferPool::~BufferPool() {
  if (lent() != 0) {
    detail::fatal("a BufferPool was destroyed while a buffer of it is lent; destroy that before");
  }
  while (first_ != nullptr) free(*std::exchange(first_, first_->next));
}

detail::PoolBlock* BufferPool::make() noexcept {
  void* const memory = ::operator new(sizeof(detail::PoolBlock) + buffer_size_, std::nothrow);
  if (memory == nullptr) return nullptr;
  ++made_;
  auto* const block = new (memory) detail::PoolBlock;
  block->pool = this;
  return block;
}

void BufferPool::free(detail::PoolBlock& block) noexcept {
  --made_;
  ::operator delete(&block);
}

}  // namespace eddy
