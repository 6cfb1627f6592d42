// The echo server that is measured, in three idioms.
//
// usage: echo_eddy [--idiom borrow|own|try] [--busy-poll MICROSECONDS]
//
// Listens on a free port of 127.0.0.1, prints it, and echoes until it is killed.
//
//   borrow   a connection borrows a buffer when it has something to read until the echo is written,
//            so that it holds none while it is idle
//   own      each connection reads into a buffer of its own
//   try      as borrow, with one buffer for all, and calls that do not wait
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace {

constexpr std::size_t kBufferSize = 16384;

using Buffer = std::array<std::byte, kBufferSize>;

eddy::BufferPool pool(kBufferSize);
Buffer shared_buffer;

eddy::Task<> echo_borrowing(eddy::TcpStream stream) {
  while (const auto bytes = co_await stream.read(pool)) {
    if (bytes->empty() || !co_await stream.write_all(*bytes)) co_return;
  }
}

eddy::Task<> echo_owning(eddy::TcpStream stream) {
  Buffer buffer;
  for (;;) {
    const eddy::Result<std::size_t> count = co_await stream.read(buffer);
    if (count.value_or(0) == 0) co_return;
    if (!co_await stream.write_all(std::span(buffer).first(*count))) co_return;
  }
}

eddy::Task<> write_copy(eddy::TcpStream& stream, std::vector<std::byte> data) {
  static_cast<void>(co_await stream.write_all(data));
}

eddy::Task<> echo_trying(eddy::TcpStream stream) {
  while (co_await stream.readable()) {
    const eddy::Result<std::size_t> count = stream.try_read(shared_buffer);
    if (!count && count.error() == std::errc::operation_would_block) continue;
    if (count.value_or(0) == 0) co_return;
    const auto data = std::span(shared_buffer).first(*count);
    const std::size_t written = stream.try_write(data).value_or(0);
    if (written == *count) continue;
    // Bytes that the socket has no room for leave the shared buffer before other tasks run.
    const auto rest = data.subspan(written);
    co_await write_copy(stream, std::vector(rest.begin(), rest.end()));
  }
}

using Echo = eddy::Task<> (*)(eddy::TcpStream);

eddy::Task<> serve(Echo echo) {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::v4({127, 0, 0, 1}, 0));
  if (!listener) std::exit(1);
  std::printf("%d\n", listener->local_address()->port());
  std::fflush(stdout);
  for (;;) {
    eddy::Result<eddy::Accepted> stream = co_await listener->accept();
    if (!stream) std::exit(1);
    static_cast<void>(stream->stream.set_nodelay(true));
    eddy::spawn(echo, std::move(stream->stream)).detach();
  }
}

int usage(const char* program) {
  std::fprintf(stderr, "usage: %s [--idiom borrow|own|try] [--busy-poll MICROSECONDS]\n", program);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Echo echo = echo_borrowing;
  if (argc % 2 == 0) return usage(argv[0]);
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    const std::string_view value = argv[i + 1];
    if (option == "--idiom" && value == "borrow") {
      echo = echo_borrowing;
    } else if (option == "--idiom" && value == "own") {
      echo = echo_owning;
    } else if (option == "--idiom" && value == "try") {
      echo = echo_trying;
    } else if (option == "--busy-poll") {
      eddy::busy_poll(std::chrono::microseconds(std::atoi(argv[i + 1])));
    } else {
      return usage(argv[0]);
    }
  }

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  eddy::block_on(serve(echo));
}
