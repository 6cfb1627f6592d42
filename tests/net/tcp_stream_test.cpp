// SPDX-License-Identifier: MIT

#include "eddy/net/tcp_stream.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::run;
using test::send_text;
using test::succeeded;
using test::TcpPair;
using test::text_of;

class TcpStreamTest : public testing::Test {
 protected:
  /// The result of one read, as text.
  Task<std::string> read_text(TcpStream& stream, std::size_t room = 64) {
    std::vector<std::byte> buffer(room);
    const Result<std::size_t> read = co_await stream.read(buffer);
    EXPECT_TRUE(succeeded(read));
    co_return text_of(std::span(buffer).first(read.value_or(0)));
  }

  TcpPair pair_;
  TcpStream& client_ = pair_.client;
  TcpStream& server_ = pair_.server;
};

TEST_F(TcpStreamTest, ReadGivesWhatIsThere) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "hello");
    EXPECT_EQ(co_await read_text(server_), "hello");
  });
}

TEST_F(TcpStreamTest, ReadGivesNoMoreThanTheBufferHolds) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "hello");
    EXPECT_EQ(co_await read_text(server_, 2), "he");
    EXPECT_EQ(co_await read_text(server_, 2), "ll");
    EXPECT_EQ(co_await read_text(server_, 2), "o");
  });
}

TEST_F(TcpStreamTest, ReadWaitsForBytesAgainAndAgain) {
  run([&]() -> Task<> {
    const auto writer = [&](std::string text) -> Task<> {
      send_text(client_.raw(), text);
      co_return;
    };
    for (int i = 0; i < 20; ++i) {
      const std::string text = "message " + std::to_string(i);
      JoinHandle<void> writing = spawn(writer, text);  // runs once this task waits
      EXPECT_EQ(co_await read_text(server_), text);
      (void)co_await writing;
    }
  });
}

TEST_F(TcpStreamTest, TheEndOfTheStreamIsZeroAndStaysSo) {
  run([&]() -> Task<> {
    client_.close();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await read_text(server_), "");
  });
}

TEST_F(TcpStreamTest, BytesBeforeTheEndArriveBeforeIt) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "last words");
    client_.close();
    EXPECT_EQ(co_await read_text(server_, 4), "last");
    EXPECT_EQ(co_await read_text(server_), " words");
    EXPECT_EQ(co_await read_text(server_), "");
  });
}

TEST_F(TcpStreamTest, BytesAndTheEndThatComeDuringAWaitBothArrive) {
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      send_text(client_.raw(), "last words");
      client_.close();
      co_return;
    };
    JoinHandle<void> writing = spawn(writer);
    EXPECT_EQ(co_await read_text(server_), "last words");
    EXPECT_EQ(co_await read_text(server_), "");
    (void)co_await writing;
  });
}

TEST_F(TcpStreamTest, AnEndThatComesAfterAShortReadIsSeen) {
  run([&]() -> Task<> {
    const auto send = [&]() -> Task<> {
      send_text(client_.raw(), "x");
      co_return;
    };
    JoinHandle<void> sending = spawn(send);
    EXPECT_EQ(co_await read_text(server_), "x");  // short: the next attempt waits for an edge
    const auto end = [&]() -> Task<> {
      client_.close();
      co_return;
    };
    JoinHandle<void> ending = spawn(end);
    EXPECT_EQ(co_await read_text(server_), "");
    (void)co_await sending;
    (void)co_await ending;
  });
}

TEST_F(TcpStreamTest, AReadIntoAnEmptyBufferCompletesAtOnceWithZero) {
  run([&]() -> Task<> {
    EXPECT_EQ((co_await server_.read({})).value(), 0U);
    EXPECT_EQ((co_await server_.read_vectored({})).value(), 0U);
    EXPECT_TRUE(succeeded(co_await server_.read_exact({})));
    EXPECT_EQ((co_await server_.write({})).value(), 0U);
    EXPECT_EQ((co_await server_.write_vectored({})).value(), 0U);
    EXPECT_TRUE(succeeded(co_await server_.write_all({})));
    // Even if the stream is known to have nothing to read.
    std::array<std::byte, 1> buffer{};
    EXPECT_TRUE(failed_with(co_await timeout(1ms, server_.read(buffer)), std::errc::timed_out));
    EXPECT_EQ((co_await server_.read({})).value(), 0U);
    EXPECT_TRUE(succeeded(co_await server_.read_exact({})));
  });
}

TEST_F(TcpStreamTest, ReadExactGathersPieces) {
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      for (const char* piece : {"ab", "c", "def", "gh"}) {
        send_text(client_.raw(), piece);
        co_await sleep_for(100us);
      }
    };
    JoinHandle<void> writing = spawn(writer);
    std::array<std::byte, 7> buffer{};
    EXPECT_TRUE(succeeded(co_await server_.read_exact(buffer)));
    EXPECT_EQ(text_of(buffer), "abcdefg");
    EXPECT_EQ(co_await read_text(server_), "h");
    (void)co_await writing;
  });
}

