// A TCP proxy on Asio, with callbacks. BACKEND_PORT; prints its port.
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

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(Socket client, const tcp::endpoint& to)
      : client_(std::move(client)), backend_(client_.get_executor()), to_(to) {}

  void start() {
    backend_.async_connect(to_, [self = shared_from_this()](std::error_code error) {
      if (error) return;
      self->backend_.set_option(tcp::no_delay(true));
      self->read(self->client_, self->backend_, self->up_);
      self->read(self->backend_, self->client_, self->down_);
    });
  }

 private:
  using Buffer = std::array<char, 16384>;

  void read(Socket& from, Socket& to, Buffer& buffer) {
    from.async_read_some(asio::buffer(buffer), [self = shared_from_this(), &from, &to, &buffer](
                                                   std::error_code error, std::size_t count) {
      if (error) {
        to.shutdown(tcp::socket::shutdown_send, error);
      } else {
        self->write(from, to, buffer, count);
      }
    });
  }

  void write(Socket& from, Socket& to, Buffer& buffer, std::size_t count) {
    asio::async_write(
        to, asio::buffer(buffer, count),
        [self = shared_from_this(), &from, &to, &buffer](std::error_code error, std::size_t) {
          if (!error) self->read(from, to, buffer);
        });
  }

  Socket client_;
  Socket backend_;
  tcp::endpoint to_;
  Buffer up_;
  Buffer down_;
};

void accept(Acceptor& acceptor, const tcp::endpoint& to) {
  acceptor.async_accept([&acceptor, &to](std::error_code error, Socket client) {
    if (!error) {
      client.set_option(tcp::no_delay(true));
      std::make_shared<Relay>(std::move(client), to)->start();
    }
    accept(acceptor, to);
  });
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
  accept(acceptor, to);
  io.run();
}
