// An HTTP/1.1 server on Asio, with callbacks, and llhttp. Prints its port.
// SPDX-License-Identifier: MIT

#include "hello.h"

#include <array>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include <asio.hpp>

namespace {

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Socket socket) : socket_(std::move(socket)) { http_init(&http_); }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, std::size_t count) {
                              if (!error) self->answer(count);
                            });
  }

 private:
  void answer(std::size_t count) {
    answers_.resize(kAnswersSize);
    const long size = http_answer(&http_, buffer_.data(), count, answers_.data());
    if (size < 0) return;
    asio::async_write(socket_, asio::buffer(answers_.data(), static_cast<std::size_t>(size)),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  Socket socket_;
  http http_{};
  std::array<char, kReadSize> buffer_;
  std::vector<char> answers_;  // grows once
};

void accept(Acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, Socket socket) {
    if (!error) {
      socket.set_option(asio::ip::tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

}  // namespace

int main() {
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  Acceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  accept(acceptor);
  io.run();
}