TEST_F(TcpStreamTest, ReadExactReportsAStreamThatEndsTooEarly) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "abc");
    client_.close();
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(failed_with(co_await server_.read_exact(buffer), Error::end_of_stream));
    EXPECT_TRUE(failed_with(co_await server_.read_exact(buffer), Error::end_of_stream));
  });
}

TEST_F(TcpStreamTest, ReadExactThatWaitsSeesBytesAndTheEndThatComeTogether) {
  run([&]() -> Task<> {
    const auto send_and_close = [&]() -> Task<> {
      send_text(client_.raw(), "abc");
      client_.close();
      co_return;
    };
    JoinHandle<void> sending = spawn(send_and_close);  // runs once this task waits
    std::array<std::byte, 4> buffer{};
    const Result<> read = co_await server_.read_exact(buffer);
    EXPECT_TRUE(failed_with(read, Error::end_of_stream));
    (void)co_await sending;
  });
}

TEST_F(TcpStreamTest, ReadExactOfExactlyWhatIsThereDoesNotNeedTheEnd) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "abcd");
    client_.close();
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(succeeded(co_await server_.read_exact(buffer)));
  });
}

TEST_F(TcpStreamTest, AResetIsConnectionReset) {
  run([&]() -> Task<> {
    const auto reset = [&]() -> Task<> {
      static_cast<void>(client_.set_reset_on_close(true));
      client_.close();
      co_return;
    };
    JoinHandle<void> resetting = spawn(reset);
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(failed_with(co_await server_.read(buffer), std::errc::connection_reset));
    (void)co_await resetting;
  });
}

TEST_F(TcpStreamTest, WritingToADeadPeerIsAnErrorAndNeverASignal) {
  run([&]() -> Task<> {
    static_cast<void>(client_.set_reset_on_close(true));
    client_.close();
    const std::vector<std::byte> block(4096);
    // The first write may get the reset; later ones find a stream that cannot be written.
    static_cast<void>(co_await server_.write_all(block));
    EXPECT_TRUE(failed_with(co_await server_.write_all(block), std::errc::broken_pipe));
    EXPECT_TRUE(failed_with(co_await server_.write(block), std::errc::broken_pipe));
    const std::array<std::span<const std::byte>, 1> slices = {block};
    EXPECT_TRUE(failed_with(co_await server_.write_vectored(slices), std::errc::broken_pipe));
    EXPECT_TRUE(failed_with(server_.try_write(block), std::errc::broken_pipe));
  });
}

TEST_F(TcpStreamTest, TryReadAndTryWriteDoNotWait) {
  std::array<std::byte, 8> buffer{};
  EXPECT_TRUE(failed_with(server_.try_read(buffer), std::errc::operation_would_block));
  send_text(client_.raw(), "abc");
  test::spin_until_ready(server_.raw(), Interest::readable);
  EXPECT_EQ(server_.try_read(buffer).value(), 3U);
  EXPECT_EQ(server_.try_write(bytes_of("xyz")).value(), 3U);
  test::fill(server_.raw());
  EXPECT_TRUE(failed_with(server_.try_write(bytes_of("x")), std::errc::operation_would_block));
}

TEST_F(TcpStreamTest, TryReadAfterReadableTakesAllAndWaitsAnew) {
  run([&]() -> Task<> {
    std::array<std::byte, 64> buffer{};
    for (int i = 0; i < 5; ++i) {
      const auto writer = [&]() -> Task<> {
        send_text(client_.raw(), "abc");
        co_return;
      };
      JoinHandle<void> writing = spawn(writer);
      Result<std::size_t> read = failure(std::errc::operation_would_block);
      while (!read && read.error() == std::errc::operation_would_block) {
        EXPECT_TRUE(succeeded(co_await server_.readable()));
        read = server_.try_read(buffer);
      }
      EXPECT_EQ(read.value(), 3U);
      (void)co_await writing;
    }
  });
}

TEST_F(TcpStreamTest, PeekLeavesTheBytes) {
  run([&]() -> Task<> {
    send_text(client_.raw(), "hello");
    std::array<std::byte, 64> buffer{};
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ((co_await server_.peek(buffer)).value(), 5U);
      EXPECT_EQ(text_of(std::span(buffer).first(5)), "hello");
    }
    EXPECT_EQ(co_await read_text(server_), "hello");
  });
}

TEST_F(TcpStreamTest, APeekThatWouldBlockWaitsAndIsArmedAgain) {
  run([&]() -> Task<> {
    std::array<std::byte, 64> buffer{};
    for (int i = 0; i < 3; ++i) {
      const auto writer = [&]() -> Task<> {
        send_text(client_.raw(), "x");
        co_return;
      };
      JoinHandle<void> writing = spawn(writer);
      EXPECT_EQ((co_await server_.peek(buffer)).value(), 1U);
      EXPECT_EQ(co_await read_text(server_), "x");
      (void)co_await writing;
    }
    client_.close();
    EXPECT_EQ((co_await server_.peek(buffer)).value(), 0U);
  });
}

