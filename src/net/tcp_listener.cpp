// SPDX-License-Identifier: MIT

#include "eddy/net/tcp_listener.hpp"

#include "eddy/platform/sys.hpp"

#include "net/options.hpp"

#include <algorithm>
#include <array>

namespace eddy {
namespace {

constexpr Duration kBackOff = std::chrono::milliseconds(10);
/// After so many errors in a row it is not the connections that fail: a sandbox refuses accept.
constexpr int kMostDeadConnections = 64;

bool is_any_of(const std::error_code& error, std::initializer_list<std::errc> codes) noexcept {
  return std::any_of(codes.begin(), codes.end(),
                     [&](std::errc code) { return sys::is(error, code); });
}

/// True for errors of the listener, which each call would give again. All others are of one
/// connection (accept(2) of Linux says so of network errors), or temporary ones of the system.
bool is_of_listener(const std::error_code& error) noexcept {
  return is_any_of(
      error, {std::errc::bad_file_descriptor, std::errc::not_a_socket, std::errc::invalid_argument,
              std::errc::bad_address, std::errc::function_not_supported});
}

bool is_out_of_descriptors(const std::error_code& error) noexcept {
  return is_any_of(error,
                   {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system});
}

bool is_out_of_memory(const std::error_code& error) noexcept {
  return is_any_of(error, {std::errc::no_buffer_space, std::errc::not_enough_memory});
}

}  // namespace

Result<TcpListener> TcpListener::bind(const SocketAddress& address, const ListenOptions& options) {
  Result<Fd> socket = sys::create_stream_socket(address.family());
  if (!socket) return std::unexpected(socket.error());
  const RawSource raw = socket->raw();
  Result<> done;
  if (options.reuse_address) done = sys::set_option(raw, SocketOption::reuse_address, 1);
  if (done && options.reuse_port) done = sys::set_option(raw, SocketOption::reuse_port, 1);
  if (done && address.family() == SocketAddress::Family::v6) {
    done = sys::set_option(raw, SocketOption::v6_only, options.v6_only ? 1 : 0);
  }
  if (done)
    done = detail::set_buffer_sizes(raw, options.send_buffer_size, options.receive_buffer_size);
  if (done) done = sys::bind(raw, address);
  if (done) done = sys::listen(raw, options.backlog);
  if (!done) return std::unexpected(done.error());

  return TcpListener(IoSource(std::move(*socket), detail::kKnownNonblocking));
}

TcpListener::TcpListener(Fd socket) noexcept
    : TcpListener(IoSource(detail::refuse_blocking(std::move(socket), "a TcpListener"),
                           detail::kKnownNonblocking)) {}

TcpListener::TcpListener(IoSource source) noexcept : source_(std::move(source)) {
  if (Result<Fd> reserve = sys::open_reserve()) reserve_ = std::move(*reserve);
}

Result<bool> TcpListener::reuse_address() const noexcept {
  return detail::is_on(source_, SocketOption::reuse_address);
}

Result<bool> TcpListener::reuse_port() const noexcept {
  return detail::is_on(source_, SocketOption::reuse_port);
}

Result<bool> TcpListener::v6_only() const noexcept {
  return detail::is_on(source_, SocketOption::v6_only);
}

Result<int> TcpListener::send_buffer_size() const noexcept {
  return detail::get_option(source_, SocketOption::send_buffer);
}

Result<int> TcpListener::receive_buffer_size() const noexcept {
  return detail::get_option(source_, SocketOption::receive_buffer);
}

Result<SocketAddress> TcpListener::local_address() const noexcept {
  Result<SocketAddress> address = sys::local_address(raw());
  if (!address) return std::unexpected(source_.error_of_call(address.error()));
  return address;
}

bool TcpListener::AcceptOp::begin_wait(detail::Waiter& waiter) noexcept {
  if (!begin_wait_of(*this, Direction::read, waiter)) return false;
  // A wait on the source too, so that the back-off ends with the listener.
  if (backs_off_ && !timer_.armed()) timer_.arm(waiter, detail::TimeLimit(kBackOff));
  return true;
}

bool TcpListener::AcceptOp::advance(detail::Waiter& waiter) noexcept {
  if (timer_.fired()) backs_off_ = false;
  return advance_of(*this, waiter);
}

/// One accept. If no descriptor is free it sheds the connection that is next; if none is, it would
/// block: the system may give the error although nobody waits.
Result<Fd> TcpListener::accept_or_shed(SocketAddress& peer) noexcept {
  Result<Fd> accepted = sys::accept(source().raw_of_ready(), &peer);
  if (!accepted && is_out_of_descriptors(accepted.error()) && shed_one() == Shed::nobody_waits) {
    return failure(std::errc::operation_would_block);
  }
  return accepted;
}

bool TcpListener::AcceptOp::attempt() noexcept {
  for (int dead = 0; dead <= kMostDeadConnections; ++dead) {
    Result<Fd> accepted = source().attempt(
        Direction::read, [this]() noexcept { return listener_->accept_or_shed(peer_); });
    if (accepted) {
      accepted_ = std::move(*accepted);
      if (accepted_) return true;
      ++listener_->shed_count_;
      break;
    }
    const std::error_code error = accepted.error();
    if (sys::is(error, std::errc::operation_would_block)) return false;
    if (is_of_listener(error)) {
      fail(source().error_of_call(error));
      return true;
    }
    if (is_out_of_descriptors(error)) break;
    if (!sys::is(error, std::errc::interrupted)) ++listener_->retry_count_;
    if (is_out_of_memory(error)) break;
  }
  backs_off_ = true;
  return false;
}

Result<Accepted> TcpListener::AcceptOp::take() noexcept {
  if (error_ != 0) return std::unexpected(sys::error_of(error_));
  return Accepted{TcpStream(IoSource(std::move(accepted_), detail::kKnownNonblocking)), peer_};
}

TcpListener::Shed TcpListener::shed_one() noexcept {
  Shed outcome = Shed::tried;
  if (reserve_) {
    reserve_.reset();
    // The connection is closed at the end of the scope, so that the peer is told.
    const Result<Fd> shed = sys::accept(raw(), nullptr);
    if (shed) {
      ++shed_count_;
    } else if (sys::is(shed.error(), std::errc::operation_would_block)) {
      outcome = Shed::nobody_waits;
    }
  }
  if (Result<Fd> reserve = sys::open_reserve()) reserve_ = std::move(*reserve);
  return outcome;
}

}  // namespace eddy
