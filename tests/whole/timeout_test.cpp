// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <type_traits>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

Task<int> give(int value, bool wait) {
  if (wait) co_await yield_now();
  co_return value;
}

Task<> never(Tally& tally) {
  const Guard guard(tally);
  co_await suspend();
}

TEST(Timeout, GivesWhatATaskGivesInTime) {
  run([]() -> Task<> {
    for (const bool wait : {false, true}) {
      const Result<int> result = co_await timeout(1h, give(4, wait));
      EXPECT_EQ(result.value_or(0), 4);
    }
    const Result<> nothing = co_await timeout(1h, []() -> Task<> { co_await yield_now(); }());
    EXPECT_TRUE(nothing.has_value());
  });
}

TEST(Timeout, GivesWhatAnOperationGivesInTime) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    test::send_text(sockets.client.raw(), "text");
    const Result<std::size_t> at_once = co_await timeout(1h, stream.read(buffer));
    EXPECT_EQ(at_once.value_or(0), 4U);
    spawn([&]() -> Task<> {
      test::send_text(sockets.client.raw(), "later");
      co_return;
    }).detach();
    const Result<std::size_t> later = co_await timeout(1h, stream.read(buffer));
    EXPECT_EQ(later.value_or(0), 5U);
    EXPECT_TRUE((co_await timeout(1h, sleep_for(1ms))).has_value());
  });
}

TEST(Timeout, OfATaskThatTakesLongerCancelsItAndIsNeverEarly) {
  run([]() -> Task<> {
    Tally tally;
    const Instant start = Clock::now();
    const Result<> result = co_await timeout(3ms, never(tally));
    EXPECT_TRUE(test::failed_with(result, std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 3ms);
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_EQ(tally.made, 1);
  });
}

TEST(Timeout, OfAnOperationThatTakesLongerLosesNothing) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    const Result<std::size_t> result = co_await timeout(2ms, stream.read(buffer));
    EXPECT_TRUE(test::failed_with(result, std::errc::timed_out));
    test::send_text(sockets.client.raw(), "text");
    EXPECT_EQ((co_await stream.read(buffer)).value_or(0), 4U);
  });
}

