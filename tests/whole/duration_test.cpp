// Lengths of time and instants of any unit: too long a length is for ever, never an overflow.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/interval.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <ratio>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using detail::AnyDuration;
using detail::AnyInstant;
using std::chrono::duration;
using test::failed_with;
using test::run;
using test::succeeded;

template <class D>
using Point = std::chrono::time_point<Clock, D>;
using Seconds = duration<double>;
using Frames = duration<std::int64_t, std::ratio<1, 60>>;

constexpr Duration in_ns(AnyDuration length) { return length; }
constexpr Instant in_ns(AnyInstant at) { return at; }

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A length that fits keeps its value.
static_assert(in_ns(AnyDuration(7ns)) == 7ns);
static_assert(in_ns(AnyDuration(-3h)) == -3h);
static_assert(in_ns(AnyDuration(std::chrono::years(200))) == std::chrono::years(200));
static_assert(in_ns(AnyDuration(duration<std::uint8_t>(200))) == 200s);
static_assert(in_ns(AnyInstant(Point<std::chrono::hours>(2h))) == Instant(2h));

// A length finer than a nanosecond is rounded up: no wait ends early.
static_assert(in_ns(AnyDuration(duration<int, std::pico>(1001))) == 2ns);
static_assert(in_ns(AnyDuration(duration<int, std::pico>(1000))) == 1ns);
static_assert(in_ns(AnyDuration(duration<int, std::pico>(-1999))) == -1ns);
static_assert(in_ns(AnyDuration(Frames(1))) == 16'666'667ns);
static_assert(in_ns(AnyDuration(Frames(60))) == 1s);

