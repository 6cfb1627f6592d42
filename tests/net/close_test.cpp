// What operations give if their stream or listener is closed while they wait, or before they start:
// the same rule holds for all of them.
// SPDX-License-Identifier: MIT
#include "eddy/net/buffer_pool.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::run;
using test::succeeded;
using test::TcpPair;

/// The error of an operation; none if it succeeded.
template <class R>
std::error_code error_of(const R& result) {
  return result ? std::error_code() : result.error();
}

/// An operation on a stream, with all that it needs. It gives its error.
struct Case {
  std::string name;
  Task<std::error_code> (*attempt)(TcpStream& stream);
};

Task<std::error_code> read(TcpStream& stream) {
  std::array<std::byte, 8> bytes{};
  co_return error_of(co_await stream.read(bytes));
}
Task<std::error_code> read_pooled(TcpStream& stream) {
  BufferPool pool(64);
  co_return error_of(co_await stream.read(pool));
}
Task<std::error_code> read_exact(TcpStream& stream) {
  std::array<std::byte, 8> bytes{};
  co_return error_of(co_await stream.read_exact(bytes));
}
Task<std::error_code> read_vectored(TcpStream& stream) {
  std::array<std::byte, 8> bytes{};
  const std::array<std::span<std::byte>, 2> buffers = {std::span(bytes).first(3),
                                                       std::span(bytes).last(5)};
  co_return error_of(co_await stream.read_vectored(buffers));
}
Task<std::error_code> peek(TcpStream& stream) {
  std::array<std::byte, 8> bytes{};
  co_return error_of(co_await stream.peek(bytes));
}
Task<std::error_code> readable(TcpStream& stream) {
  co_return error_of(co_await stream.readable());
}
Task<std::error_code> fill(TcpStream& stream) {
  Conduit conduit;
  co_return error_of(co_await conduit.fill(stream));
}
// A late acknowledgement of the peer makes room once more, so writers go on until they get an
// error.

Task<std::error_code> write(TcpStream& stream) {
  const std::array<std::byte, 8> bytes{};
  for (;;) {
    const Result<std::size_t> written = co_await stream.write(bytes);
    if (!written) co_return written.error();
  }
}
Task<std::error_code> write_all(TcpStream& stream) {
  const std::array<std::byte, 8> bytes{};
  for (;;) {
    const Result<> written = co_await stream.write_all(bytes);
    if (!written) co_return written.error();
  }
}
Task<std::error_code> write_vectored(TcpStream& stream) {
  const std::array<std::byte, 8> bytes{};
  const std::array<std::span<const std::byte>, 2> data = {std::span(bytes).first(3),
                                                          std::span(bytes).last(5)};
  for (;;) {
    const Result<std::size_t> written = co_await stream.write_vectored(data);
    if (!written) co_return written.error();
  }
}
Task<std::error_code> writable(TcpStream& stream) {
  const std::array<std::byte, 8> bytes{};
  for (;;) {
    const Result<> ready = co_await stream.writable();
    if (!ready) co_return ready.error();
    static_cast<void>(stream.try_write(bytes));
  }
}
Task<std::error_code> drain(TcpStream& stream) {
  Conduit conduit;
  TcpPair source;
  const std::array<std::byte, 8> bytes{};
  for (;;) {
    EXPECT_TRUE(succeeded(co_await source.client.write_all(bytes)));
    EXPECT_TRUE(succeeded(co_await conduit.fill(source.server)));
    const Result<std::size_t> drained = co_await conduit.drain(stream);
    if (!drained) co_return drained.error();
  }
}

const std::vector<Case> kReading = {{"read", read},
                                    {"read(pool)", read_pooled},
                                    {"read_exact", read_exact},
                                    {"read_vectored", read_vectored},
                                    {"peek", peek},
                                    {"readable", readable},
                                    {"fill", fill}};
const std::vector<Case> kWriting = {{"write", write},
                                    {"write_all", write_all},
                                    {"write_vectored", write_vectored},
                                    {"writable", writable},
                                    {"drain", drain}};

/// Writes until there is no more room.
void fill_up(TcpStream& stream) {
  const std::vector<std::byte> block(std::size_t{256} << 10);
  while (stream.try_write(block)) {
  }
}

/// The ways in which a stream ends while a task waits on it.
void close(std::optional<TcpStream>& stream) { stream->close(); }
void give_up(std::optional<TcpStream>& stream) { static_cast<void>(std::move(*stream).into_fd()); }
void destroy(std::optional<TcpStream>& stream) { stream.reset(); }

