// SPDX-License-Identifier: MIT

#include "eddy/net/tcp_stream.hpp"

#include "net/options.hpp"

namespace eddy {
namespace {

/// Attempts `call` now, again if a signal interrupts it.
template <class Call>
Result<std::size_t> attempt_now(IoSource& source, Direction direction, Call call,
                                std::size_t wanted = 0) noexcept {
  const detail::SourceAccess access(source);
  if constexpr (detail::kDebugChecks) access.check_user();
  for (;;) {
    const sys::Count count = access.attempt(direction, call, wanted);
    if (count) return *count;
    if (!sys::is(count.error(), std::errc::interrupted)) {
      return std::unexpected(source.error_of_call(count.error()));
    }
  }
}

/// What is due before a socket connects.
Result<> prepare(RawSource socket, const ConnectOptions& options) noexcept {
  Result<> done =
      detail::set_buffer_sizes(socket, options.send_buffer_size, options.receive_buffer_size);
  if (done && options.nodelay) done = sys::set_option(socket, SocketOption::no_delay, 1);
  if (done && options.keep_alive) done = detail::set_keep_alive(socket, options.keep_alive);
  if (done && options.source != SocketAddress{}) done = sys::bind(socket, options.source);
  return done;
}

}  // namespace

namespace detail {

bool ConnectBase::fail(std::error_code error) noexcept {
  error_ = error;
  source_.close();
  return true;
}

bool ConnectBase::start(const ConnectOptions* options) noexcept {
  Result<Fd> socket = sys::create_stream_socket(address_.family());
  if (!socket) return fail(socket.error());
  if (options != nullptr) {
    if (const Result<> done = prepare(socket->raw(), *options); !done) return fail(done.error());
  }
  source_ = IoSource(std::move(*socket), kKnownNonblocking);
  const Result<> connected = sys::connect(source_.raw(), address_);
  if (connected) return true;
  // An interrupted connect goes on in the kernel, as one that is in progress (POSIX).
  if (sys::is(connected.error(), std::errc::operation_in_progress) ||
      sys::is(connected.error(), std::errc::interrupted)) {
    return false;
  }
  return fail(connected.error());
}

bool ConnectBase::begin_wait(Waiter& waiter) noexcept {
  const sys::Status waiting = SourceAccess(source_).wait(Direction::write, waiter);
  if (!waiting) fail(waiting.error());
  return waiting.has_value();
}

bool ConnectBase::advance(Waiter& waiter) noexcept {
  waiter.unwatch();  // this operation owns the source, so it is not gone
  if (const Result<> outcome = sys::take_error(source_.raw()); !outcome) {
    return fail(outcome.error());
  }
  // The wake may have been for another reason: only a connected socket has a peer.
  const Result<SocketAddress> peer = sys::peer_address(source_.raw());
  if (peer || !sys::is(peer.error(), std::errc::not_connected)) return true;
  return !begin_wait(waiter);
}

Result<TcpStream> ConnectBase::take() noexcept {
  if (error_) return std::unexpected(error_);
  return TcpStream(std::move(source_));
}

}  // namespace detail

TcpStream::TcpStream(Fd socket) noexcept
    : source_(detail::refuse_blocking(std::move(socket), "a TcpStream"),
              detail::kKnownNonblocking) {}

Result<std::size_t> TcpStream::receive_now(std::span<std::byte> buffer) noexcept {
  const auto receive = [&]() noexcept { return sys::receive(raw(), buffer); };
  return attempt_now(source_, Direction::read, receive, buffer.size());
}

Result<std::size_t> TcpStream::send_now(std::span<const std::byte> data) noexcept {
  const auto send = [&]() noexcept { return sys::send(raw(), data); };
  return attempt_now(source_, Direction::write, send);
}

Result<> TcpStream::shutdown(ShutdownHow how) noexcept {
  const detail::SourceAccess source(source_);
  if constexpr (detail::kDebugChecks) source.check_user();
  Result<> done = detail::outcome(source_, sys::shutdown(raw(), how));
  source.note_shutdown(how);
  return done;
}

std::pair<ReadHalf, WriteHalf> TcpStream::split() && {
  auto shared = std::make_shared<TcpStream>(std::move(*this));
  return {ReadHalf(shared), WriteHalf(shared)};
}

std::expected<TcpStream, ReuniteError> TcpStream::reunite(ReadHalf read, WriteHalf write) noexcept {
  if (read.stream_ == nullptr || read.stream_ != write.stream_) {
    return std::unexpected(ReuniteError{std::move(read), std::move(write)});
  }
  // Not to be ended, as the going of a WriteHalf would.
  const std::shared_ptr<TcpStream> whole = std::move(write.stream_);
  return std::move(*whole);
}

Result<> TcpStream::set_nodelay(bool on) noexcept {
  return detail::outcome(source_, sys::set_option(raw(), SocketOption::no_delay, on ? 1 : 0));
}

Result<bool> TcpStream::nodelay() const noexcept {
  return detail::is_on(source_, SocketOption::no_delay);
}

Result<> TcpStream::set_keep_alive(const std::optional<KeepAlive>& keep_alive) noexcept {
  return detail::outcome(source_, detail::set_keep_alive(raw(), keep_alive));
}

Result<std::optional<KeepAlive>> TcpStream::keep_alive() const noexcept {
  const Result<bool> on = detail::is_on(source_, SocketOption::keep_alive);
  if (!on) return std::unexpected(on.error());
  if (!*on) return std::nullopt;
  KeepAlive found;
  const Result<int> idle = detail::get_option(source_, SocketOption::keep_alive_idle);
  if (!idle) return std::unexpected(idle.error());
  found.idle = std::chrono::seconds(*idle);
  const Result<int> interval = detail::get_option(source_, SocketOption::keep_alive_interval);
  if (!interval) return std::unexpected(interval.error());
  found.interval = std::chrono::seconds(*interval);
  const Result<int> count = detail::get_option(source_, SocketOption::keep_alive_count);
  if (!count) return std::unexpected(count.error());
  found.count = *count;
  return found;
}

Result<> TcpStream::set_send_buffer_size(int bytes) noexcept {
  return detail::outcome(source_, sys::set_option(raw(), SocketOption::send_buffer, bytes));
}

Result<int> TcpStream::send_buffer_size() const noexcept {
  return detail::get_option(source_, SocketOption::send_buffer);
}

Result<> TcpStream::set_receive_buffer_size(int bytes) noexcept {
  return detail::outcome(source_, sys::set_option(raw(), SocketOption::receive_buffer, bytes));
}

Result<int> TcpStream::receive_buffer_size() const noexcept {
  return detail::get_option(source_, SocketOption::receive_buffer);
}

Result<> TcpStream::set_reset_on_close(bool on) noexcept {
  return detail::outcome(source_, sys::set_option(raw(), SocketOption::reset_on_close, on ? 1 : 0));
}

Result<bool> TcpStream::reset_on_close() const noexcept {
  return detail::is_on(source_, SocketOption::reset_on_close);
}

Result<SocketAddress> TcpStream::local_address() const noexcept {
  return detail::outcome(source_, sys::local_address(raw()));
}

Result<SocketAddress> TcpStream::peer_address() const noexcept {
  return detail::outcome(source_, sys::peer_address(raw()));
}

}  // namespace eddy
