// A TCP proxy on Asio, with coroutines. BACKEND_PORT; prints its port.
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include <asio.hpp>

namespace {

using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Awaitable = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

struct Pair {
  Socket client;
  Socket backend;
};

// Both ways own the pair; so it lives until both have ended.
Awaitable copy(std::shared_ptr<Pair> pair, Socket& from, Socket& to) {
  std::array<char, 16384> buffer;
  std::error_code error;
  while (!error) {
    const std::size_t count = co_await from.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error) break;
    co_await asio::async_write(to, asio::buffer(buffer, count),
                               asio::redirect_error(use_awaitable, error));
  }
  to.shutdown(tcp::socket::shutdown_send, error);
}

Awaitable relay(Socket client, tcp::endpoint to) {
  Socket backend(client.get_executor());
  co_await backend.async_connect(to, use_awaitable);
  backend.set_option(tcp::no_delay(true));
  auto pair = std::make_shared<Pair>(std::move(client), std::move(backend));
  const Executor executor = pair->client.get_executor();
  asio::co_spawn(executor, copy(pair, pair->client, pair->backend), asio::detached);
  co_await copy(pair, pair->backend, pair->client);
}

Awaitable serve(Acceptor& acceptor, tcp::endpoint to) {
  for (;;) {
    Socket client = co_await acceptor.async_accept(use_awaitable);
    client.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), relay(std::move(client), to), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const tcp::endpoint to(asio::ip::address_v4::loopback(),
                         static_cast<unsigned short>(std::atoi(argv[1])));
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  Acceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io, serve(acceptor, to), asio::detached);
  io.run();
}
