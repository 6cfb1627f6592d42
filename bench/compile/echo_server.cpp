// Compiled to see how long it takes, never run: a user's echo server.
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace {

eddy::Task<> echo(eddy::TcpStream stream) {
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const auto count = co_await stream.read(buffer);
    if (!count || *count == 0) co_return;
    if (!co_await stream.write_all(std::span(buffer).first(*count))) co_return;
  }
}

eddy::Task<eddy::Result<>> serve(eddy::SocketAddress address) {
  auto listener = eddy::TcpListener::bind(address);
  if (!listener) co_return std::unexpected(listener.error());
  for (;;) {
    eddy::Accepted accepted = co_await eddy::ok(listener->accept());
    eddy::spawn(echo, std::move(accepted.stream)).detach();
  }
}

}  // namespace

int main() {
  const auto served = eddy::block_on(serve(eddy::SocketAddress::v4({127, 0, 0, 1}, 7777)));
  if (!served) std::puts(served.error().message().c_str());
}
