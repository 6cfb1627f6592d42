// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::Guard;
using test::run;
using test::succeeded;
using test::Tally;

Task<int> give(int value, bool wait) {
  if (wait) co_await yield_now();
  co_return value;
}
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
    const Result<int> answer = co_await timeout(10s, answer_after(1ms));
    EXPECT_EQ(answer.value(), 42);
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
    EXPECT_TRUE(succeeded(co_await timeout(1h, sleep_for(1ms))));
  });
}

TEST(Timeout, GivesAMoveOnlyValue) {
  run([]() -> Task<> {
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(9); };
    Result<std::unique_ptr<int>> made = co_await timeout(1s, make());
    EXPECT_EQ(**made, 9);
  });
}

TEST(Timeout, MakesOneResultOfAResult) {
  run([]() -> Task<> {
    auto fails = []() -> Task<Result<int>> { co_return failure(std::errc::no_link); };
    auto succeeds = []() -> Task<Result<int>> { co_return 3; };
    const Result<int> failed = co_await timeout(1h, fails());
    EXPECT_TRUE(failed_with(failed, std::errc::no_link));
    EXPECT_EQ((co_await timeout(1h, succeeds())).value_or(0), 3);
    static_assert(
        std::is_same_v<decltype(detail::limit_time(detail::TimeLimit(1h), succeeds()))::Output,
                       Result<int>>);
    const Result<int> failed_later = co_await timeout(10s, fail_after(1ms));
    EXPECT_TRUE(failed_with(failed_later, std::errc::connection_reset));
    const Result<int> late = co_await timeout(1ms, fail_after(1h));
    EXPECT_TRUE(failed_with(late, std::errc::timed_out));
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
    EXPECT_THROW(static_cast<void>(co_await timeout(10s, throw_after(1ms))), std::runtime_error);
  });
}

