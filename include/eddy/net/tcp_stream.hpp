// A TCP connection.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/buffer_pool.hpp"
#include "eddy/net/transfer.hpp"
#include "eddy/platform/bytes.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_address.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace eddy {

class Conduit;
class ReadHalf;
class TcpListener;
class TcpStream;
class WriteHalf;
struct ReuniteError;

/// When a silent peer is probed, and when the connection is given up. Lengths of time are rounded
/// up to seconds; read one as an `eddy::Duration`. Linux takes 1 to 32,767 seconds, and 1 to 127
/// probes.
struct KeepAlive {
  detail::AnyDuration idle = std::chrono::seconds(60);      ///< silence before the first probe
  detail::AnyDuration interval = std::chrono::seconds(10);  ///< between probes
  int count = 6;  ///< unanswered probes before the connection is reset
};

/// What is done before a stream connects: `TcpStream::connect(server, {.source = here})`.
struct ConnectOptions {
  /// The address of this side. The default, `SocketAddress{}`, lets the system choose it. If only
  /// the port is 0, the system chooses the port before it knows the peer: so an address has some
  /// 28,000 connections in all, and then gives address_in_use.
  SocketAddress source{};
  /// As `TcpStream::set_nodelay` and `set_keep_alive`.
  bool nodelay = false;
  std::optional<KeepAlive> keep_alive{};
  /// Sizes of the kernel's buffers in bytes; 0 leaves them to the system. A large receive buffer
  /// counts in full only if it is set before the connection is made.
  int send_buffer_size = 0;
  int receive_buffer_size = 0;
};

namespace detail {

/// Opens a socket and waits until it is connected; `co_await` gives `Result<TcpStream>`.
class EDDY_EXPORT ConnectBase : public Operation {
 public:
  ConnectBase& operator=(ConnectBase&&) = delete;

  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  Waiting describe() const noexcept override { return {"connect", source_.raw()}; }
  Result<TcpStream> take() noexcept;

 protected:
  explicit ConnectBase(const SocketAddress& address) noexcept : address_(address), source_(Fd()) {}
  ConnectBase(ConnectBase&&) noexcept = default;
  ~ConnectBase() = default;

  /// Null: there are no options.
  bool start(const ConnectOptions* options) noexcept;

 private:
  bool fail(std::error_code error) noexcept;

  SocketAddress address_;
  IoSource source_;
  std::error_code error_;
};

class [[nodiscard("nothing happens until it is awaited: write co_await")]] ConnectOp final
    : public ConnectBase {
 public:
  explicit ConnectOp(const SocketAddress& address) noexcept : ConnectBase(address) {}

  bool try_start() noexcept { return start(nullptr); }
};

/// The same with options, which take room.
class [[nodiscard("nothing happens until it is awaited: write co_await")]] ConnectWithOp final
    : public ConnectBase {
 public:
  ConnectWithOp(const SocketAddress& address, const ConnectOptions& options) noexcept
      : ConnectBase(address), options_(options) {}

  bool try_start() noexcept { return start(&options_); }

 private:
  ConnectOptions options_;
};

}  // namespace detail

/// A connected TCP stream. The destructor closes it.
///
/// One task may read while another writes, over a reference or with `split`. Two tasks that read,
/// or two that write, share the bytes in no particular order.
///
/// A buffer is any contiguous range of `std::byte`, `char`, `unsigned char` or `char8_t`; a string
/// literal is written without its zero. The buffer belongs to the caller, and must live until the
/// operation completes or its cancellation returns. A temporary lives until the end of the whole
/// expression: `co_await stream.write_all(std::string("x"))` is right, but an operation that is
/// kept, `auto op = stream.write_all(std::string("x"))`, refers to bytes that are gone.
///
/// **Errors** of reads and writes: connection_reset, broken_pipe, timed_out (keep-alive) and others
/// of the system; docs/errors.md has the table. operation_canceled if the stream is closed or
/// destroyed, before the operation or during it; options and addresses give that too. A dead peer
/// never raises SIGPIPE.
/// **Thread**: that of its first wait. Until then it may be moved to another thread.
class EDDY_EXPORT TcpStream {
 public:
  /// Takes over a connected, non-blocking socket. A blocking socket stops the program (but not on
  /// Windows, which cannot tell). On macOS it must have SO_NOSIGPIPE.
  explicit TcpStream(Fd socket) noexcept;