// Too long a length is for ever.
static_assert(in_ns(AnyDuration(std::chrono::seconds::max())) == Duration::max());
static_assert(in_ns(AnyDuration(std::chrono::seconds::min())) == Duration::min());
static_assert(in_ns(AnyDuration(std::chrono::years(500))) == Duration::max());
static_assert(in_ns(AnyDuration(-std::chrono::years(500))) == Duration::min());
static_assert(in_ns(AnyDuration(Frames::max())) == Duration::max());
static_assert(in_ns(AnyDuration(9'223'372'036s)) == 9'223'372'036s);
static_assert(in_ns(AnyDuration(9'223'372'037s)) == Duration::max());
static_assert(in_ns(AnyDuration(duration<std::uint64_t, std::nano>(~0ULL))) == Duration::max());
static_assert(in_ns(AnyInstant(Point<std::chrono::seconds>::max())) == Instant::max());
static_assert(in_ns(AnyInstant(Point<std::chrono::hours>::min())) == Instant::min());

// Numbers with a fraction, which a conversion of the standard library refuses.
static_assert(in_ns(AnyDuration(Seconds(0.1))) == 100ms);
static_assert(in_ns(AnyDuration(Seconds(-1.5))) == -1500ms);
static_assert(in_ns(AnyDuration(duration<float, std::milli>(0.5F))) == 500us);
static_assert(in_ns(AnyDuration(duration<double, std::nano>(1.25))) == 2ns);
static_assert(in_ns(AnyDuration(duration<long double, std::nano>(0x1p63L - 1.5L))) ==
              Duration::max());
static_assert(in_ns(AnyDuration(Seconds(1e10))) == Duration::max());
static_assert(in_ns(AnyDuration(Seconds(-1e10))) == Duration::min());
static_assert(in_ns(AnyDuration(Seconds(kInfinity))) == Duration::max());
static_assert(in_ns(AnyDuration(Seconds(-kInfinity))) == Duration::min());
static_assert(in_ns(AnyDuration(Seconds(std::numeric_limits<double>::quiet_NaN()))) == 0ns);
static_assert(in_ns(AnyInstant(Point<Seconds>(Seconds(1e300)))) == Instant::max());

// A number without a unit, and an instant of another clock, are still refused.
static_assert(!std::convertible_to<int, AnyDuration>);
static_assert(!std::convertible_to<double, AnyDuration>);
static_assert(!std::convertible_to<std::chrono::system_clock::time_point, AnyInstant>);
static_assert(!std::convertible_to<Duration, AnyInstant>);

template <class Op>
Task<bool> waits(Op operation) {
  co_return failed_with(co_await timeout(2ms, std::move(operation)), Error::deadline_exceeded);
}

TEST(Durations, ASleepOfTheLongestOfEachUnitWaits) {
  run([]() -> Task<> {
    EXPECT_TRUE(co_await waits(sleep_for(Duration::max())));
    EXPECT_TRUE(co_await waits(sleep_for(std::chrono::milliseconds::max())));
    EXPECT_TRUE(co_await waits(sleep_for(std::chrono::seconds::max())));
    EXPECT_TRUE(co_await waits(sleep_for(std::chrono::hours::max())));
    EXPECT_TRUE(co_await waits(sleep_for(std::chrono::years(500))));
    EXPECT_TRUE(co_await waits(sleep_for(Seconds(kInfinity))));
    EXPECT_TRUE(co_await waits(sleep_until(Instant::max())));
    EXPECT_TRUE(co_await waits(sleep_until(Point<std::chrono::seconds>::max())));
    EXPECT_TRUE(co_await waits(sleep_until(Point<Seconds>::max())));
  });
}

TEST(Durations, ASleepOfTheLeastOfEachUnitEndsAtOnce) {
  run([]() -> Task<> {
    co_await sleep_for(Duration::min());
    co_await sleep_for(std::chrono::seconds::min());
    co_await sleep_for(std::chrono::years(-500));
    co_await sleep_for(Seconds(-kInfinity));
    co_await sleep_for(Seconds(std::numeric_limits<double>::quiet_NaN()));
    co_await sleep_until(Point<std::chrono::seconds>::min());
    co_await sleep_until(Point<Seconds>::min());
  });
}

TEST(Durations, ASleepOfSecondsWithAFractionIsNotShort) {
  run([]() -> Task<> {
    const Instant start = Clock::now();
    co_await sleep_for(Seconds(0.0015));
    EXPECT_GE(Clock::now() - start, 1500us);
    const Point<Seconds> until(start.time_since_epoch() + Seconds(0.004));
    co_await sleep_until(until);
    EXPECT_GE(Clock::now(), Instant(std::chrono::floor<Duration>(until.time_since_epoch())));
  });
}

TEST(Durations, ALimitOfTheLongestOfEachUnitIsNoLimit) {
  run([]() -> Task<> {
    EXPECT_TRUE(succeeded(co_await timeout(std::chrono::seconds::max(), sleep_for(1ms))));
    EXPECT_TRUE(succeeded(co_await timeout(std::chrono::years(500), sleep_for(1ms))));
    EXPECT_TRUE(succeeded(co_await timeout(Seconds(kInfinity), sleep_for(1ms))));
    const auto task = []() -> Task<> { co_await sleep_for(1ms); };
    EXPECT_TRUE(succeeded(co_await timeout(std::chrono::hours::max(), task())));
    EXPECT_TRUE(
        succeeded(co_await with_deadline(Point<std::chrono::seconds>::max(), sleep_for(1ms))));
    EXPECT_TRUE(succeeded(co_await with_deadline(Point<Seconds>::max(), task())));
  });
}

TEST(Durations, ALimitOfTheLeastOfEachUnitHasPassed) {
  run([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(std::chrono::seconds::min(), suspend()),
                            Error::deadline_exceeded));
    EXPECT_TRUE(failed_with(co_await timeout(Seconds(-1), suspend()), Error::deadline_exceeded));
    EXPECT_TRUE(failed_with(co_await with_deadline(Point<std::chrono::hours>::min(), suspend()),
                            Error::deadline_exceeded));
  });
}

TEST(Durations, AnIntervalOfTheLongestPeriodTicksOnce) {
  run([]() -> Task<> {
    for (const MissedTick missed : {MissedTick::burst, MissedTick::delay, MissedTick::skip}) {
      Interval every(std::chrono::hours::max(), missed);
      EXPECT_EQ(every.period(), Duration::max());
      co_await every.tick();
      EXPECT_EQ(every.next(), Instant::max());
      EXPECT_TRUE(co_await waits(every.tick()));
    }
  });
}

TEST(Durations, AnIntervalThatBeganBeforeTheClockSkipsToItsNextTick) {
  run([]() -> Task<> {
    Interval every(Point<std::chrono::seconds>::min(), 1h, MissedTick::skip);
    EXPECT_EQ(co_await every.tick(), Instant::min());
    EXPECT_GT(every.next(), Clock::now());
    EXPECT_LE(every.next() - Clock::now(), 1h);
  });
}

TEST(Durations, AnIntervalOfAPeriodBelowZeroStopsTheProgram) {
  EXPECT_DEATH(static_cast<void>(Interval(std::chrono::seconds::min())),
               "an Interval needs a period of more than");
}

TEST(Durations, BusyPollingForEverStillSeesTheTimers) {
  run([]() -> Task<> {
    busy_poll(std::chrono::seconds::max());
    co_await sleep_for(1ms);
    busy_poll(std::chrono::seconds::min());
    co_await sleep_for(1ms);
    busy_poll(0s);
  });
}

TEST(Durations, KeepAliveTakesTheLongest) {
  const KeepAlive keep_alive{.interval = std::chrono::hours::max()};
  EXPECT_EQ(Duration(keep_alive.interval), Duration::max());
}

TEST(Durations, AnExceededLimitIsNotTheSystemsTimeOutButComparesEqualToIt) {
  run([]() -> Task<> {
    const Result<> limited = co_await timeout(0s, suspend());
    const std::error_code of_system = std::make_error_code(std::errc::timed_out);
    EXPECT_EQ(limited.error(), Error::deadline_exceeded);
    EXPECT_NE(limited.error(), of_system);
    EXPECT_EQ(limited.error(), std::errc::timed_out);
    EXPECT_NE(of_system, make_error_code(Error::deadline_exceeded));
    EXPECT_EQ(of_system, std::errc::timed_out);
    EXPECT_NE(make_error_code(Error::end_of_stream), std::errc::timed_out);
    EXPECT_NE(make_error_code(Error::end_of_stream), std::errc::operation_not_permitted);
    EXPECT_EQ(limited.error().message(), "the time limit that the program set has passed");
  });
}

}  // namespace
}  // namespace eddy
