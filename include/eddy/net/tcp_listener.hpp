// A TCP socket that accepts connections.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_address.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/time/sleep.hpp"

#include <cstdint>

namespace eddy {

/// How a `TcpListener` is opened: `TcpListener::bind(address, {.reuse_port = true})`.
struct ListenOptions {
  /// How many connections may wait to be accepted. The system may lower it.
  int backlog = 4096;
  /// Binds although connections of an earlier listener still linger. Windows always does.
  bool reuse_address = true;
  /// Lets several listeners share the address. Linux spreads connections over them; on Windows
  /// `bind` gives no_protocol_option.
  bool reuse_port = false;
  /// An IPv6 listener leaves IPv4 to others.
  bool v6_only = true;
  /// Sizes of the kernel's buffers in bytes, which accepted streams inherit; 0 leaves them to the
  /// system.
  int send_buffer_size = 0;
  int receive_buffer_size = 0;
};

/// What `TcpListener::accept` gives.
struct Accepted {
  TcpStream stream;
  SocketAddress peer;  ///< the other side; after a reset the stream cannot tell
};

/// Listens on an address. Several tasks may accept.
///
/// If the process or the system has no free descriptors, `accept` closes a reserve descriptor,
/// accepts the oldest connection and closes that, so that its client is told. It takes the reserve
/// back, and waits 10 ms. `shed_count` counts these connections. `accept` neither returns nor
/// spins; it goes on when descriptors are free. It also waits if the system refuses connection
/// after connection.
///
/// An error of one connection, or a temporary error of the system, never ends a server: `accept`
/// tries again, and `retry_count` counts that. It reports an error only if the listener itself has
/// failed. docs/errors.md has the table.
///
/// **Thread**: that of its first wait.
class EDDY_EXPORT TcpListener {
 public:
  /// Takes over a listening, non-blocking socket, such as one that a service manager has opened. A
  /// blocking socket stops the program (but not on Windows, which cannot tell).
  explicit TcpListener(Fd socket) noexcept;
  /// **Errors**: address_in_use, address_not_available, permission_denied and others of the system.
  [[nodiscard]] static Result<TcpListener> bind(const SocketAddress& address,
                                                const ListenOptions& options = {});

  class [[nodiscard("nothing happens until it is awaited: write co_await")]] AcceptOp final
      : public detail::SourceOperation {
   public:
    explicit AcceptOp(TcpListener& listener) noexcept
        : SourceOperation(listener.source_), listener_(&listener) {}

    bool try_start() noexcept {
      return !backs_off_ && source().is_ready(Direction::read) && attempt();
    }
    bool begin_wait(detail::Waiter& waiter) noexcept;
    bool advance(detail::Waiter& waiter) noexcept override;
    detail::Waiting describe() const noexcept override {
      return {backs_off_ ? "accept, backing off" : "accept", listener_->raw()};
    }
    Result<Accepted> take() noexcept;

   private:
    friend SourceOperation;
    void fail(std::error_code error) noexcept { error_ = sys::number_of(error); }
    bool attempt() noexcept;

    TcpListener* listener_;
    SocketAddress peer_;
    detail::Timer timer_;
    Fd accepted_;
    int error_ = 0;
    bool backs_off_ = false;
  };

  /// Gives the next connection and where it comes from, as `Result<Accepted>`. Connections that
  /// died before they were accepted are passed over.
  /// **Errors**: operation_canceled if the listener is closed or destroyed, before or meanwhile;
  /// not_enough_memory and the like if it cannot be waited for; and what says that the listener is
  /// broken: bad_file_descriptor, not_a_socket, bad_address, invalid_argument (it does not listen),
  /// function_not_supported.
  /// **Cancel**: nothing is lost; the connection stays in the backlog.
  AcceptOp accept() noexcept { return AcceptOp(*this); }

  /// Closes now, which frees the port. Waiting accepts and later ones end with operation_canceled.
  void close() noexcept { source_.close(); }

  /// The number of connections that were accepted only to be closed, because no descriptor was
  /// free.
  std::uint64_t shed_count() const noexcept { return shed_count_; }
  /// The number of errors after which `accept` tried again: connections that ended before they were
  /// accepted or that the system refused, and lack of memory. Interruptions and lack of descriptors
  /// do not count.
  std::uint64_t retry_count() const noexcept { return retry_count_; }
  /// What the listener was opened with, as the system has it.
  /// **Errors**: operation_canceled once closed; an error of the system for `v6_only` of an IPv4
  /// listener, and on Windows no_protocol_option for `reuse_port`.
  [[nodiscard]] Result<bool> reuse_address() const noexcept;
  [[nodiscard]] Result<bool> reuse_port() const noexcept;
  [[nodiscard]] Result<bool> v6_only() const noexcept;
  [[nodiscard]] Result<int> send_buffer_size() const noexcept;
  [[nodiscard]] Result<int> receive_buffer_size() const noexcept;
  /// The local address. For port 0 it has the port that the system chose.
  [[nodiscard]] Result<SocketAddress> local_address() const noexcept;
  RawSource raw() const noexcept { return source_.raw(); }

 private:
  explicit TcpListener(IoSource source) noexcept;

  detail::SourceAccess source() noexcept { return detail::SourceAccess(source_); }

  enum class Shed : bool { tried, nobody_waits };
  EDDY_LOCAL Shed shed_one() noexcept;
  EDDY_LOCAL Result<Fd> accept_or_shed(SocketAddress& peer) noexcept;

  IoSource source_;
  Fd reserve_;
  std::uint64_t shed_count_ = 0;
  std::uint64_t retry_count_ = 0;
};

}  // namespace eddy