/// The error of an operation that waits on a stream when that stream ends.
std::error_code error_while_waiting(const Case& one, bool is_full,
                                    void (*end)(std::optional<TcpStream>&)) {
  TcpPair pair;
  std::optional<TcpStream> stream(std::move(pair.server));
  if (is_full) fill_up(*stream);
  return run([&]() -> Task<std::error_code> {
    JoinHandle<std::error_code> waiting = spawn(one.attempt, std::ref(*stream));
    for (int i = 0; i < 100; ++i) co_await yield_now();
    EXPECT_FALSE(waiting.finished()) << one.name << " did not wait";
    end(stream);
    co_return (co_await waiting).value();
  });
}

TEST(Close, EveryOperationThatWaitsOnTheStreamIsCancelled) {
  for (const auto end : {close, give_up, destroy}) {
    for (const Case& one : kReading) {
      EXPECT_EQ(error_while_waiting(one, false, end), std::errc::operation_canceled) << one.name;
    }
    for (const Case& one : kWriting) {
      EXPECT_EQ(error_while_waiting(one, true, end), std::errc::operation_canceled) << one.name;
    }
  }
}

template <class End>
void every_operation_is_cancelled_after(End end) {
  for (const auto* cases : {&kReading, &kWriting}) {
    for (const Case& one : *cases) {
      for (const bool has_waited : {false, true}) {
        TcpPair pair;
        std::optional<TcpStream> stream(std::move(pair.server));
        run([&]() -> Task<> {
          if (has_waited) {
            std::array<std::byte, 1> byte{};
            EXPECT_TRUE(succeeded(co_await pair.client.write_all(byte)));
            EXPECT_TRUE(succeeded(co_await stream->readable()));
          }
          end(stream);
          EXPECT_EQ(co_await one.attempt(*stream), std::errc::operation_canceled) << one.name;
        });
      }
    }
  }
}

TEST(Close, EveryOperationAfterItIsCancelled) { every_operation_is_cancelled_after(close); }

TEST(Close, EveryOperationAfterTheSocketWasGivenUpIsCancelled) {
  every_operation_is_cancelled_after(give_up);
}

TEST(Close, EveryCallAfterItIsCancelled) {
  TcpPair pair;
  TcpStream& stream = pair.server;
  stream.close();
  std::array<std::byte, 1> byte{};
  const std::vector<std::pair<const char*, std::error_code>> errors = {
      {"try_read", error_of(stream.try_read(byte))},
      {"try_write", error_of(stream.try_write(byte))},
      {"shutdown", error_of(stream.shutdown(ShutdownHow::both))},
      {"set_nodelay", error_of(stream.set_nodelay(true))},
      {"nodelay", error_of(stream.nodelay())},
      {"set_keep_alive", error_of(stream.set_keep_alive(KeepAlive()))},
      {"set_keep_alive, off", error_of(stream.set_keep_alive(std::nullopt))},
      {"keep_alive", error_of(stream.keep_alive())},
      {"set_send_buffer_size", error_of(stream.set_send_buffer_size(4096))},
      {"send_buffer_size", error_of(stream.send_buffer_size())},
      {"set_receive_buffer_size", error_of(stream.set_receive_buffer_size(4096))},
      {"receive_buffer_size", error_of(stream.receive_buffer_size())},
      {"set_reset_on_close", error_of(stream.set_reset_on_close(true))},
      {"reset_on_close", error_of(stream.reset_on_close())},
      {"local_address", error_of(stream.local_address())},
      {"peer_address", error_of(stream.peer_address())},
  };
  for (const auto& [name, error] : errors) EXPECT_EQ(error, std::errc::operation_canceled) << name;
}

TEST(Close, AnAcceptThatWaitsOrComesAfterItIsCancelled) {
  TcpListener listener = test::listen_anywhere();
  run([&]() -> Task<> {
    const auto accept = [&]() -> Task<std::error_code> {
      co_return error_of(co_await listener.accept());
    };
    JoinHandle<std::error_code> waiting = spawn(accept);
    co_await yield_now();
    listener.close();
    EXPECT_EQ((co_await waiting).value(), std::errc::operation_canceled);
    EXPECT_EQ(co_await accept(), std::errc::operation_canceled);
    EXPECT_EQ(error_of(listener.local_address()), std::errc::operation_canceled);
  });
}

TEST(Close, AReadIntoAnEmptyBufferCompletesOnAClosedStream) {
  TcpPair pair;
  pair.server.close();
  run([&]() -> Task<> {
    EXPECT_EQ(co_await pair.server.read(std::span<std::byte>()), Result<std::size_t>(0));
  });
}

}  // namespace
}  // namespace eddy
