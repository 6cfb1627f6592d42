// A server and a client in a program that imports the module eddy.
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

import eddy;

namespace {

using namespace std::chrono_literals;

eddy::Task<> echo(eddy::TcpStream stream) {
  std::array<std::byte, 64> buffer;
  while (const auto count = co_await stream.read(buffer)) {
    if (*count == 0 || !co_await stream.write_all(std::span(buffer).first(*count))) break;
  }
}

eddy::Task<eddy::Result<>> serve(eddy::TcpListener& listener) {
  for (;;) {
    eddy::Accepted accepted = co_await eddy::ok(listener.accept());
    eddy::spawn(echo, std::move(accepted.stream)).detach();
  }
}

eddy::Task<eddy::Result<std::size_t>> ask(eddy::SocketAddress address) {
  eddy::TcpStream stream = co_await eddy::ok(eddy::timeout(10s, eddy::TcpStream::connect(address)));
  const std::array<std::byte, 5> question{};
  co_await eddy::ok(stream.write_all(question));
  std::array<std::byte, 5> answer;
  co_return co_await stream.read(answer);
}

eddy::Task<bool> run() {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::loopback(0));
  if (!listener) co_return false;
  auto first = co_await eddy::when_any(ask(*listener->local_address()), serve(*listener));
  co_return first.index() == 0 && std::get<0>(first).value_or(0) == 5;
}

}  // namespace

int main() { return eddy::block_on(run()) ? 0 : 1; }
