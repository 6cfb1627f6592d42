// Many bytes, many slices, and both directions at once.
// SPDX-License-Identifier: MIT
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::bytes_of;
using test::pattern;
using test::pattern_at;
using test::run;
using test::succeeded;
using test::TcpPair;
using test::text_of;

/// Reads to the end of the stream, in pieces of `room`, and checks each byte. Returns their number.
Task<std::size_t> read_pattern(TcpStream& stream, std::size_t room) {
  std::vector<std::byte> buffer(room);
  std::size_t total = 0;
  for (;;) {
    const Result<std::size_t> read = co_await stream.read(buffer);
    if (!read || *read == 0) {
      EXPECT_TRUE(succeeded(read));
      co_return total;
    }
    for (std::size_t i = 0; i < *read; ++i) {
      if (buffer[i] != pattern_at(total + i)) {
        ADD_FAILURE() << "byte " << total + i << " is wrong";
        co_return total;
      }
    }
    total += *read;
  }
}

Task<> write_pattern(TcpStream& stream, std::size_t size) {
  const std::vector<std::byte> data = pattern(size);
  EXPECT_TRUE(succeeded(co_await stream.write_all(data)));
  EXPECT_TRUE(succeeded(stream.shutdown(ShutdownHow::write)));
}

TEST(TcpTransfer, MegabytesGoBothWaysAtOnceUnharmed) {
  constexpr std::size_t kSize = 8 << 20;
  TcpPair pair;
  run([&]() -> Task<> {
    JoinHandle<void> a = spawn(write_pattern, std::ref(pair.client), kSize);
    JoinHandle<void> b = spawn(write_pattern, std::ref(pair.server), kSize);
    JoinHandle<std::size_t> c = spawn(read_pattern, std::ref(pair.client), 64 << 10);
    JoinHandle<std::size_t> d = spawn(read_pattern, std::ref(pair.server), 10'007);
    EXPECT_EQ((co_await c).value(), kSize);
    EXPECT_EQ((co_await d).value(), kSize);
    (void)co_await a;
    (void)co_await b;
  });
}

TEST(TcpTransfer, ASlowReaderHoldsTheWriterBack) {
  constexpr std::size_t kSize = 4 << 20;
  TcpPair pair;
  ASSERT_TRUE(succeeded(pair.client.set_send_buffer_size(16 << 10)));
  run([&]() -> Task<> {
    JoinHandle<void> writing = spawn(write_pattern, std::ref(pair.client), kSize);
    for (int i = 0; i < 10; ++i) co_await yield_now();
    EXPECT_FALSE(writing.finished());  // it waits for room: the buffers hold less than all
    EXPECT_EQ(co_await read_pattern(pair.server, 4096), kSize);
    (void)co_await writing;
  });
}

TEST(TcpTransfer, WriteReturnsHowMuchThereWasRoomFor) {
  TcpPair pair;
  ASSERT_TRUE(succeeded(pair.client.set_send_buffer_size(8 << 10)));
  run([&]() -> Task<> {
    const std::vector<std::byte> data = pattern(32 << 20);
    const Result<std::size_t> written = co_await pair.client.write(data);
    EXPECT_GT(written.value(), 0U);
    EXPECT_LT(written.value(), data.size());
  });
}

TEST(TcpTransfer, WriteGoesOnWhereItLeftOffAsTheReaderReads) {
  constexpr std::size_t kSize = 2 << 20;
  TcpPair pair;
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      const std::vector<std::byte> data = pattern(kSize);
      for (std::size_t sent = 0; sent < kSize;) {
        const Result<std::size_t> n = co_await pair.client.write(std::span(data).subspan(sent));
        EXPECT_TRUE(succeeded(n));
        if (!n) break;
        sent += *n;
      }
      pair.client.close();
    };
    JoinHandle<void> writing = spawn(writer);
    EXPECT_EQ(co_await read_pattern(pair.server, 3333), kSize);
    (void)co_await writing;
  });
}

TEST(TcpTransfer, ByteByByteLosesNothing) {
  constexpr std::size_t kSize = 20'000;  // far more than one turn's budget
  TcpPair pair;
  run([&]() -> Task<> {
    JoinHandle<void> writing = spawn(write_pattern, std::ref(pair.client), kSize);
    EXPECT_EQ(co_await read_pattern(pair.server, 1), kSize);
    (void)co_await writing;
  });
}

TEST(TcpTransfer, VectoredCallsKeepTheOrderOfTheirSlices) {
  TcpPair pair;
  run([&]() -> Task<> {
    const std::array<std::span<const std::byte>, 3> out = {bytes_of("one"), bytes_of(""),
                                                           bytes_of("three")};
    EXPECT_EQ((co_await pair.client.write_vectored(out)).value(), 8U);
    std::array<std::byte, 2> first{};
    std::array<std::byte, 0> nothing{};
    std::array<std::byte, 20> rest{};
    const std::array<std::span<std::byte>, 3> in = {first, nothing, rest};
    EXPECT_EQ((co_await pair.server.read_vectored(in)).value(), 8U);
    EXPECT_EQ(text_of(first) + text_of(std::span(rest).first(6)), "onethree");
  });
}