TEST(Timeout, OfATaskThatTakesLongerCancelsItAndIsNeverEarly) {
  run([]() -> Task<> {
    Tally tally;
    Instant start = Clock::now();
    EXPECT_TRUE(failed_with(co_await timeout(3ms, never(tally)), std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 3ms);
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_EQ(tally.made, 1);
    start = Clock::now();
    EXPECT_TRUE(failed_with(co_await timeout(3ms, answer_after(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 3ms);
  });
}

TEST(Timeout, OfAnOperationThatTakesLongerIsNeverEarly) {
  run([]() -> Task<> {
    const Instant start = Clock::now();
    EXPECT_TRUE(failed_with(co_await timeout(3ms, sleep_for(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now() - start, 3ms);
  });
}

TEST(Timeout, OfAnOperationThatTakesLongerLosesNothing) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    const Result<std::size_t> result = co_await timeout(2ms, stream.read(buffer));
    EXPECT_TRUE(failed_with(result, std::errc::timed_out));
    test::send_text(sockets.client.raw(), "text");
    EXPECT_EQ((co_await stream.read(buffer)).value_or(0), 4U);
  });
}

TEST(Timeout, AnOperationThatIsReadyAtOnceBeatsALimitThatHasPassed) {
  run([]() -> Task<> {
    EXPECT_EQ((co_await timeout(0ns, give(1, false))).value_or(0), 1);
    EXPECT_EQ((co_await timeout(-1s, give(1, false))).value_or(0), 1);
    EXPECT_EQ((co_await with_deadline(Instant(), give(1, false))).value_or(0), 1);
    EXPECT_TRUE(succeeded(co_await timeout(0ns, sleep_for(0ns))));
  });
}

TEST(Timeout, ThatHasPassedEndsAnOperationThatHasToWait) {
  run([]() -> Task<> {
    Tally tally;
    EXPECT_TRUE(failed_with(co_await timeout(0s, never(tally)), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(-1s, never(tally)), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(0s, suspend()), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(0ns, answer_after(1h)), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(0ns, sleep_for(1h)), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(Duration::min(), sleep_for(1h)), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await with_deadline(Instant(), sleep_for(1h)), std::errc::timed_out));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

// In moduvex_runtime a sleep of the longest length panicked.
TEST(Timeout, ForEverIsNoLimit) {
  run([]() -> Task<> {
    EXPECT_TRUE(succeeded(co_await timeout(Duration::max(), sleep_for(2ms))));
    EXPECT_EQ((co_await timeout(Duration::max(), give(1, true))).value_or(0), 1);
    EXPECT_EQ((co_await timeout(Duration::max(), answer_after(2ms))).value_or(0), 42);
    EXPECT_EQ((co_await with_deadline(Instant::max(), give(2, true))).value_or(0), 2);
    EXPECT_EQ((co_await with_deadline(Instant::max(), answer_after(2ms))).value_or(0), 42);
  });
}

TEST(Timeout, AtAnInstantEndsWhenThatHasComeAndNotBefore) {
  run([]() -> Task<> {
    Tally tally;
    Instant limit = Clock::now() + 2ms;
    EXPECT_TRUE(failed_with(co_await with_deadline(limit, never(tally)), std::errc::timed_out));
    EXPECT_GE(Clock::now(), limit);
    EXPECT_FALSE((co_await with_deadline(limit, suspend())).has_value()) << "already past";
    EXPECT_FALSE((co_await with_deadline(Instant(), never(tally))).has_value());
    EXPECT_EQ((co_await with_deadline(limit, give(1, false))).value_or(0), 1);
    limit = Clock::now() + 3ms;
    EXPECT_TRUE(failed_with(co_await with_deadline(limit, sleep_for(1h)), std::errc::timed_out));
    EXPECT_GE(Clock::now(), limit);
  });
}

TEST(Timeout, DestroysItsTaskInnermostFirstBeforeItReturns) {
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

TEST(Timeout, DestroysWhatItLimitedBeforeItsResultIsUsed) {
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

TEST(Timeout, InsideAnotherEndsWithTheShorterLimit) {
  run([]() -> Task<> {
    Tally tally;
    EXPECT_TRUE(
        failed_with(co_await timeout(1h, timeout(1ms, never(tally))), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(1ms, timeout(1h, never(tally))), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(1h, timeout(1ms, sleep_for(1h))), std::errc::timed_out));
    EXPECT_TRUE(
        failed_with(co_await timeout(1ms, timeout(1h, sleep_for(1h))), std::errc::timed_out));
    EXPECT_EQ((co_await timeout(1h, timeout(1h, give(5, true)))).value_or(0), 5);
    EXPECT_TRUE(tally.all_gone_once());
    const auto inner_first = []() -> Task<int> {
      EXPECT_TRUE(failed_with(co_await timeout(1ms, sleep_for(1h)), std::errc::timed_out));
      co_return 7;
    };
    EXPECT_EQ((co_await timeout(10s, inner_first())).value_or(0), 7);
    const auto outer_first = []() -> Task<int> {
      static_cast<void>(co_await timeout(1h, sleep_for(1h)));
      co_return 7;
    };
    EXPECT_TRUE(failed_with(co_await timeout(1ms, outer_first()), std::errc::timed_out));
  });
}

TEST(Timeout, OfASuspendEndsItAtAnyDepth) {
  run([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, suspend()), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, timeout(1h, suspend())), std::errc::timed_out));
    EXPECT_TRUE(failed_with(co_await timeout(1h, timeout(1ms, suspend())), std::errc::timed_out));
  });
}

TEST(Timeout, OfAJoinLeavesTheTaskRunning) {
  run([]() -> Task<> {
    bool released = false;
    bool ended = false;
    auto task = [&]() -> Task<int> {
      while (!released) co_await yield_now();
      ended = true;
      co_return 6;
    };
    JoinHandle<int> handle = spawn(task);
    const Result<JoinResult<int>> timed = co_await timeout(1ms, handle);
    EXPECT_TRUE(failed_with(timed, std::errc::timed_out));
    EXPECT_FALSE(ended);
    released = true;
    const Result<JoinResult<int>> joined = co_await timeout(1h, handle);
    EXPECT_EQ(joined.value().value(), 6);
    EXPECT_TRUE(ended);

    JoinHandle<void> sleeping = spawn([]() -> Task<> { co_await sleep_for(5ms); });
    EXPECT_FALSE((co_await timeout(1ms, sleeping)).has_value());
    EXPECT_TRUE((co_await sleeping).has_value());
  });
}

TEST(Timeout, TakesReadExactAndWriteAll) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 8> buffer{};
    test::send_text(sockets.client.raw(), "half");
    EXPECT_TRUE(
        failed_with(co_await timeout(2ms, stream.read_exact(buffer)), std::errc::timed_out));
    EXPECT_TRUE((co_await timeout(1h, stream.write_all(buffer))).has_value());
  });
}

TEST(Timeout, AReadThatCompletesInTheTurnOfItsLimitIsComplete) {
  run([]() -> Task<> {
    // A task writes, then blocks the loop until the limit has passed. So both are due at once.
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

TEST(Timeout, AWaitForASourceThatCompletesInTheTurnOfItsLimitIsComplete) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  run([&]() -> Task<> {
    const auto waiting = [&]() -> Task<Result<>> {
      co_return co_await timeout(1ms, source.readable());
    };
    JoinHandle<Result<>> handle = spawn(waiting);
    co_await yield_now();
    // The loop does not look at the wheel before both have happened.
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

TEST(Timeout, CancelsWhatItLimitsIfItIsCancelledWhileItWaits) {
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

TEST(Timeout, LeavesNoTimerBehindIfItIsCancelledWhileItWaits) {
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

}  // namespace
}  // namespace eddy
