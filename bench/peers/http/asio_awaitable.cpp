// An HTTP/1.1 server on Asio, with coroutines, and llhttp. Prints its port.
// SPDX-License-Identifier: MIT

#include "hello.h"

#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include <asio.hpp>

namespace {

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Awaitable = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

Awaitable serve(Socket socket) {
  std::array<char, kReadSize> buffer;
  std::vector<char> answers(kAnswersSize);
  std::error_code error;
  http http{};
  http_init(&http);
  while (!error) {
    const std::size_t count = co_await socket.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    const long size = http_answer(&http, buffer.data(), count, answers.data());
    if (size < 0) co_return;
    co_await asio::async_write(socket, asio::buffer(answers.data(), static_cast<std::size_t>(size)),
                               asio::redirect_error(use_awaitable, error));
  }
}

Awaitable accept_all(Acceptor& acceptor) {
  for (;;) {
    Socket socket = co_await acceptor.async_accept(use_awaitable);
    socket.set_option(asio::ip::tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  Acceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io, accept_all(acceptor), asio::detached);
  io.run();
}