/// `count` slices of one byte each.
template <class Byte>
std::vector<std::span<Byte>> slices_of(std::span<Byte> bytes) {
  std::vector<std::span<Byte>> slices;
  for (std::size_t i = 0; i < bytes.size(); ++i) slices.push_back(bytes.subspan(i, 1));
  return slices;
}

TEST(TcpTransfer, MoreSlicesThanOneCallTakesDoNotMakeItWait) {
  constexpr std::size_t kSlices = 1000;
  TcpPair pair;
  run([&]() -> Task<> {
    const std::vector<std::byte> data = pattern(kSlices);
    const auto out = slices_of(std::span<const std::byte>(data));
    std::vector<std::byte> got(kSlices);
    const auto in = slices_of(std::span<std::byte>(got));
    // Each call moves some slices, although there are more, and room for them. No call may wait.
    std::size_t written = 0;
    while (written < kSlices) {
      const auto rest = std::span(out).subspan(written);
      const Result<std::size_t> n = co_await pair.client.write_vectored(rest);
      EXPECT_TRUE(succeeded(n));
      if (!n) co_return;
      written += *n;
    }
    // As if all edges had been used up.
    EXPECT_TRUE(succeeded(co_await pair.server.readable()));
    std::size_t read = 0;
    while (read < kSlices) {
      const auto rest = std::span(in).subspan(read);
      const Result<std::size_t> n = co_await pair.server.read_vectored(rest);
      EXPECT_TRUE(succeeded(n));
      if (!n) co_return;
      read += *n;
    }
    EXPECT_EQ(got, data);
  });
}

TEST(TcpTransfer, MoreSlicesThanOneCallTakesWorkAfterAWaitToo) {
  constexpr std::size_t kSlices = 200;
  TcpPair pair;
  run([&]() -> Task<> {
    std::vector<std::byte> got(kSlices);
    const auto in = slices_of(std::span<std::byte>(got));
    const auto writer = [&]() -> Task<> {
      const std::vector<std::byte> data = pattern(kSlices);
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(data)));
    };
    JoinHandle<void> writing = spawn(writer);
    std::size_t read = 0;
    while (read < kSlices) {
      const auto rest = std::span(in).subspan(read);
      const Result<std::size_t> n = co_await pair.server.read_vectored(rest);
      EXPECT_TRUE(succeeded(n));
      if (!n) break;
      read += *n;
    }
    EXPECT_EQ(got, pattern(kSlices));
    (void)co_await writing;
  });
}

TEST(TcpTransfer, EmptySlicesDoNotCount) {
  TcpPair pair;
  run([&]() -> Task<> {
    std::vector<std::span<const std::byte>> out(100);
    out.push_back(bytes_of("after a hundred of nothing"));
    EXPECT_EQ((co_await pair.client.write_vectored(out)).value(), 26U);
    std::array<std::byte, 64> buffer{};
    std::vector<std::span<std::byte>> in(100);
    in.push_back(buffer);
    EXPECT_EQ((co_await pair.server.read_vectored(in)).value(), 26U);  // not the end of the stream
  });
}

TEST(TcpTransfer, VectoredWritesWaitForRoom) {
  constexpr std::size_t kSize = 1 << 20;
  TcpPair pair;
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      const std::vector<std::byte> data = pattern(kSize);
      for (std::size_t sent = 0; sent < kSize;) {
        const auto rest = std::span<const std::byte>(data).subspan(sent);
        const std::array<std::span<const std::byte>, 2> halves = {rest.first(rest.size() / 2),
                                                                  rest.subspan(rest.size() / 2)};
        const Result<std::size_t> n = co_await pair.client.write_vectored(halves);
        EXPECT_TRUE(succeeded(n));
        if (!n) break;
        sent += *n;
      }
      pair.client.close();
    };
    JoinHandle<void> writing = spawn(writer);
    EXPECT_EQ(co_await read_pattern(pair.server, 1 << 16), kSize);
    (void)co_await writing;
  });
}

TEST(TcpTransfer, AHundredConnectionsEchoConcurrently) {
  constexpr std::size_t kSize = 50'000;
  std::vector<TcpPair> pairs(100);
  run([&]() -> Task<> {
    const auto echo = [](TcpStream& stream) -> Task<> {
      std::array<std::byte, 1024> buffer{};
      for (;;) {
        const Result<std::size_t> n = co_await stream.read(buffer);
        if (!n || *n == 0) break;
        EXPECT_TRUE(succeeded(co_await stream.write_all(std::span(buffer).first(*n))));
      }
      EXPECT_TRUE(succeeded(stream.shutdown(ShutdownHow::write)));
    };
    std::vector<JoinHandle<void>> others;
    std::vector<JoinHandle<std::size_t>> readers;
    for (TcpPair& pair : pairs) {
      others.push_back(spawn(echo, std::ref(pair.server)));
      others.push_back(spawn(write_pattern, std::ref(pair.client), kSize));
      readers.push_back(spawn(read_pattern, std::ref(pair.client), 777));
    }
    for (auto& reader : readers) EXPECT_EQ((co_await reader).value(), kSize);
    for (auto& other : others) (void)co_await other;
  });
}

}  // namespace
}  // namespace eddy
