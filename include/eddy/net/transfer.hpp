// The operations that move bytes over a stream.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/net/buffer_pool.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace eddy::detail {

/// A transfer that is asked for a number of bytes.
class EDDY_EXPORT CountedTransferOp : public SourceOperation {
 protected:
  CountedTransferOp(IoSource& source, std::size_t amount) noexcept
      : SourceOperation(source), amount_(amount) {}
  CountedTransferOp(const CountedTransferOp&) noexcept = default;
  CountedTransferOp& operator=(const CountedTransferOp&) noexcept = default;
  ~CountedTransferOp() = default;

  friend SourceOperation;
  void fail(std::error_code error) noexcept { amount_ = std::unexpected(error); }
  sys::Count amount() const noexcept { return amount_; }
  void set_amount(std::size_t bytes) noexcept { amount_ = bytes; }
  // For an `Op` that makes one call for the whole amount, and is complete with what that moves.
  std::size_t wanted() const noexcept { return *amount_; }
  bool moved(std::size_t count) noexcept {
    set_amount(count);
    return true;
  }

 private:
  /// The bytes to move; once complete, the bytes that were moved, or the error.
  sys::Count amount_;
};

/// Makes the system call of `Op` unless it is known to block, waits if it would block, and tries
/// again after each wake. `Op` has
/// - `call()`: makes the system call, once;
/// - `wanted()`: the number of bytes that the next call asks for;
/// - `moved(count)`: notes the bytes that were moved, and returns true if those are all;
/// - `fail(error)`: notes why it is complete without them;
/// - `kShortEndsReadiness`: true if the attempt after a short transfer is known to block. It is
/// true for a single read. A short write is rare, and may be short because its data cannot be read.
/// A read that goes on may find that the rest of its buffer cannot be written. Both would wait for
/// an edge that never comes, so they make another attempt.
template <class Op, Direction direction, class Base = CountedTransferOp>
class EDDY_EXPORT Transfer : public Base {
 public:
  bool try_start() noexcept {
    // Most reads are known to block, without a call; most writes are not.
    if constexpr (direction == Direction::read) {
      return is_worth_it() && attempt();
    } else {
      return attempt_if_ready();
    }
  }
  bool begin_wait(Waiter& waiter) noexcept {
    return Base::begin_wait_of(self(), direction, waiter);
  }
  [[gnu::flatten]] bool advance(Waiter& waiter) noexcept final;

 protected:
  Transfer& operator=(const Transfer&) noexcept = default;
  ~Transfer() = default;

 private:
  friend Op;
  template <class... Amount>
  explicit Transfer(IoSource& source, Amount... amount) noexcept
      : Base(source, static_cast<std::size_t>(amount)...) {}
  Transfer(const Transfer&) noexcept = default;

  Op& self() noexcept { return static_cast<Op&>(*this); }
  bool is_worth_it() noexcept { return this->source().is_ready(direction) || self().wanted() == 0; }
  [[gnu::flatten]] bool attempt() noexcept;
  [[gnu::flatten]] bool attempt_if_ready() noexcept;
};

