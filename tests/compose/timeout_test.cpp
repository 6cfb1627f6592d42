// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"

#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/bytes.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

Task<int> answer_after(Duration length) {
  co_await sleep_for(length);
  co_return 42;
}
Task<Result<int>> fail_after(Duration length) {
  co_await sleep_for(length);
  co_return failure(std::errc::connection_reset);
}
Task<> throw_after(Duration length) {
  co_await sleep_for(length);
  throw std::runtime_error("on purpose");
}

TEST(Timeout, GivesWhatEndsInTime) {
  run([]() -> Task<> {
    const Result<int> answer = co_await timeout(10s, answer_after(1ms));
    EXPECT_EQ(answer.value(), 42);
    const Result<> slept = co_await timeout(10s, sleep_for(1ms));
    EXPECT_TRUE(succeeded(slept));
  });
}

TEST(Timeout, GivesTimedOutAndNotBefore) {
  run([]() -> Task<> {
    const Instant start = Clock::now();
    EXPECT_TRUE(failed_with(co_await timeout(3ms, answer_after(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 3ms);
    EXPECT_TRUE(failed_with(co_await timeout(3ms, sleep_for(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 6ms);
  });
}

TEST(Timeout, OfAResultIsOneResult) {
  run([]() -> Task<> {
    const Result<int> failed = co_await timeout(10s, fail_after(1ms));
    EXPECT_TRUE(failed_with(failed, std::errc::connection_reset));
    const Result<int> late = co_await timeout(1ms, fail_after(1h));
    EXPECT_TRUE(failed_with(late, std::errc::timed_out));
  });
}

TEST(Timeout, PassesAnExceptionOn) {
  run([]() -> Task<> {
    bool caught = false;
    try {
      static_cast<void>(co_await timeout(10s, throw_after(1ms)));
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  });
}

TEST(Timeout, WhatIsReadyAtOnceBeatsALimitThatHasPassed) {
  run([]() -> Task<> {
    const auto at_once = []() -> Task<int> { co_return 1; };
    EXPECT_EQ((co_await timeout(0ns, at_once())).value(), 1);
    EXPECT_EQ((co_await timeout(-1s, at_once())).value(), 1);
    EXPECT_EQ((co_await timeout_at(Instant(), at_once())).value(), 1);
    EXPECT_TRUE(succeeded(co_await timeout(0ns, sleep_for(0ns))));
  });
}

TEST(Timeout, OfNothingEndsWhatHasToWait) {
  run([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(0ns, answer_after(1h)), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(0ns, sleep_for(1h)), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(Duration::min(), sleep_for(1h)), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout_at(Instant(), sleep_for(1h)), std::errc::timed_out));
  });
}

// In moduvex_runtime a sleep of the longest length panicked.
TEST(Timeout, ForEverIsNoLimit) {
  run([]() -> Task<> {
    EXPECT_EQ((co_await timeout(Duration::max(), answer_after(2ms))).value(), 42);
    EXPECT_EQ((co_await timeout_at(Instant::max(), answer_after(2ms))).value(), 42);
    EXPECT_TRUE(succeeded(co_await timeout(Duration::max(), sleep_for(2ms))));
  });
}

TEST(Timeout, AtAnInstantEndsThen) {
  run([]() -> Task<> {
    const Instant deadline = Clock::now() + 3ms;
    EXPECT_TRUE(failed_with(co_await timeout_at(deadline, sleep_for(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now(), deadline);
  });
}

TEST(Timeout, WhatRanOutOfTimeIsGoneBeforeItReturns) {
  test::Log log;
  run([&]() -> Task<> {
    const auto inner = [&]() -> Task<> {
      const test::Trace trace(log, "inner");
      co_await sleep_for(1h);
    };
    const auto outer = [&]() -> Task<> {
      const test::Trace trace(log, "outer");
      co_await inner();
    };
    EXPECT_TRUE(failed_with(co_await timeout(1ms, outer()), std::errc::timed_out));
    log.emplace_back("returned");
  });
  EXPECT_EQ(log, (test::Log{"~inner", "~outer", "returned"}));
}

TEST(Timeout, LeavesNoTimerBehind) {
  run([]() -> Task<> {
    detail::TimerWheel& wheel = detail::Worker::current().wheel();
    static_cast<void>(co_await timeout(1h, answer_after(1ms)));
    EXPECT_TRUE(wheel.empty());
    static_cast<void>(co_await timeout(1h, sleep_for(1ms)));
    EXPECT_TRUE(wheel.empty());
    static_cast<void>(co_await timeout(1ms, sleep_for(1h)));
    EXPECT_TRUE(wheel.empty());
    static_cast<void>(co_await timeout(1ms, answer_after(1h)));
    EXPECT_TRUE(wheel.empty());
  });
}

TEST(Timeout, OneInsideAnotherEndsWithTheShorter) {
  run([]() -> Task<> {
    const auto inner_first = []() -> Task<int> {
      EXPECT_TRUE(failed_with(co_await timeout(1ms, sleep_for(1h)), std::errc::timed_out));
      co_return 7;
    };
    EXPECT_EQ((co_await timeout(10s, inner_first())).value(), 7);
    const auto outer_first = []() -> Task<int> {
      static_cast<void>(co_await timeout(1h, sleep_for(1h)));
      co_return 7;
    };
    EXPECT_TRUE(failed_with(co_await timeout(1ms, outer_first()), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(1ms, timeout(1h, sleep_for(1h))), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(1h, timeout(1ms, sleep_for(1h))), std::errc::timed_out));
  });
}

TEST(Timeout, OfAWaitForABareWakeRunsOutAtAnyDepth) {
  run([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, suspend()), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, timeout(1h, suspend())), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(1h, timeout(1ms, suspend())), std::errc::timed_out));
  });
}

/// A pipe with a byte in it is readable in the same turn in which the limit passes.
TEST(Timeout, WhatIsCompleteInTheTurnOfItsLimitIsComplete) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  run([&]() -> Task<> {
    const auto waiting = [&]() -> Task<Result<>> {
      co_return co_await timeout(1ms, source.readable());
    };
    JoinHandle<Result<>> handle = spawn(waiting);
    co_await yield_now();
    // The loop does not come to look at the wheel before both have happened.
    static_cast<void>(sys::write(pipe.writer.raw(), test::bytes_of("x")));
    const Instant end = Clock::now() + 3ms;
    while (Clock::now() < end) {
    }
    const JoinResult<Result<>> joined = co_await handle;
    EXPECT_TRUE(succeeded(joined.value()));
  });
}

TEST(Timeout, ASourceCanBeWaitedForAgainAfterALimitRanOut) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  run([&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(failed_with(co_await timeout(1ms, source.readable()), std::errc::timed_out));
    }
    static_cast<void>(sys::write(pipe.writer.raw(), test::bytes_of("x")));
    EXPECT_TRUE(succeeded(co_await timeout(10s, source.readable())));
  });
}

TEST(Timeout, CanBeCancelledItself) {
  run([]() -> Task<> {
    const auto waiting = []() -> Task<> { static_cast<void>(co_await timeout(1h, sleep_for(1h))); };
    const auto waiting_for_task = []() -> Task<> {
      static_cast<void>(co_await timeout(1h, answer_after(1h)));
    };
    JoinHandle<void> a = spawn(waiting);
    JoinHandle<void> b = spawn(waiting_for_task);
    co_await sleep_for(1ms);
    a.abort();
    b.abort();
    EXPECT_FALSE((co_await a).has_value());
    EXPECT_FALSE((co_await b).has_value());
    EXPECT_TRUE(detail::Worker::current().wheel().empty());
  });
}

TEST(Timeout, OfAJoinLeavesTheTaskRunning) {
  bool ended = false;
  run([&]() -> Task<> {
    const auto slow = [&]() -> Task<> {
      co_await sleep_for(5ms);
      ended = true;
    };
    JoinHandle<void> handle = spawn(slow);
    const auto joined = co_await timeout(1ms, handle);
    EXPECT_FALSE(joined.has_value());
    EXPECT_FALSE(ended);
    EXPECT_TRUE((co_await handle).has_value());
    EXPECT_TRUE(ended);
  });
}

TEST(Timeout, TakesMoveOnlyValues) {
  run([]() -> Task<> {
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(9); };
    Result<std::unique_ptr<int>> made = co_await timeout(1s, make());
    EXPECT_EQ(**made, 9);
  });
}

}  // namespace
}  // namespace eddy
