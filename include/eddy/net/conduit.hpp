// Carries bytes from one stream to another.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/tcp_stream.hpp"
#include "eddy/net/transfer.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/sys.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace eddy {

class Conduit;

namespace detail {

/// Fills a conduit from a stream.
class EDDY_EXPORT [[nodiscard("nothing happens until it is awaited: write co_await")]] FillOp final
    : public Transfer<FillOp, Direction::read> {
 public:
  FillOp(IoSource& from, Conduit& conduit) noexcept;

  Waiting describe() const noexcept override { return {"fill", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = true;
  EDDY_LOCAL sys::Count call() noexcept;
  EDDY_LOCAL bool moved(std::size_t count) noexcept;
  std::size_t wanted() const noexcept;

  Conduit* conduit_;
  std::uint16_t moves_;  ///< of the conduit, when the operation was made
};

/// Drains a conduit into a stream.
class EDDY_EXPORT [[nodiscard("nothing happens until it is awaited: write co_await")]] DrainOp final
    : public Transfer<DrainOp, Direction::write> {
 public:
  DrainOp(IoSource& to, Conduit& conduit) noexcept;

  Waiting describe() const noexcept override { return {"drain", raw()}; }
  Result<std::size_t> take() noexcept { return amount(); }

 private:
  friend Transfer;
  static constexpr bool kShortEndsReadiness = false;
  EDDY_LOCAL sys::Count call() noexcept;
  std::size_t wanted() const noexcept;

  Conduit* conduit_;
  std::uint16_t moves_;  ///< of the conduit, when the operation was made
};

extern template class Transfer<FillOp, Direction::read>;
extern template class Transfer<DrainOp, Direction::write>;

}  // namespace detail

/// Carries bytes from one stream to another, for a proxy. A trickle goes through a buffer, which
/// the conduit has only while it holds bytes. On Linux a flood stays in the kernel, by splice(2).
/// The buffer is used if splice is not possible: the process has no descriptors left, its pipes are
/// small, or the call is refused. A change between the two loses nothing.
///
///     eddy::Conduit conduit;
///     while (co_await eddy::ok(conduit.fill(from)) != 0) {
///       while (!conduit.empty()) co_await eddy::ok(conduit.drain(to));
///     }
///
/// Must not move, and must live, while one of its operations waits, as a buffer must. An operation
/// that goes on after its conduit was moved or assigned to stops the program, if the old object is
/// still there.
/// **Thread**: one at a time.
class EDDY_EXPORT Conduit {
 public:
  Conduit() noexcept = default;
  Conduit(Conduit&& other) noexcept;
  Conduit& operator=(Conduit&& other) noexcept;
  ~Conduit();

  /// Takes the bytes that the stream has, at least one. Gives the number of bytes that the conduit
  /// holds then; 0 at the end of the stream. It takes no more while it holds bytes: that is the
  /// back-pressure.
  /// **Errors**: those of `TcpStream::read`; not_enough_memory if there is none for the buffer.
  /// **Cancel**: nothing is lost; the bytes are still in the socket.
  detail::FillOp fill(TcpStream& from) noexcept { return {from.source_, *this}; }
  /// Writes as many bytes as the stream has room for. Gives their number; 0 if it holds none.
  /// **Errors**: those of `TcpStream::write`; the conduit keeps the bytes that were not written.
  /// **Cancel**: nothing is lost; the conduit keeps its bytes.
  detail::DrainOp drain(TcpStream& to) noexcept { return {to.source_, *this}; }

  /// The number of bytes that it holds.
  std::size_t size() const noexcept { return held_; }
  bool empty() const noexcept { return held_ == 0; }

 private:
  friend detail::FillOp;
  friend detail::DrainOp;

  EDDY_LOCAL void check_unmoved(std::uint16_t moves) const noexcept;
  EDDY_LOCAL sys::Count take_from(RawSource from) noexcept;
  EDDY_LOCAL sys::Count receive_from(RawSource from) noexcept;
  EDDY_LOCAL sys::Count splice_from(RawSource from) noexcept;
  EDDY_LOCAL sys::Count receive_after_refusal(RawSource from, std::error_code refusal) noexcept;
  EDDY_LOCAL sys::Count pass_to(RawSource to) noexcept;
  sys::Count copy_out_of_pipe() noexcept;
  void note_fill() noexcept;
  void note_passed(std::size_t count) noexcept;
  EDDY_LOCAL void open_pipe() noexcept;
  EDDY_LOCAL void close_pipe() noexcept;
  EDDY_LOCAL void give_buffer_back() noexcept;

  bool splices() const noexcept { return static_cast<bool>(pipe_.reader); }

  std::byte* buffer_ = nullptr;  ///< allocated only while bytes are in it
  std::uint32_t begin_ = 0;      ///< the offset of the bytes in the buffer
  std::uint32_t buffered_ = 0;   ///< the bytes in the buffer; the rest of `held_` is in the pipe
  std::size_t held_ = 0;         ///< bytes in the buffer and the pipe
  Pipe pipe_;                    ///< open while the traffic is a flood
  std::uint8_t trickles_ = 0;    ///< the number of small fills in a row
  std::uint8_t copies_ = 0;  ///< how many more full buffers to copy before a pipe is tried again
  std::uint16_t moves_ = 0;  ///< how often this was moved from or assigned to
};

inline detail::FillOp::FillOp(IoSource& from, Conduit& conduit) noexcept
    : Transfer(from, 0), conduit_(&conduit), moves_(conduit.moves_) {}

inline detail::DrainOp::DrainOp(IoSource& to, Conduit& conduit) noexcept
    : Transfer(to, 0), conduit_(&conduit), moves_(conduit.moves_) {}

}  // namespace eddy
