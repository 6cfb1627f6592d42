// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>

namespace eddy {
namespace {

using namespace std::chrono_literals;

struct Pair {
  TcpStream client;
  TcpStream server;
};

Task<Pair> connected_pair() {
  Result<TcpListener> listener = TcpListener::bind(SocketAddress::loopback(0));
  Result<TcpStream> client = co_await TcpStream::connect(listener->local_address().value());
  Result<Accepted> server = co_await listener->accept();
  Pair pair{std::move(*client), std::move(server->stream)};
  co_return pair;
}

TEST(TcpStream, ReadableDoesNotCompleteOnAFreshConnectionWithoutData) {
  block_on([]() -> Task<> {
    Pair pair = co_await connected_pair();

    const Result<> ready = co_await timeout(20ms, pair.server.readable());

    EXPECT_TRUE(test::failed_with(ready, Error::deadline_exceeded));
  }());
}

TEST(TcpStream, ReadableThenTryReadGivesWhatCameBeforeTheWait) {
  block_on([]() -> Task<> {
    Pair pair = co_await connected_pair();
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(co_await pair.client.write_all(buffer));

    const Result<> ready = co_await pair.server.readable();

    EXPECT_TRUE(ready);
    EXPECT_EQ(pair.server.try_read(buffer), Result<std::size_t>(4));
  }());
}

TEST(TcpStream, ReadableWaitsAgainAfterATryReadThatWouldBlock) {
  block_on([]() -> Task<> {
    Pair pair = co_await connected_pair();
    std::array<std::byte, 4> buffer{};
    EXPECT_TRUE(co_await pair.client.write_all(buffer));
    EXPECT_TRUE(co_await pair.server.readable());
    EXPECT_EQ(pair.server.try_read(buffer), Result<std::size_t>(4));
    EXPECT_FALSE(pair.server.try_read(buffer));

    const Result<> ready = co_await timeout(20ms, pair.server.readable());

    EXPECT_TRUE(test::failed_with(ready, Error::deadline_exceeded));
  }());
}

}  // namespace
}  // namespace eddy
