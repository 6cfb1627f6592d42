// Echo on Asio, with coroutines. Prints its port.
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <utility>

#include <asio.hpp>

namespace {

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Awaitable = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

Awaitable echo(Socket socket) {
  std::array<char, 16384> buffer;
  std::error_code error;
  for (;;) {
    const std::size_t count = co_await socket.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    co_await asio::async_write(socket, asio::buffer(buffer, count),
                               asio::redirect_error(use_awaitable, error));
    if (error) co_return;
  }
}

Awaitable serve(Acceptor& acceptor) {
  for (;;) {
    Socket socket = co_await acceptor.async_accept(use_awaitable);
    socket.set_option(asio::ip::tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);  // one thread: no locks
  Acceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io, serve(acceptor), asio::detached);
  io.run();
}
