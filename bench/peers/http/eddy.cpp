// An HTTP/1.1 server on eddy and llhttp. Prints its port.
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include "hello.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

namespace {

char answers[kAnswersSize];

eddy::Task<> serve(eddy::TcpStream stream) {
  std::array<std::byte, kReadSize> buffer;
  http http{};
  http_init(&http);
  for (;;) {
    const eddy::Result<std::size_t> count = co_await stream.read(buffer);
    if (count.value_or(0) == 0) co_return;
    const long size =
        http_answer(&http, reinterpret_cast<const char*>(buffer.data()), *count, answers);
    if (size < 0) co_return;
    const auto data = std::as_bytes(std::span(answers)).first(static_cast<std::size_t>(size));
    const std::size_t written = stream.try_write(data).value_or(0);
    if (written == data.size()) continue;
    // What the socket has no room for leaves the shared answers before others run.
    const std::vector rest(data.begin() + static_cast<std::ptrdiff_t>(written), data.end());
    if (!co_await stream.write_all(rest)) co_return;
  }
}

eddy::Task<> accept_all() {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::v4({127, 0, 0, 1}, 0));
  if (!listener) std::exit(1);
  std::printf("%d\n", listener->local_address()->port());
  std::fflush(stdout);
  for (;;) {
    eddy::Result<eddy::Accepted> stream = co_await listener->accept();
    if (!stream) std::exit(1);
    static_cast<void>(stream->stream.set_nodelay(true));
    eddy::spawn(serve, std::move(stream->stream)).detach();
  }
}

}  // namespace

int main() { eddy::block_on(accept_all()); }