  /// Connects to `address`; gives `Result<TcpStream>`. The stream has waited, so it belongs to this
  /// thread. `into_fd` gives its socket to another thread.
  /// **Errors**: connection_refused, timed_out (by the system, after minutes; see `timeout`),
  /// network_unreachable, host_unreachable, too_many_files_open and others of the system.
  /// **Cancel**: ends the attempt, and closes its socket.
  static detail::ConnectOp connect(const SocketAddress& address) noexcept {
    return detail::ConnectOp(address);
  }
  /// The same with options, which are set before it connects.
  /// **Errors**: also those of the options; address_not_available and address_in_use of the source.
  /// **Cancel**: closes the socket.
  static detail::ConnectWithOp connect(const SocketAddress& address,
                                       const ConnectOptions& options) noexcept {
    return {address, options};
  }

  /// Reads the bytes that have come, at least one, at most as many as the buffer holds. Gives their
  /// number; 0 is the end of the stream. An empty buffer gives 0 at once.
  /// **Cancel**: nothing is lost; the bytes are still in the socket.
  template <class Buffer = std::span<std::byte>>
    requires(!std::derived_from<std::remove_cvref_t<Buffer>, BufferPool>)
  detail::ReadOp read(Buffer&& buffer) noexcept {
    return {source_, detail::bytes_to_fill(std::forward<Buffer>(buffer))};
  }
  /// As `read`, into several buffers in order, at most 64 of them in one call. `buffers` itself
  /// must live as long as the buffers; `writable_bytes_of` makes its elements.
  detail::ReadVectoredOp read_vectored(std::span<const std::span<std::byte>> buffers) noexcept {
    return {source_, buffers};
  }
  /// Reads the bytes that have come into a buffer of the pool, and holds none while it waits. Gives
  /// `Result<PooledBuffer>`, which is empty at the end of the stream.
  /// **Errors**: also not_enough_memory, if there are bytes to read but no memory for a buffer.
  /// **Cancel**: nothing is lost; the bytes are still in the socket.
  detail::PooledReadOp read(BufferPool& pool) noexcept { return {source_, pool}; }
  /// Reads until the buffer is full; gives `Result<>`.
  /// **Errors**: `Error::end_of_stream` if the peer ends the stream before that.
  /// **Cancel**: the bytes read so far are lost; `when_any` takes it only in `may_lose`.
  template <class Buffer = std::span<std::byte>>
  detail::ReadExactOp read_exact(Buffer&& buffer) noexcept {
    return {source_, detail::bytes_to_fill(std::forward<Buffer>(buffer))};
  }
  /// As `read`, but the bytes stay in the socket for the next read.
  template <class Buffer = std::span<std::byte>>
  detail::PeekOp peek(Buffer&& buffer) noexcept {
    return {source_, detail::bytes_to_fill(std::forward<Buffer>(buffer))};
  }

  /// Writes as many bytes as the socket has room for. Gives their number.
  /// **Cancel**: nothing is lost: nothing was written.
  template <class Data = std::span<const std::byte>>
  detail::WriteOp write(Data&& data) noexcept {
    return {source_, detail::bytes_to_write(data)};
  }
  /// As `write`, from several buffers in order, at most 64 of them in one call. `bytes_of` makes
  /// the elements of `data`, which must live as long as the buffers.
  detail::WriteVectoredOp write_vectored(
      std::span<const std::span<const std::byte>> data) noexcept {
    return {source_, data};
  }
  /// Writes all of `data`; gives `Result<>`.
  /// **Cancel**: it is not known how much was written; `when_any` takes it only in `may_lose`.
  template <class Data = std::span<const std::byte>>
  detail::WriteAllOp write_all(Data&& data) noexcept {
    // A reference as parameter: a span would be kept in the awaiting frame.
    return {source_, detail::bytes_to_write(data)};
  }

