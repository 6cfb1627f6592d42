// A TCP proxy on eddy. BACKEND_PORT; prints its port.
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace {

eddy::Task<> copy(eddy::TcpStream& from, eddy::TcpStream& to) {
  eddy::Conduit conduit;
  while ((co_await conduit.fill(from)).value_or(0) != 0) {
    while (!conduit.empty()) {
      if (!co_await conduit.drain(to)) co_return;
    }
  }
  static_cast<void>(to.shutdown(eddy::ShutdownHow::write));
}

eddy::Task<> relay(eddy::TcpStream client, eddy::SocketAddress to) {
  eddy::Result<eddy::TcpStream> backend = co_await eddy::TcpStream::connect(to);
  if (!backend) co_return;
  static_cast<void>(backend->set_nodelay(true));
  co_await eddy::when_all(copy(client, *backend), copy(*backend, client));
}

eddy::Task<> serve(eddy::SocketAddress to) {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::v4({127, 0, 0, 1}, 0));
  if (!listener) std::exit(1);
  std::printf("%d\n", listener->local_address()->port());
  std::fflush(stdout);
  for (;;) {
    eddy::Result<eddy::Accepted> client = co_await listener->accept();
    if (!client) std::exit(1);
    static_cast<void>(client->stream.set_nodelay(true));
    eddy::spawn(relay, std::move(client->stream), to).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  eddy::block_on(serve(eddy::SocketAddress::v4({127, 0, 0, 1}, port)));
}
