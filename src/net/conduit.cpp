#include "eddy/net/conduit.hpp"

#include "eddy/platform/sys.hpp"

#include <new>
#include <span>
#include <utility>

namespace eddy {
namespace {

/// A read that fills it says that there is more, and that a pipe is worth its two descriptors.
constexpr std::size_t kBufferSize = std::size_t{16} << 10;
/// What one splice asks for: what a pipe of Linux has room for.
constexpr std::size_t kSpliceSize = std::size_t{64} << 10;
/// So many small fills in a row end a flood. One or two are but the tails of messages.
constexpr std::uint8_t kTrickles = 16;

// One buffer is kept for the next conduit of the thread: most give theirs back before another needs
// one. Trivial, so that a conduit may outlive what empties it.
constinit thread_local std::byte* spare_buffer = nullptr;
constinit thread_local bool keeps_spare = false;

/// A sandbox may refuse splice to a system that has it.
constinit thread_local bool splice_is_refused = false;

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

}  // namespace

Conduit::Conduit(Conduit&& other) noexcept
    : buffer_(std::exchange(other.buffer_, nullptr)),
      begin_(other.begin_),
      held_(std::exchange(other.held_, 0)),
      pipe_(std::move(other.pipe_)),
      trickles_(other.trickles_) {}

Conduit& Conduit::operator=(Conduit&& other) noexcept {
  Conduit taken(std::move(other));
  std::swap(buffer_, taken.buffer_);
  std::swap(begin_, taken.begin_);
  std::swap(held_, taken.held_);
  std::swap(pipe_, taken.pipe_);
  std::swap(trickles_, taken.trickles_);
  return *this;
}

Conduit::~Conduit() {
  if (buffer_ != nullptr) give_buffer_back();
}

sys::Count Conduit::take_from(RawSource from) noexcept {
  return splices() ? splice_from(from) : receive_from(from);
}

sys::Count Conduit::receive_from(RawSource from) noexcept {
  buffer_ = take_buffer();
  if (buffer_ == nullptr) return failure(std::errc::not_enough_memory);
  const sys::Count count = sys::receive(from, {buffer_, kBufferSize});
  if (count.value_or(0) == 0) {
    give_buffer_back();
    return count;
  }
  begin_ = 0;
  held_ = *count;
  if (held_ == kBufferSize) open_pipe();
  return count;
}

sys::Count Conduit::splice_from(RawSource from) noexcept {
  const sys::Count count = sys::splice_from_socket(from, pipe_.writer.raw(), kSpliceSize);
  if (!count && (sys::is(count.error(), std::errc::operation_not_permitted) ||
                 sys::is(count.error(), std::errc::function_not_supported))) {
    splice_is_refused = true;
    close_pipe();
    return receive_from(from);
  }
  if (!count) return count;
  held_ = *count;
  trickles_ = held_ < kBufferSize ? static_cast<std::uint8_t>(trickles_ + 1) : std::uint8_t{0};
  return count;
}

sys::Count Conduit::pass_to(RawSource to) noexcept {
  const bool buffered = buffer_ != nullptr;
  const sys::Count count = buffered ? sys::send(to, {buffer_ + begin_, held_})
                                    : sys::splice_to_socket(pipe_.reader.raw(), to, held_);
  if (!count) return count;
  begin_ += *count;
  held_ -= *count;
  if (held_ != 0) return count;
  if (buffered) give_buffer_back();
  if (trickles_ >= kTrickles) close_pipe();
  return count;
}

/// Without one the buffer serves: the process may have no descriptors left, or the system no
/// splice.
void Conduit::open_pipe() noexcept {
  if (splice_is_refused) return;
  if (Result<Pipe> pipe = sys::create_splice_pipe()) pipe_ = std::move(*pipe);
}

void Conduit::close_pipe() noexcept {
  pipe_ = Pipe();
  trickles_ = 0;
}

void Conduit::give_buffer_back() noexcept { give_back(std::exchange(buffer_, nullptr)); }

namespace detail {

// What is short of `wanted` shows that the socket is empty, or full. A splice shows neither: it may
// be short because the pipe's slots are used up, whatever their bytes. So it asks for one.

sys::Count FillOp::call() noexcept { return conduit_->take_from(raw()); }
bool FillOp::moved(std::size_t /*count*/) noexcept {
  set_amount(conduit_->size());
  return true;
}
std::size_t FillOp::wanted() const noexcept {
  if (!conduit_->empty()) return 0;
  return conduit_->splices() ? 1 : kBufferSize;
}

sys::Count DrainOp::call() noexcept { return conduit_->pass_to(raw()); }
std::size_t DrainOp::wanted() const noexcept {
  return conduit_->buffer_ == nullptr && !conduit_->empty() ? 1 : conduit_->size();
}

}  // namespace detail
}  // namespace eddy
