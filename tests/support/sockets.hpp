// Connected sockets, made with only the kernel seam, for tests below the worker.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/clock.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/sys.hpp"

#include "support/bytes.hpp"

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#ifdef _WIN32
#include "support/windows/windows.hpp"
#define MSG_NOSIGNAL 0
#else
#include <sys/socket.h>
#endif

namespace eddy::test {

/// Wine reports the end of the peer's stream when all bytes before it were read; Windows reports it
/// at once.
#ifdef _WIN32
inline constexpr bool kTellsOfAnEndBehindData = false;
#else
inline constexpr bool kTellsOfAnEndBehindData = true;
#endif

/// A listening socket on a loopback port of the system's choice.
inline Fd listen_on_loopback() {
  Fd listener = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  sys::bind(listener.raw(), SocketAddress::loopback(0)).value();
  sys::listen(listener.raw(), 128).value();
  return listener;
}

/// Waits, without an event loop, until the descriptor is ready.
inline void spin_until_ready(RawSource source, Interest interest) {
  while (sys::poll_now(source, interest).value().empty()) std::this_thread::yield();
}

/// A socket that is connected to `listener`, whose backlog holds the connection.
inline Fd connect_to(RawSource listener) {
  Fd client = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  static_cast<void>(sys::connect(client.raw(), sys::local_address(listener).value()));
  spin_until_ready(client.raw(), Interest::writable);
  sys::take_error(client.raw()).value();
  return client;
}

/// Both ends of one TCP connection.
struct SocketPair {
  Fd client;
  Fd server;
};

inline SocketPair connected_sockets() {
  const Fd listener = listen_on_loopback();
  SocketPair pair;
  pair.client = connect_to(listener.raw());
  spin_until_ready(listener.raw(), Interest::readable);
  pair.server = std::move(sys::accept(listener.raw(), nullptr).value());
  return pair;
}

inline void send_text(RawSource socket, std::string_view text) {
  if (sys::send(socket, bytes_of(text)).value() != text.size()) throw std::runtime_error("short");
}

inline void send_urgent(RawSource socket, char byte) {
  if (::send(socket, &byte, 1, MSG_OOB | MSG_NOSIGNAL) != 1) throw std::runtime_error("urgent");
}

/// How late a peer may acknowledge bytes: 200 ms on Linux (RFC 9293 allows 500).
inline constexpr std::chrono::milliseconds kLatestAcknowledgement{250};

/// Writes to `socket` until no buffer up to its peer has room, and returns the number of bytes. A
/// late acknowledgement makes room once more. So the buffers are full when an attempt would block
/// that began after the latest time at which the last byte may be acknowledged. The clock is read
/// before the attempt, so it does not matter if this thread is not run in between.
inline std::size_t fill(RawSource socket) {
  const std::vector<std::byte> block(1 << 16);
  std::size_t total = 0;
  Instant last = Clock::now();
  for (;;) {
    const Instant began = Clock::now();
    if (const Result<std::size_t> sent = sys::send(socket, block)) {
      total += *sent;
      last = Clock::now();
    } else if (began - last >= kLatestAcknowledgement) {
      return total;
    } else {
      std::this_thread::yield();
    }
  }
}

/// Reads until it would block or the stream ends. Returns the number of bytes.
inline std::size_t drain(RawSource socket) {
  std::vector<std::byte> block(1 << 16);
  std::size_t total = 0;
  for (;;) {
    const Result<std::size_t> got = sys::receive(socket, block);
    if (!got || *got == 0) return total;
    total += *got;
  }
}

/// A loopback port at which nobody listens.
inline SocketAddress address_of_nobody() {
  const Fd taken = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  sys::bind(taken.raw(), SocketAddress::loopback(0)).value();
  return sys::local_address(taken.raw()).value();
}

/// Lets a close of the socket reset the connection, instead of ending it.
inline void reset_connection(Fd& socket) {
  sys::set_option(socket.raw(), SocketOption::reset_on_close, 1).value();
  socket.reset();
}

}  // namespace eddy::test
