// The two directions of a stream end separately, and may have separate owners.
// SPDX-License-Identifier: MIT
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;
using test::text_of;

template <class Stream>
Task<std::string> read_to_end(Stream& stream) {
  std::string text;
  std::array<std::byte, 16> buffer{};
  for (;;) {
    const Result<std::size_t> n = co_await stream.read(buffer);
    EXPECT_TRUE(succeeded(n));
    if (!n || *n == 0) co_return text;
    text += text_of(std::span(buffer).first(*n));
  }
}

TEST(TcpHalfClose, AfterShutdownOfWritingThePeerReadsTheEndAndCanAnswer) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("question"))));
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    EXPECT_EQ(co_await read_to_end(pair.server), "question");
    EXPECT_TRUE(succeeded(co_await pair.server.write_all(bytes_of("answer"))));
    EXPECT_TRUE(succeeded(pair.server.shutdown(ShutdownHow::write)));
    EXPECT_EQ(co_await read_to_end(pair.client), "answer");
  });
}

TEST(TcpHalfClose, AfterShutdownByTheServerTheClientCanStillWrite) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(pair.server.shutdown(ShutdownHow::write)));
    EXPECT_EQ(co_await read_to_end(pair.client), "");
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("still here"))));
    }
    pair.client.close();
    EXPECT_EQ(co_await read_to_end(pair.server), "still herestill herestill here");
  });
}

TEST(TcpHalfClose, WritingAfterItsOwnShutdownIsABrokenPipe) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    EXPECT_TRUE(failed_with(co_await pair.client.write_all(bytes_of("x")), std::errc::broken_pipe));
  });
}

TEST(TcpHalfClose, ShuttingReadingDownEndsAReadThatWaits) {
  TcpPair pair;
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> { EXPECT_EQ(co_await read_to_end(pair.client), ""); };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::read)));
    (void)co_await reading;
  });
}

TEST(TcpHalfClose, ShuttingWritingDownEndsAWriteThatWaits) {
  TcpPair pair;
  test::fill(pair.client.raw());
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      EXPECT_TRUE(
          failed_with(co_await pair.client.write_all(bytes_of("x")), std::errc::broken_pipe));
    };
    JoinHandle<void> writing = spawn(writer);
    co_await yield_now();
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    (void)co_await writing;
  });
}

// In moduvex_runtime a hang-up woke neither direction.
TEST(TcpHalfClose, AResetEndsAReadAndAWriteThatWait) {
  TcpPair pair;
  test::fill(pair.client.raw());
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      std::array<std::byte, 1> buffer{};
      EXPECT_FALSE((co_await pair.client.read(buffer)).value_or(0));
    };
    const auto writer = [&]() -> Task<> {
      EXPECT_FALSE((co_await pair.client.write_all(bytes_of("x"))).has_value());
    };
    JoinHandle<void> reading = spawn(reader);
    JoinHandle<void> writing = spawn(writer);
    co_await yield_now();
    static_cast<void>(pair.server.set_reset_on_close(true));
    pair.server.close();
    (void)co_await reading;
    (void)co_await writing;
  });
}

TEST(TcpSplit, TwoTasksOwnAHalfEach) {
  TcpPair pair;
  run([&]() -> Task<> {
    auto [reader, writer] = std::move(pair.server).split();
    const auto read = [](ReadHalf half) -> Task<std::string> {
      co_return co_await read_to_end(half);
    };
    const auto write = [](WriteHalf half) -> Task<> {
      EXPECT_TRUE(succeeded(co_await half.write_all(bytes_of("from the half"))));
    };
    JoinHandle<std::string> reading = spawn(read, std::move(reader));
    JoinHandle<void> writing = spawn(write, std::move(writer));
    (void)co_await writing;
    // The writing half is destroyed, so its direction has ended. The other half still reads.
    EXPECT_EQ(co_await read_to_end(pair.client), "from the half");
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("to the half"))));
    pair.client.close();
    EXPECT_EQ((co_await reading).value(), "to the half");
  });
}

TEST(TcpSplit, TheConnectionClosesWhenBothHalvesAreGone) {
  TcpPair pair;
  const RawSource raw = pair.server.raw();
  auto halves = std::move(pair.server).split();
  auto reader = std::make_unique<ReadHalf>(std::move(halves.first));
  {
    const WriteHalf gone = std::move(halves.second);
  }
  EXPECT_TRUE(test::is_open(raw));
  reader.reset();
  EXPECT_FALSE(test::is_open(raw));
}