TEST(Timeout, OfZeroTriesOnce) {
  run([]() -> Task<> {
    Tally tally;
    EXPECT_EQ((co_await timeout(0s, give(1, false))).value_or(0), 1);
    EXPECT_TRUE(test::failed_with(co_await timeout(0s, never(tally)), std::errc::timed_out));
    EXPECT_TRUE(test::failed_with(co_await timeout(-1s, never(tally)), std::errc::timed_out));
    EXPECT_TRUE(test::failed_with(co_await timeout(0s, suspend()), std::errc::timed_out));
    EXPECT_TRUE((co_await timeout(0s, sleep_for(0s))).has_value());
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Timeout, OfDurationMaxIsNoLimit) {
  run([]() -> Task<> {
    EXPECT_TRUE((co_await timeout(Duration::max(), sleep_for(2ms))).has_value());
    EXPECT_EQ((co_await timeout(Duration::max(), give(1, true))).value_or(0), 1);
    EXPECT_EQ((co_await timeout_at(Instant::max(), give(2, true))).value_or(0), 2);
  });
}

TEST(Timeout, AtAnInstantEndsWhenThatHasComeAndNotBefore) {
  run([]() -> Task<> {
    Tally tally;
    const Instant limit = Clock::now() + 2ms;
    EXPECT_FALSE((co_await timeout_at(limit, never(tally))).has_value());
    EXPECT_GE(Clock::now(), limit);
    EXPECT_FALSE((co_await timeout_at(limit, suspend())).has_value()) << "already past";
    EXPECT_FALSE((co_await timeout_at(Instant(), never(tally))).has_value());
    EXPECT_EQ((co_await timeout_at(limit, give(1, false))).value_or(0), 1);
  });
}

TEST(Timeout, FlattensAResult) {
  run([]() -> Task<> {
    auto fails = []() -> Task<Result<int>> { co_return failure(std::errc::no_link); };
    auto succeeds = []() -> Task<Result<int>> { co_return 3; };
    const Result<int> failed = co_await timeout(1h, fails());
    EXPECT_TRUE(test::failed_with(failed, std::errc::no_link));
    EXPECT_EQ((co_await timeout(1h, succeeds())).value_or(0), 3);
    static_assert(
        std::is_same_v<decltype(detail::limit_time(detail::TimeLimit(1h), succeeds()))::Output,
                       Result<int>>);
  });
}

TEST(Timeout, PassesAnExceptionOn) {
  run([]() -> Task<> {
    auto fail = [](bool wait) -> Task<int> {
      if (wait) co_await yield_now();
      throw std::runtime_error("of the task");
    };
    EXPECT_THROW(static_cast<void>(co_await timeout(1h, fail(false))), std::runtime_error);
    EXPECT_THROW(static_cast<void>(co_await timeout(1h, fail(true))), std::runtime_error);
  });
}

TEST(Timeout, Nests) {
  run([]() -> Task<> {
    Tally tally;
    const auto inner_first = co_await timeout(1h, timeout(1ms, never(tally)));
    EXPECT_TRUE(test::failed_with(inner_first, std::errc::timed_out));
    const auto outer_first = co_await timeout(1ms, timeout(1h, never(tally)));
    EXPECT_TRUE(test::failed_with(outer_first, std::errc::timed_out));
    const auto of_operation = co_await timeout(1h, timeout(1ms, suspend()));
    EXPECT_TRUE(test::failed_with(of_operation, std::errc::timed_out));
    const auto neither = co_await timeout(1h, timeout(1h, give(5, true)));
    EXPECT_EQ(neither.value_or(0), 5);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Timeout, WhatItRanOutOnIsGoneWithinTheExpression) {
  run([]() -> Task<> {
    Tally tally;
    auto group_for_ever = [&](TaskGroup& group) -> Task<> {
      group.spawn(never, std::ref(tally));
      co_await suspend();
    };
    auto use = [&](bool in_time) -> Task<bool> {
      EXPECT_FALSE(in_time);
      co_await yield_now();
      co_return tally.all_gone_once();
    };
    EXPECT_TRUE(co_await use((co_await timeout(1ms, never(tally))).has_value()));
    EXPECT_TRUE(co_await use((co_await timeout(1ms, when_any(never(tally)))).has_value()));
    EXPECT_TRUE(co_await use((co_await timeout(1ms, when_all(never(tally)))).has_value()));
    EXPECT_TRUE(co_await use((co_await timeout(1ms, with_group(group_for_ever))).has_value()));
    EXPECT_TRUE(
        co_await use((co_await timeout(1ms, timeout(1h, when_any(never(tally))))).has_value()));
    EXPECT_EQ(tally.made, 5);
  });
}

TEST(Timeout, OfAJoinLeavesTheTaskRunning) {
  run([]() -> Task<> {
    bool released = false;
    auto task = [&]() -> Task<int> {
      while (!released) co_await yield_now();
      co_return 6;
    };
    JoinHandle<int> handle = spawn(task);
    const Result<JoinResult<int>> timed = co_await timeout(1ms, handle);
    EXPECT_TRUE(test::failed_with(timed, std::errc::timed_out));
    released = true;
    const Result<JoinResult<int>> joined = co_await timeout(1h, handle);
    EXPECT_EQ(joined.value().value(), 6);
  });
}

TEST(Timeout, TakesReadExactAndWriteAll) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    test::send_text(sockets.client.raw(), "half");
    EXPECT_TRUE(
        test::failed_with(co_await timeout(2ms, stream.read_exact(buffer)), std::errc::timed_out));
    EXPECT_TRUE((co_await timeout(1h, stream.write_all(buffer))).has_value());
  });
}

TEST(Timeout, WhatCompletesInTheTurnOfItsLimitIsComplete) {
  run([]() -> Task<> {
    // The task that blocks the loop past the limit has written before: both are due at once.
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    auto block = [&]() -> Task<> {
      co_await yield_now();
      const Instant end = Clock::now() + 5ms;
      test::send_text(sockets.client.raw(), "text");
      while (Clock::now() < end) {
      }
    };
    JoinHandle<void> blocker = spawn(block);
    const Result<std::size_t> result = co_await timeout(1ms, stream.read(buffer));
    EXPECT_EQ(result.value_or(0), 4U);
    EXPECT_TRUE((co_await blocker).has_value());
  });
}

TEST(Timeout, CancelledWhileItWaitsItCancelsWhatItLimits) {
  run([]() -> Task<> {
    Tally tally;
    auto outer = [&]() -> Task<> { static_cast<void>(co_await timeout(1h, never(tally))); };
    JoinHandle<void> handle = spawn(outer);
    co_await yield_now();
    EXPECT_EQ(tally.alive(), 1);
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_TRUE(tally.all_gone_once());
  });
}

}  // namespace
}  // namespace eddy
