// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <variant>

namespace eddy {
namespace {

class Pair {
 public:
  Pair(TcpStream one, TcpStream other) : client(std::move(one)), server(std::move(other)) {}

  TcpStream client;
  TcpStream server;
};

Task<Pair> connected_pair() {
  Result<TcpListener> listener = TcpListener::bind(SocketAddress::loopback(0));
  Result<TcpStream> client = co_await TcpStream::connect(listener->local_address().value());
  Result<Accepted> server = co_await listener->accept();
  co_return Pair(std::move(*client), std::move(server->stream));
}

TEST(Budget, TasksThatNeverWaitDoNotHoldUpASocketForManyBudgets) {
  const auto scenario = []() -> Task<int> {
    Pair busy = co_await connected_pair();
    Pair other = co_await connected_pair();
    std::array<std::byte, 1> byte{};
    EXPECT_TRUE(co_await busy.client.write_all(byte));
    int steps = 0;
    int steps_at_write = 0;
    bool arrived = false;
    // The byte is never read, so `readable` completes at once for ever.
    const auto spin = [&]() -> Task<> {
      while (!arrived) {
        (void)co_await busy.server.readable();
        if (++steps != 1000) continue;
        EXPECT_TRUE(other.client.try_write(byte));
        steps_at_write = steps;
      }
    };
    const auto wait = [&]() -> Task<> {
      std::array<std::byte, 1> received{};
      EXPECT_TRUE(co_await other.server.read(received));
      arrived = true;
    };
    co_await when_all(wait(), spin(), spin(), spin());
    co_return steps - steps_at_write;
  };

  const int steps_until_arrival = block_on(scenario());

  EXPECT_LE(steps_until_arrival, 8 * detail::kBudget);
}

// A request loop with a time limit around each request is the usual server.
TEST(Budget, IsSharedWithTheBranchesOfATask) {
  const auto scenario = []() -> Task<int> {
    int operations = 0;
    bool others_ran = false;
    const auto request = [&]() -> Task<> {
      for (int i = 0; i < 4; ++i) {
        static_cast<void>(co_await current_waker());
        if (!others_ran) ++operations;
      }
    };
    const auto server = [&]() -> Task<> {
      while (!others_ran) {
        EXPECT_TRUE((co_await timeout(std::chrono::hours(1), request())).has_value());
      }
    };
    JoinHandle<void> serving = spawn(server);
    const auto other = [&]() -> Task<> {
      others_ran = true;
      co_return;
    };
    JoinHandle<void> waiting = spawn(other);
    (void)co_await serving;
    (void)co_await waiting;
    co_return operations;
  };

  EXPECT_LE(block_on(scenario()), detail::kBudget);
}

/// Uses the budget of the awaiting task up.
Task<> use_up_budget() {
  co_await yield_now();
  for (int i = 0; i < detail::kBudget; ++i) static_cast<void>(co_await current_waker());
}

template <class T>
Task<> drop(std::unique_ptr<T>* owner) {
  owner->reset();
  co_return;
}

TEST(Budget, AHandleMayBeDestroyedWhileATaskWaitsForItsTurnToJoin) {
  const auto scenario = []() -> Task<> {
    const auto idle = []() -> Task<> { co_await suspend(); };
    auto handle = std::make_unique<JoinHandle<void>>(spawn(idle));
    co_await use_up_budget();
    spawn(drop<JoinHandle<void>>, &handle).detach();
    const JoinResult<void> joined = co_await *handle;
    EXPECT_FALSE(joined.has_value());
    EXPECT_EQ(handle, nullptr);
  };
  block_on(scenario());
}

TEST(Budget, ASocketMayBeDestroyedWhileATaskWaitsForItsTurnToUseIt) {
  const auto scenario = []() -> Task<> {
    std::array<std::byte, 1> byte{};
    for (const bool with_ok : {false, true}) {
      for (const bool waited_before : {false, true}) {
        Pair pair = co_await connected_pair();
        if (waited_before) {
          const auto answer = [&]() -> Task<> {
            EXPECT_TRUE(co_await pair.client.write_all(byte));
          };
          spawn(answer).detach();
          EXPECT_TRUE(co_await pair.server.read(byte));
        }
        auto stream = std::make_unique<TcpStream>(std::move(pair.server));
        const auto read = [&]() -> Task<Result<>> {
          co_await use_up_budget();
          spawn(drop<TcpStream>, &stream).detach();
          if (with_ok) {
            co_await ok(stream->read(byte));
            co_return {};
          }
          const Result<std::size_t> got = co_await stream->read(byte);
          if (!got) co_return std::unexpected(got.error());
          co_return {};
        };
        const Result<> outcome = co_await read();
        EXPECT_FALSE(outcome);
        EXPECT_EQ(outcome.error(), std::errc::operation_canceled);
        EXPECT_EQ(stream, nullptr);
      }
    }
  };
  block_on(scenario());
}

TEST(Budget, ASocketMayBeDestroyedWhileABranchWaitsForItsTurnToUseIt) {
  const auto scenario = []() -> Task<> {
    std::array<std::byte, 1> byte{};
    Pair pair = co_await connected_pair();
    auto stream = std::make_unique<TcpStream>(std::move(pair.server));
    co_await use_up_budget();
    spawn(drop<TcpStream>, &stream).detach();
    const auto first = co_await when_any(stream->read(byte), sleep_for(std::chrono::seconds(10)));
    EXPECT_EQ(stream, nullptr);
    EXPECT_EQ(first.index(), 0U);
    if (first.index() == 0) {
      EXPECT_EQ(std::get<0>(first).error(), std::errc::operation_canceled);
    }
  };
  block_on(scenario());
}

TEST(Budget, ManyBranchesThatEndAtOnceDoNotHoldUpOtherTasks) {
  const auto scenario = []() -> Task<> {
    bool stop = false;
    const auto stopper = [&]() -> Task<> {
      stop = true;
      co_return;
    };
    const auto at_once = []() -> Task<> { co_return; };
    spawn(stopper).detach();
    while (!stop) co_await when_any(at_once(), at_once());
  };
  block_on(scenario());
}

}  // namespace
}  // namespace eddy