TEST_F(TcpStreamTest, BytesAroundOutOfBandDataAllArrive) {
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      send_text(client_.raw(), "before");
      test::send_urgent(client_.raw(), '!');
      send_text(client_.raw(), "after");
      co_return;
    };
    JoinHandle<void> writing = spawn(writer);
    EXPECT_TRUE(succeeded(co_await server_.readable()));
    (void)co_await writing;
    test::poll_once();
    // The system ends a read at the urgent mark, although there is more.
    EXPECT_EQ(co_await read_text(server_), "before");
    EXPECT_EQ(co_await read_text(server_), "after");
  });
}

TEST_F(TcpStreamTest, AClosedStreamIsAnErrorForEveryOperation) {
  server_.close();
  run([&]() -> Task<> {
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(failed_with(co_await server_.read(buffer), std::errc::operation_canceled));
    EXPECT_TRUE(failed_with(co_await server_.peek(buffer), std::errc::operation_canceled));
    EXPECT_TRUE(failed_with(co_await server_.write_all(buffer), std::errc::operation_canceled));
    EXPECT_TRUE(failed_with(server_.shutdown(ShutdownHow::both), std::errc::operation_canceled));
    EXPECT_FALSE(server_.local_address() || server_.nodelay() || server_.set_nodelay(true));
  });
}

TEST_F(TcpStreamTest, OneTaskReadsWhileAnotherWrites) {
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      EXPECT_EQ(co_await read_text(server_), "to the server");
    };
    const auto writer = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await server_.write_all(bytes_of("to the client"))));
    };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    JoinHandle<void> writing = spawn(writer);
    EXPECT_EQ(co_await read_text(client_), "to the client");
    EXPECT_TRUE(succeeded(co_await client_.write_all(bytes_of("to the server"))));
    (void)co_await reading;
    (void)co_await writing;
  });
}

TEST_F(TcpStreamTest, TwoReadersShareTheBytes) {
  run([&]() -> Task<> {
    std::size_t total = 0;
    const auto reader = [&]() -> Task<> { total += (co_await read_text(server_, 3)).size(); };
    JoinHandle<void> a = spawn(reader);
    JoinHandle<void> b = spawn(reader);
    co_await yield_now();
    send_text(client_.raw(), "abcdef");
    (void)co_await a;
    (void)co_await b;
    EXPECT_EQ(total, 6U);
  });
}

TEST_F(TcpStreamTest, OptionsAreReadAsTheyWereSet) {
  EXPECT_FALSE(client_.nodelay().value());
  EXPECT_TRUE(succeeded(client_.set_nodelay(true)));
  EXPECT_TRUE(client_.nodelay().value());
  EXPECT_TRUE(succeeded(client_.set_nodelay(false)));
  EXPECT_FALSE(client_.nodelay().value());

  EXPECT_FALSE(client_.keep_alive().value().has_value());
  EXPECT_TRUE(
      succeeded(client_.set_keep_alive(KeepAlive{.idle = 76'001ms, .interval = 7s, .count = 3})));
  const std::optional<KeepAlive> set = client_.keep_alive().value();
  EXPECT_TRUE(set && set->idle == 77s && set->interval == 7s && set->count == 3);
  EXPECT_EQ(sys::get_option(client_.raw(), SocketOption::keep_alive_idle).value(), 77);
  EXPECT_EQ(sys::get_option(client_.raw(), SocketOption::keep_alive_interval).value(), 7);
  EXPECT_EQ(sys::get_option(client_.raw(), SocketOption::keep_alive_count).value(), 3);
  EXPECT_TRUE(succeeded(client_.set_keep_alive(std::nullopt)));
  EXPECT_FALSE(client_.keep_alive().value().has_value());
  EXPECT_FALSE(client_.set_keep_alive(
      KeepAlive{.idle = 0s, .interval = 1s, .count = 1}));  // the system refuses it

  EXPECT_TRUE(succeeded(client_.set_send_buffer_size(32 << 10)));
  EXPECT_GE(client_.send_buffer_size().value(), 32 << 10);
  EXPECT_TRUE(succeeded(client_.set_receive_buffer_size(32 << 10)));
  EXPECT_GE(client_.receive_buffer_size().value(), 32 << 10);

  EXPECT_EQ(client_.reset_on_close(), Result<bool>(false));
  EXPECT_TRUE(succeeded(client_.set_reset_on_close(true)));
  EXPECT_EQ(client_.reset_on_close(), Result<bool>(true));
  EXPECT_TRUE(succeeded(client_.set_reset_on_close(false)));
  EXPECT_EQ(client_.reset_on_close(), Result<bool>(false));
}

TEST_F(TcpStreamTest, GivesBothAddresses) {
  EXPECT_EQ(client_.local_address().value(), server_.peer_address().value());
  EXPECT_EQ(client_.peer_address().value(), server_.local_address().value());
}

}  // namespace
}  // namespace eddy
