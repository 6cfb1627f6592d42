// SPDX-License-Identifier: MIT

#include "eddy/net/conduit.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/platform/sys.hpp"

#include "net/attempt.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <utility>

namespace eddy {
namespace {

/// If a read fills it, there is more to come, and a pipe is worth its two descriptors.
constexpr std::size_t kBufferSize = std::size_t{16} << 10;
/// The number of bytes that one splice asks for: the capacity of a pipe on Linux.
constexpr std::size_t kSpliceSize = std::size_t{64} << 10;
/// A smaller pipe is slower than the buffer: a splice costs more than a copy of a few pages.
constexpr std::size_t kSmallestPipe = 2 * kBufferSize;
/// So many small fills in a row end a flood. One or two may be only the tails of messages.
constexpr std::uint8_t kTrickles = 16;
/// How many full buffers are copied before a pipe is tried again, after one could not be made or
/// used: the reason may have passed.
constexpr std::uint8_t kCopies = 64;

// One buffer is kept for the next conduit of the thread, because most give theirs back before
// another needs one. Trivial, so that a conduit may outlive the object that frees the buffer.
constinit thread_local std::byte* spare_buffer = nullptr;
constinit thread_local bool keeps_spare = false;

struct SpareKeeper {
  SpareKeeper() noexcept { keeps_spare = true; }
  SpareKeeper(const SpareKeeper&) = delete;
  SpareKeeper& operator=(const SpareKeeper&) = delete;
  ~SpareKeeper() {
    keeps_spare = false;
    ::operator delete(std::exchange(spare_buffer, nullptr));
  }
};

std::byte* take_buffer() noexcept {
  thread_local const SpareKeeper keeper;
  if (spare_buffer != nullptr) return std::exchange(spare_buffer, nullptr);
  return static_cast<std::byte*>(::operator new(kBufferSize, std::nothrow));
}

void give_back(std::byte* buffer) noexcept {
  if (keeps_spare && spare_buffer == nullptr) {
    spare_buffer = buffer;
  } else {
    ::operator delete(buffer);
  }
}

/// True if the call itself was refused: by the system, a sandbox, or this kind of socket. Such an
/// error is not the connection's. Every other error may be, and a connection reports each error
/// only once.
bool refuses_splice(const std::error_code& error) noexcept {
  constexpr std::array kRefusals = {std::errc::invalid_argument,
                                    std::errc::operation_not_supported,
                                    std::errc::function_not_supported,
                                    std::errc::operation_not_permitted,
                                    std::errc::permission_denied,
                                    std::errc::invalid_seek,
                                    std::errc::inappropriate_io_control_operation};
  return std::any_of(kRefusals.begin(), kRefusals.end(),
                     [&](std::errc code) { return sys::is(error, code); });
}

}  // namespace

Conduit::Conduit(Conduit&& other) noexcept
    : buffer_(std::exchange(other.buffer_, nullptr)),
      begin_(other.begin_),
      buffered_(std::exchange(other.buffered_, 0)),
      held_(std::exchange(other.held_, 0)),
      pipe_(std::move(other.pipe_)),
      trickles_(other.trickles_),
      copies_(other.copies_) {
  ++other.moves_;
}

Conduit& Conduit::operator=(Conduit&& other) noexcept {
  Conduit taken(std::move(other));
  std::swap(buffer_, taken.buffer_);
  std::swap(begin_, taken.begin_);
  std::swap(buffered_, taken.buffered_);
  std::swap(held_, taken.held_);
  std::swap(pipe_, taken.pipe_);
  std::swap(trickles_, taken.trickles_);
  std::swap(copies_, taken.copies_);
  ++moves_;
  return *this;
}

Conduit::~Conduit() {
  if (buffer_ != nullptr) give_buffer_back();
}

void Conduit::check_unmoved(std::uint16_t moves) const noexcept {
  if (moves == moves_) return;
  detail::fatal(
      "a Conduit was moved or assigned to while a task waits to fill or drain it; "
      "move it before, or share it");
}

sys::Count Conduit::take_from(RawSource from) noexcept {
  return splices() ? splice_from(from) : receive_from(from);
}

sys::Count Conduit::receive_from(RawSource from) noexcept {
  buffer_ = take_buffer();
  if (buffer_ == nullptr) {
    // Take memory only if there are bytes to take.
    std::byte first{};
    const sys::Count there = sys::peek(from, {&first, 1});
    if (!there || *there == 0) return there;
    return failure(std::errc::not_enough_memory);
  }
  const sys::Count count = sys::receive(from, {buffer_, kBufferSize});
  if (count.value_or(0) == 0) {
    give_buffer_back();
    return count;
  }
  begin_ = 0;
  buffered_ = static_cast<std::uint32_t>(*count);
  held_ = *count;
  note_fill();
  return count;
}

sys::Count Conduit::splice_from(RawSource from) noexcept {
  const sys::Count count = sys::splice_from_socket(from, pipe_.writer.raw(), kSpliceSize);
  if (!count && !sys::is(count.error(), std::errc::operation_would_block)) {
    if (!refuses_splice(count.error())) return count;
    return receive_after_refusal(from, count.error());
  }
  // A splice never gets past an urgent mark: there it acts as at the end of the stream. Only a read
  // can tell the two apart, and goes past the mark.
  if (count.value_or(0) == 0) return receive_from(from);
  held_ = *count;
  note_fill();
  return count;
}

/// The refusal may have been an error of the connection, which splice has consumed. Then the read
/// finds the end of the stream, and another splice finds it too.
sys::Count Conduit::receive_after_refusal(RawSource from, std::error_code refusal) noexcept {
  const Pipe pipe = std::exchange(pipe_, Pipe());
  close_pipe();
  copies_ = kCopies;
  const sys::Count received = receive_from(from);
  if (!received || *received != 0) return received;
  const sys::Count again = sys::splice_from_socket(from, pipe.writer.raw(), kSpliceSize);
  if (!again && refuses_splice(again.error())) return received;
  return std::unexpected(refusal);
}

/// Decides whether the traffic is a flood or a trickle.
void Conduit::note_fill() noexcept {
  if (splices()) {
    trickles_ = held_ < kBufferSize ? static_cast<std::uint8_t>(trickles_ + 1) : std::uint8_t{0};
  } else if (held_ == kBufferSize) {
    open_pipe();
  }
}

sys::Count Conduit::pass_to(RawSource to) noexcept {
  if (buffered_ == 0) {
    const sys::Count count = sys::splice_to_socket(pipe_.reader.raw(), to, held_);
    if (count ? *count != 0 : !refuses_splice(count.error())) {
      if (count) note_passed(*count);
      return count;
    }
    if (const sys::Count copied = copy_out_of_pipe(); !copied) return copied;
  }
  const sys::Count count = sys::send(to, {buffer_ + begin_, buffered_});
  if (!count) return count;
  begin_ += static_cast<std::uint32_t>(*count);
  buffered_ -= static_cast<std::uint32_t>(*count);
  if (buffered_ == 0) give_buffer_back();
  note_passed(*count);
  return count;
}

void Conduit::note_passed(std::size_t count) noexcept {
  held_ -= count;
  if (held_ == 0 && (trickles_ >= kTrickles || copies_ != 0)) close_pipe();
}

/// Copies the bytes of the pipe into the buffer, if a splice refuses to drain them.
sys::Count Conduit::copy_out_of_pipe() noexcept {
  buffer_ = take_buffer();
  if (buffer_ == nullptr) return failure(std::errc::not_enough_memory);
  const sys::Count count = sys::read(pipe_.reader.raw(), {buffer_, std::min(kBufferSize, held_)});
  if (count.value_or(0) == 0) {
    give_buffer_back();
    if (count) return failure(std::errc::io_error);
    return count;
  }
  begin_ = 0;
  buffered_ = static_cast<std::uint32_t>(*count);
  copies_ = kCopies;
  return count;
}

/// Makes the pipe if possible; without one the buffer is used.
void Conduit::open_pipe() noexcept {
  if (copies_ != 0) {
    --copies_;
    return;
  }
  copies_ = kCopies;
  Result<Pipe> pipe = sys::create_splice_pipe();
  if (!pipe) return;
  const Result<std::size_t> capacity = sys::pipe_capacity(pipe->writer.raw());
  if (capacity && *capacity < kSmallestPipe) return;
  pipe_ = std::move(*pipe);
  copies_ = 0;
}

void Conduit::close_pipe() noexcept {
  pipe_ = Pipe();
  trickles_ = 0;
}

void Conduit::give_buffer_back() noexcept { give_back(std::exchange(buffer_, nullptr)); }

namespace detail {

// A read of less than `wanted` bytes shows that the socket is empty. A splice may be short because
// all slots of the pipe are used, even by few bytes. So for a splice `wanted` is 1.

sys::Count FillOp::call() noexcept { return conduit_->take_from(raw()); }
bool FillOp::moved(std::size_t /*count*/) noexcept {
  set_amount(conduit_->size());
  return true;
}
std::size_t FillOp::wanted() const noexcept {
  conduit_->check_unmoved(moves_);
  if (!conduit_->empty()) return 0;
  return conduit_->splices() ? 1 : kBufferSize;
}

sys::Count DrainOp::call() noexcept { return conduit_->pass_to(raw()); }
std::size_t DrainOp::wanted() const noexcept {
  conduit_->check_unmoved(moves_);
  return conduit_->size();
}

template class Transfer<FillOp, Direction::read>;
template class Transfer<DrainOp, Direction::write>;

}  // namespace detail
}  // namespace eddy