/// One read of the bytes that have come.
class EDDY_EXPORT [[nodiscard("nothing happens until it is awaited: write co_await")]] ReadOp final
    : public Transfer<ReadOp, Direction::read> {
 public:
  ReadOp(IoSource& source, std::span<std::byte> buffer) noexcept
      : Transfer(source, buffer.size()), data_(buffer.data()) {}

  Waiting describe() const noexcept override { return {"read", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = true;
  EDDY_LOCAL sys::Count call() noexcept;

  std::byte* data_;
};

/// One read of the bytes that have come, into a borrowed buffer. It holds no buffer while it waits.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] PooledReadOp final
    : public Transfer<PooledReadOp, Direction::read, SourceOperation> {
 public:
  PooledReadOp(IoSource& source, BufferPool& pool) noexcept
      : Transfer(source), bits_(reinterpret_cast<std::uintptr_t>(&pool)) {}

  Waiting describe() const noexcept override { return {"read", raw()}; }
  /// Gives the buffer to the caller. Nothing runs between the completion and this call.
  Result<PooledBuffer> take() noexcept {
    if (bits_ % 2 == 0) return PoolAccess::lend(block());
    if (bits_ == kEnd) return PooledBuffer();
    return std::unexpected(sys::error_of(static_cast<int>(bits_ / 2)));
  }

 private:
  friend Transfer;
  friend SourceOperation;
  static constexpr bool kShortEndsReadiness = true;
  /// No block, and no error.
  static constexpr std::uintptr_t kEnd = 1;

  EDDY_LOCAL sys::Count call() noexcept;
  std::size_t wanted() const noexcept { return pool().buffer_size(); }
  bool moved(std::size_t count) noexcept {
    if (count == 0) bits_ = kEnd;
    return true;
  }
  void fail(std::error_code error) noexcept {
    bits_ = static_cast<std::uintptr_t>(sys::number_of(error)) * 2 + 1;
  }
  BufferPool& pool() const noexcept {
    return *reinterpret_cast<BufferPool*>(bits_);  // NOLINT(performance-no-int-to-ptr)
  }
  PoolBlock& block() const noexcept {
    return *reinterpret_cast<PoolBlock*>(bits_);  // NOLINT(performance-no-int-to-ptr)
  }

  /// The address of the pool. Once complete, that of the block that was read into; or, as an odd
  /// number, twice the number of an error. One word for all: it is in every idle connection.
  std::uintptr_t bits_;
};

/// Copies the bytes that have come, and leaves them in the socket.
class EDDY_EXPORT [[nodiscard("nothing happens until it is awaited: write co_await")]] PeekOp final
    : public Transfer<PeekOp, Direction::read> {
 public:
  PeekOp(IoSource& source, std::span<std::byte> buffer) noexcept
      : Transfer(source, buffer.size()), data_(buffer.data()) {}

  Waiting describe() const noexcept override { return {"peek", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;

  std::byte* data_;
};

/// Reads until the buffer is full.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] ReadExactOp final
    : public Transfer<ReadExactOp, Direction::read> {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true, .loses_progress = true};

  ReadExactOp(IoSource& source, std::span<std::byte> buffer) noexcept
      : Transfer(source, buffer.size()), data_(buffer.data()) {}

  Waiting describe() const noexcept override { return {"read_exact", raw()}; }
  Result<> take() noexcept;

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;
  EDDY_LOCAL bool moved(std::size_t count) noexcept;

  std::byte* data_;
};

/// One write of as many bytes as the socket has room for.
class EDDY_EXPORT [[nodiscard("nothing happens until it is awaited: write co_await")]] WriteOp final
    : public Transfer<WriteOp, Direction::write> {
 public:
  WriteOp(IoSource& source, std::span<const std::byte> data) noexcept
      : Transfer(source, data.size()), data_(data.data()) {}

  Waiting describe() const noexcept override { return {"write", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;

  const std::byte* data_;
};

/// Writes until all is written.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] WriteAllOp final
    : public Transfer<WriteAllOp, Direction::write> {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true, .loses_progress = true};

  WriteAllOp(IoSource& source, std::span<const std::byte> data) noexcept
      : Transfer(source, data.size()), data_(data.data()) {}

  Waiting describe() const noexcept override { return {"write_all", raw()}; }
  Result<> take() noexcept {
    if (!amount()) return std::unexpected(amount().error());
    return {};
  }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;
  EDDY_LOCAL bool moved(std::size_t count) noexcept;

  const std::byte* data_;
};

/// One read into several buffers, in order.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] ReadVectoredOp final
    : public Transfer<ReadVectoredOp, Direction::read> {
 public:
  ReadVectoredOp(IoSource& source, std::span<const std::span<std::byte>> buffers) noexcept
      : Transfer(source, 0), buffers_(buffers) {}

  Waiting describe() const noexcept override { return {"read_vectored", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = true;
  EDDY_LOCAL sys::Count call() noexcept;
  std::size_t wanted() const noexcept;

  std::span<const std::span<std::byte>> buffers_;
};

/// One write from several buffers, in order.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] WriteVectoredOp final
    : public Transfer<WriteVectoredOp, Direction::write> {
 public:
  WriteVectoredOp(IoSource& source, std::span<const std::span<const std::byte>> data) noexcept
      : Transfer(source, 0), data_(data) {}

  Waiting describe() const noexcept override { return {"write_vectored", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;
  std::size_t wanted() const noexcept;

  std::span<const std::span<const std::byte>> data_;
};

extern template class Transfer<ReadOp, Direction::read>;
extern template class Transfer<PooledReadOp, Direction::read, SourceOperation>;
extern template class Transfer<PeekOp, Direction::read>;
extern template class Transfer<ReadExactOp, Direction::read>;
extern template class Transfer<WriteOp, Direction::write>;
extern template class Transfer<WriteAllOp, Direction::write>;
extern template class Transfer<ReadVectoredOp, Direction::read>;
extern template class Transfer<WriteVectoredOp, Direction::write>;

}  // namespace eddy::detail