  /// Waits, without reading, until the connection has ended: the peer has reset it, it was given up
  /// (keep-alive), or both sides have ended their streams. A half-close of one side does not
  /// complete it. It is for tasks that have read the end of the peer's stream, and still work on an
  /// answer. Gives `Result<>`; the next read or write gives the reason. There may still be bytes to
  /// read. Several tasks may wait. On Windows it may miss the end of both streams if nobody has
  /// read it.
  /// **Errors**: operation_canceled if the stream is closed or destroyed, before the call or during
  /// the wait.
  /// **Cancel**: nothing is lost.
  detail::ClosedOp closed() noexcept { return detail::ClosedOp(source_); }

  /// Waits until `try_read` may succeed, and holds no buffer meanwhile. It may complete early.
  /// **Cancel**: nothing is lost.
  detail::ReadinessOp readable() noexcept { return {source_, Direction::read, false}; }
  /// As `readable`, for `try_write`.
  detail::ReadinessOp writable() noexcept { return {source_, Direction::write, false}; }
  /// Reads without waiting. **Errors**: operation_would_block if there is nothing.
  template <class Buffer = std::span<std::byte>>
  [[nodiscard]] Result<std::size_t> try_read(Buffer&& buffer) noexcept {
    return receive_now(detail::bytes_to_fill(std::forward<Buffer>(buffer)));
  }
  /// Writes without waiting. **Errors**: operation_would_block if there is no room.
  template <class Data = std::span<const std::byte>>
  [[nodiscard]] Result<std::size_t> try_write(Data&& data) noexcept {
    return send_now(detail::bytes_to_write(data));
  }

  /// Ends one direction, or both. After `ShutdownHow::write` the peer reads all bytes that were
  /// written, then the end of the stream. This side can still read.
  [[nodiscard]] Result<> shutdown(ShutdownHow how) noexcept;
  /// Closes now. Waiting operations of other tasks, and all later ones, end with
  /// operation_canceled.
  void close() noexcept { source_.close(); }

  /// Deregisters and returns the socket, for another thread or another library.
  /// Operations of other tasks on the stream end with operation_canceled.
  [[nodiscard]] Fd into_fd() && noexcept { return source_.into_fd(); }
  /// Two halves that two tasks may own.
  std::pair<ReadHalf, WriteHalf> split() &&;
  /// The stream that was split into these two, whole again. While a task waits on one of them,
  /// this stops the program, as a move of the stream does.
  /// **Errors**: halves of different streams come back in the `ReuniteError`, as they were.
  [[nodiscard]] static std::expected<TcpStream, ReuniteError> reunite(ReadHalf read,
                                                                      WriteHalf write) noexcept;

  /// Sends small writes at once instead of gathering them (TCP_NODELAY).
  [[nodiscard]] Result<> set_nodelay(bool on) noexcept;
  [[nodiscard]] Result<bool> nodelay() const noexcept;
  /// Sets when a silent peer is probed: `set_keep_alive(KeepAlive{.idle = 30s})`. With null it is
  /// not probed; `{}` is null.
  /// **Errors**: invalid_argument for lengths or counts that the system does not take.
  [[nodiscard]] Result<> set_keep_alive(const std::optional<KeepAlive>& keep_alive) noexcept;
  [[nodiscard]] Result<std::optional<KeepAlive>> keep_alive() const noexcept;
  /// Sizes of the kernel's buffers in bytes. Linux doubles what is set, for its own use.
  [[nodiscard]] Result<> set_send_buffer_size(int bytes) noexcept;
  [[nodiscard]] Result<int> send_buffer_size() const noexcept;
  [[nodiscard]] Result<> set_receive_buffer_size(int bytes) noexcept;
  [[nodiscard]] Result<int> receive_buffer_size() const noexcept;
  /// On: closing discards unsent bytes and resets the connection (SO_LINGER of zero). Off, the
  /// default: closing does not wait, and the system sends the rest. There is no longer linger: on
  /// Linux `close` would stop the whole thread for that time.
  [[nodiscard]] Result<> set_reset_on_close(bool on) noexcept;
  [[nodiscard]] Result<bool> reset_on_close() const noexcept;

