// Connected streams for tests of the net floor.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"

#include "support/sockets.hpp"

#include <utility>

namespace eddy::test {

/// Both ends of one connection.
struct TcpPair {
  TcpPair() : TcpPair(connected_sockets()) {}
  explicit TcpPair(SocketPair sockets)
      : client(std::move(sockets.client)), server(std::move(sockets.server)) {}

  TcpStream client;
  TcpStream server;
};

/// A listener on a loopback port of the system's choice.
inline TcpListener listen_anywhere() {
  return std::move(TcpListener::bind(SocketAddress::loopback(0)).value());
}

inline SocketAddress address_of(const TcpListener& listener) {
  return listener.local_address().value();
}

}  // namespace eddy::test