TEST(TcpSplit, EveryOperationOfAHalfWorks) {
  TcpPair pair;
  run([&]() -> Task<> {
    auto halves = std::move(pair.server).split();
    WriteHalf writer = std::move(halves.second);
    ReadHalf& reader = halves.first;
    EXPECT_TRUE(succeeded(co_await writer.writable()));
    EXPECT_EQ((co_await writer.write(bytes_of("a"))).value(), 1U);
    const std::array<std::span<const std::byte>, 1> out = {bytes_of("b")};
    EXPECT_EQ((co_await writer.write_vectored(out)).value(), 1U);
    EXPECT_TRUE(succeeded(writer.stream().nodelay()));
    EXPECT_TRUE(succeeded(writer.shutdown()));
    EXPECT_EQ(co_await read_to_end(pair.client), "ab");

    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("abcdef"))));
    EXPECT_TRUE(succeeded(co_await reader.readable()));
    std::array<std::byte, 2> buffer{};
    EXPECT_EQ((co_await reader.peek(buffer)).value(), 2U);
    EXPECT_TRUE(succeeded(co_await reader.read_exact(buffer)));
    const std::array<std::span<std::byte>, 1> in = {std::span<std::byte>(buffer)};
    EXPECT_EQ((co_await reader.read_vectored(in)).value(), 2U);
    EXPECT_EQ((co_await reader.read(buffer)).value(), 2U);
    EXPECT_EQ(reader.stream().peer_address().value(), pair.client.local_address().value());
  });
}

TEST(TcpSplit, AssigningAWriteHalfEndsTheOldStreamAtOnceAndOnlyThat) {
  TcpPair first;
  TcpPair second;
  run([&]() -> Task<> {
    auto one = std::move(first.server).split();
    auto two = std::move(second.server).split();
    one.second = std::move(two.second);  // the second stream lives on
    EXPECT_EQ(co_await read_to_end(first.client), "");
    EXPECT_TRUE(succeeded(co_await one.second.write_all(bytes_of("second"))));
    EXPECT_TRUE(succeeded(one.second.shutdown()));
    EXPECT_EQ(co_await read_to_end(second.client), "second");
  });
}

TEST(TcpHalves, ReuniteIntoAStreamThatIsStillOpenBothWays) {
  TcpPair pair;
  auto halves = std::move(pair.server).split();
  std::expected<TcpStream, ReuniteError> whole =
      TcpStream::reunite(std::move(halves.first), std::move(halves.second));
  ASSERT_TRUE(whole.has_value());
  run([&]() -> Task<> {
    std::array<std::byte, 2> got{};
    EXPECT_TRUE(test::succeeded(co_await whole->write_all(bytes_of("ab"))));
    EXPECT_TRUE(test::succeeded(co_await pair.client.read_exact(got)));
    EXPECT_TRUE(test::succeeded(co_await pair.client.write_all(bytes_of("cd"))));
    EXPECT_TRUE(test::succeeded(co_await whole->read_exact(got)));
  });
}

TEST(TcpHalvesDeathTest, ReunitedWhileATaskWaitsOnOneStopTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto reunite_while_one_reads = [] {
    TcpPair pair;
    run([&]() -> Task<> {
      auto halves = std::move(pair.server).split();
      const auto read = [&]() -> Task<> {
        std::array<std::byte, 2> got{};
        (void)co_await halves.first.read(got);
      };
      JoinHandle<void> reading = spawn(read);
      co_await yield_now();
      (void)TcpStream::reunite(std::move(halves.first), std::move(halves.second));
      (void)co_await reading;
    });
  };
  EXPECT_DEATH(reunite_while_one_reads(), "a socket was moved while a task waits on it");
}

TEST(TcpHalves, OfDifferentStreamsAreGivenBack) {
  TcpPair pair;
  auto one = std::move(pair.server).split();
  auto two = std::move(pair.client).split();
  std::expected<TcpStream, ReuniteError> none =
      TcpStream::reunite(std::move(one.first), std::move(two.second));
  ASSERT_FALSE(none.has_value());
  // Both are as they were: nothing has ended a stream.
  EXPECT_TRUE(TcpStream::reunite(std::move(none.error().read), std::move(one.second)).has_value());
  EXPECT_TRUE(TcpStream::reunite(std::move(two.first), std::move(none.error().write)).has_value());
}

}  // namespace
}  // namespace eddy
