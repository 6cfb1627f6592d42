// SPDX-License-Identifier: MIT

#include "eddy/net/transfer.hpp"

#include "eddy/platform/sys.hpp"

#include "net/attempt.hpp"

namespace eddy::detail {
namespace {

/// The number of bytes that one call can move; a transfer of less is short.
template <class Slice>
std::size_t size_of_one_call(std::span<const Slice> slices) noexcept {
  std::size_t total = 0;
  std::size_t taken = 0;
  for (const Slice& slice : slices) {
    if (slice.empty()) continue;
    if (++taken > sys::kSlicesPerCall) break;
    total += slice.size();
  }
  return total;
}

}  // namespace

sys::Count ReadOp::call() noexcept { return sys::receive(raw(), {data_, wanted()}); }

sys::Count PooledReadOp::call() noexcept {
  BufferPool& pool = this->pool();
  PoolBlock* const block = PoolAccess::take(pool);
  if (block == nullptr) {
    // Take memory only if there are bytes to read.
    std::byte first{};
    const sys::Count there = sys::peek(raw(), {&first, 1});
    if (!there || *there == 0) return there;
    return failure(std::errc::not_enough_memory);
  }
  const sys::Count count = sys::receive(raw(), {block->bytes(), pool.buffer_size()});
  if (count && *count != 0) {
    block->size = *count;
    bits_ = reinterpret_cast<std::uintptr_t>(block);
  } else {
    block->home->give_back(*block);
  }
  return count;
}

sys::Count PeekOp::call() noexcept { return sys::peek(raw(), {data_, wanted()}); }

sys::Count ReadExactOp::call() noexcept { return sys::receive(raw(), {data_, wanted()}); }
bool ReadExactOp::moved(std::size_t count) noexcept {
  data_ += count;
  set_amount(wanted() - count);
  return wanted() == 0 || count == 0;
}
Result<> ReadExactOp::take() noexcept {
  if (!amount()) return std::unexpected(amount().error());
  if (*amount() != 0) return std::unexpected(make_error_code(Error::end_of_stream));
  return {};
}

sys::Count WriteOp::call() noexcept { return sys::send(raw(), {data_, wanted()}); }

sys::Count WriteAllOp::call() noexcept { return sys::send(raw(), {data_, wanted()}); }
bool WriteAllOp::moved(std::size_t count) noexcept {
  set_amount(wanted() - count);
  if (wanted() == 0) return true;
  data_ += count;
  return false;
}

sys::Count ReadVectoredOp::call() noexcept { return sys::receive_vectored(raw(), buffers_); }
std::size_t ReadVectoredOp::wanted() const noexcept { return size_of_one_call(buffers_); }

sys::Count WriteVectoredOp::call() noexcept { return sys::send_vectored(raw(), data_); }
std::size_t WriteVectoredOp::wanted() const noexcept { return size_of_one_call(data_); }

template class Transfer<ReadOp, Direction::read>;
template class Transfer<PooledReadOp, Direction::read, SourceOperation>;
template class Transfer<PeekOp, Direction::read>;
template class Transfer<ReadExactOp, Direction::read>;
template class Transfer<WriteOp, Direction::write>;
template class Transfer<WriteAllOp, Direction::write>;
template class Transfer<ReadVectoredOp, Direction::read>;
template class Transfer<WriteVectoredOp, Direction::write>;

}  // namespace eddy::detail
