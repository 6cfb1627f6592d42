// Buffers that connections borrow only while they hold bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <utility>

namespace eddy {

class BufferPool;

namespace detail {

struct PoolAccess;
struct PoolState;

/// A buffer of a pool; its bytes follow it.
struct alignas(std::max_align_t) PoolBlock {
  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  PoolState* home;
  union {
    std::size_t size;  ///< while it is lent: the number of bytes that were read
    PoolBlock* next;   ///< while it is spare
  };
};

/// The blocks of a pool. It outlives the pool while one of them is lent.
struct EDDY_EXPORT PoolState {
  void give_back(PoolBlock& block) noexcept {
    if (spare_count == most_spares) {
      drop(block);
      return;
    }
    ++spare_count;
    block.next = std::exchange(first, &block);
  }
  /// Frees `block`. Frees the state too if the pool is destroyed, and this was its last block.
  void drop(PoolBlock& block) noexcept;

  BufferPool* pool = nullptr;  ///< null once the pool is destroyed
  PoolBlock* first = nullptr;  ///< the list of spare blocks
  std::size_t spare_count = 0;
  std::size_t most_spares = 0;
  std::size_t made = 0;  ///< spare or lent
};

/// The state of a pool that has made no block yet.
EDDY_EXPORT extern constinit PoolState no_blocks;

}  // namespace detail

/// Bytes that were read into a buffer of a pool. The destructor gives the buffer back. It is a
/// contiguous range, so any function that takes a span takes it.
///
/// **Thread**: that of its pool.
class PooledBuffer {
 public:
  /// No bytes, and no buffer.
  PooledBuffer() noexcept = default;
  PooledBuffer(PooledBuffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  PooledBuffer& operator=(PooledBuffer&& other) noexcept {
    PooledBuffer taken(std::move(other));
    std::swap(block_, taken.block_);
    return *this;
  }
  ~PooledBuffer() {
    if (block_ != nullptr) block_->home->give_back(*block_);
  }

  bool empty() const noexcept { return block_ == nullptr; }
  std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->size; }
  std::byte* data() noexcept { return block_ == nullptr ? nullptr : block_->bytes(); }
  const std::byte* data() const noexcept { return block_ == nullptr ? nullptr : block_->bytes(); }
  std::byte* begin() noexcept { return data(); }
  std::byte* end() noexcept { return data() + size(); }
  const std::byte* begin() const noexcept { return data(); }
  const std::byte* end() const noexcept { return data() + size(); }

 private:
  friend struct detail::PoolAccess;
  explicit PooledBuffer(detail::PoolBlock& block) noexcept : block_(&block) {}

  detail::PoolBlock* block_ = nullptr;
};

/// Buffers of one size for `TcpStream::read`. A connection that waits for bytes holds no buffer, so
/// ten thousand idle connections cost no more than the few that are busy. The buffer that came back
/// last is lent first: it is still in the cache.
///
/// **Thread**: one; for several threads make it `thread_local`. It must outlive the reads that use
/// it. The buffers that it has lent may outlive it.
class EDDY_EXPORT BufferPool {
 public:
  static constexpr std::size_t kDefaultBufferSize = 16384;
  static constexpr std::size_t kDefaultSpares = 64;

  /// Makes a buffer of `buffer_size` bytes when it has none to lend. It keeps at most `spares` of
  /// the buffers that come back, and frees the rest. A size of 0 stops the program.
  explicit BufferPool(std::size_t buffer_size = kDefaultBufferSize,
                      std::size_t spares = kDefaultSpares) noexcept;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  std::size_t buffer_size() const noexcept {
    if (buffer_size_ == 0) __builtin_unreachable();  // the constructor has checked this
    return buffer_size_;
  }
  /// The number of buffers that are lent now.
  std::size_t lent() const noexcept { return state_->made - state_->spare_count; }
  /// The number of buffers that it keeps for later reads.
  std::size_t spare() const noexcept { return state_->spare_count; }

 private:
  friend struct detail::PoolAccess;
  detail::PoolBlock* make() noexcept;

  detail::PoolState* state_ = &detail::no_blocks;
  std::size_t buffer_size_;
  std::size_t spares_;
};

namespace detail {

/// What eddy's own reads do with a pool.
struct PoolAccess {
  /// A block to read into; null if there is no memory.
  static PoolBlock* take(BufferPool& pool) noexcept {
    PoolState& state = *pool.state_;
    if (state.first == nullptr) return pool.make();
    --state.spare_count;
    return std::exchange(state.first, state.first->next);
  }
  /// Hands out a block that holds `block.size` bytes, at least one.
  static PooledBuffer lend(PoolBlock& block) noexcept { return PooledBuffer(block); }
};

}  // namespace detail

}  // namespace eddy