  [[nodiscard]] Result<SocketAddress> local_address() const noexcept;
  [[nodiscard]] Result<SocketAddress> peer_address() const noexcept;
  RawSource raw() const noexcept { return source_.raw(); }

 private:
  friend class Conduit;
  friend class TcpListener;
  friend class detail::ConnectBase;
  explicit TcpStream(IoSource source) noexcept : source_(std::move(source)) {}

  [[nodiscard]] Result<std::size_t> receive_now(std::span<std::byte> buffer) noexcept;
  [[nodiscard]] Result<std::size_t> send_now(std::span<const std::byte> data) noexcept;

  IoSource source_;
};

/// The reading half of a stream. The connection closes when both halves are destroyed. A half that
/// was moved from may only be assigned to or destroyed.
class ReadHalf {
 public:
  ReadHalf(ReadHalf&&) noexcept = default;
  ReadHalf& operator=(ReadHalf&&) noexcept = default;
  ~ReadHalf() = default;

  template <class Buffer = std::span<std::byte>>
    requires(!std::derived_from<std::remove_cvref_t<Buffer>, BufferPool>)
  detail::ReadOp read(Buffer&& buffer) noexcept {
    return stream_->read(std::forward<Buffer>(buffer));
  }
  detail::PooledReadOp read(BufferPool& pool) noexcept { return stream_->read(pool); }
  detail::ReadVectoredOp read_vectored(std::span<const std::span<std::byte>> buffers) noexcept {
    return stream_->read_vectored(buffers);
  }
  template <class Buffer = std::span<std::byte>>
  detail::ReadExactOp read_exact(Buffer&& buffer) noexcept {
    return stream_->read_exact(std::forward<Buffer>(buffer));
  }
  template <class Buffer = std::span<std::byte>>
  detail::PeekOp peek(Buffer&& buffer) noexcept {
    return stream_->peek(std::forward<Buffer>(buffer));
  }
  detail::ReadinessOp readable() noexcept { return stream_->readable(); }
  detail::ClosedOp closed() noexcept { return stream_->closed(); }

  /// The whole, for its options and addresses.
  TcpStream& stream() noexcept { return *stream_; }

 private:
  friend class TcpStream;
  explicit ReadHalf(std::shared_ptr<TcpStream> stream) noexcept : stream_(std::move(stream)) {}

  std::shared_ptr<TcpStream> stream_;
};

/// The writing half of a stream. Its destructor ends the stream for the peer, as `shutdown` does. A
/// half that was moved from may only be assigned to or destroyed.
class WriteHalf {
 public:
  WriteHalf(WriteHalf&&) noexcept = default;
  WriteHalf& operator=(WriteHalf&& other) noexcept {
    WriteHalf taken(std::move(other));
    std::swap(stream_, taken.stream_);
    return *this;
  }
  ~WriteHalf() {
    if (stream_) static_cast<void>(shutdown());
  }

  template <class Data = std::span<const std::byte>>
  detail::WriteOp write(Data&& data) noexcept {
    return stream_->write(data);
  }
  detail::WriteVectoredOp write_vectored(
      std::span<const std::span<const std::byte>> data) noexcept {
    return stream_->write_vectored(data);
  }
  template <class Data = std::span<const std::byte>>
  detail::WriteAllOp write_all(Data&& data) noexcept {
    return stream_->write_all(data);
  }
  detail::ReadinessOp writable() noexcept { return stream_->writable(); }
  detail::ClosedOp closed() noexcept { return stream_->closed(); }
  [[nodiscard]] Result<> shutdown() noexcept { return stream_->shutdown(ShutdownHow::write); }

  /// The whole, for its options and addresses.
  TcpStream& stream() noexcept { return *stream_; }

 private:
  friend class TcpStream;
  explicit WriteHalf(std::shared_ptr<TcpStream> stream) noexcept : stream_(std::move(stream)) {}

  std::shared_ptr<TcpStream> stream_;
};

/// Why `TcpStream::reunite` gave no stream: these are halves of different streams.
struct ReuniteError {
  ReadHalf read;
  WriteHalf write;
};

}  // namespace eddy
