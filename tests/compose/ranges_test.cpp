// SPDX-License-Identifier: MIT

#include "eddy/compose/first_ok.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/try_all.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::Guard;
using test::run;
using test::Tally;

/// How many tasks run, and the most that ran at once.
struct Load {
  int now = 0;
  int most = 0;
  int started = 0;
};

Task<int> work(Load& load, int turns, int value) {
  ++load.started;
  load.most = std::max(load.most, ++load.now);
  for (int i = 0; i < turns; ++i) co_await yield_now();
  --load.now;
  co_return value;
}

Task<Result<int>> work_until(Load& load, int turns, int value, bool succeeds) {
  const int done = co_await work(load, turns, value);
  if (!succeeds) co_return failure(std::errc::connection_refused);
  co_return done;
}

Task<Result<int>> refused_after(int turns, std::errc error) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return failure(error);
}

Task<Result<int>> succeeds_after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<Result<int>> never(Guard) {
  co_await suspend();
  co_return 0;
}

Task<int> throws_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a branch");
}

class LimitedRange : public testing::TestWithParam<std::size_t> {};

TEST_P(LimitedRange, RunsNoMoreAtOnceAndGivesAllValuesInTheirOrder) {
  for (const int longest : {0, 1, 3}) {
    Load load;
    const std::vector<int> got = run([&]() -> Task<std::vector<int>> {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < 50; ++i)
        tasks.push_back(work(load, longest == 0 ? 0 : 1 + i % longest, i));
      co_return co_await when_all(std::move(tasks), Concurrency(GetParam()));
    });
    ASSERT_EQ(got.size(), 50U);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
    EXPECT_LE(static_cast<std::size_t>(load.most), GetParam());
    if (longest != 0) {
      EXPECT_EQ(static_cast<std::size_t>(load.most), std::min<std::size_t>(GetParam(), 50));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, LimitedRange, testing::Values(1, 2, 16, 50, 1000),
                         [](const auto& of) { return std::to_string(of.param); });

TEST(LimitedRanges, TheNextTaskStartsWhenOneEnds) {
  Load load;
  run([&]() -> Task<> {
    std::vector<Task<int>> tasks;
    tasks.push_back(work(load, 5, 0));
    tasks.push_back(work(load, 1, 1));
    tasks.push_back(work(load, 1, 2));
    auto look = [&]() -> Task<int> {
      EXPECT_EQ(load.started, 3);
      EXPECT_EQ(load.now, 1);  // the first is still at work
      co_return 3;
    };
    tasks.push_back(look());
    const std::vector<int> got = co_await when_all(std::move(tasks), Concurrency(2));
    EXPECT_EQ(got, (std::vector{0, 1, 2, 3}));
  });
}

TEST(LimitedRanges, OfNoTasksGivesNothing) {
  run([]() -> Task<> {
    const auto none = co_await when_all(std::vector<Task<int>>(), Concurrency(2));
    EXPECT_TRUE(none.empty());
  });
}

TEST(LimitedRanges, AfterAnErrorNoOtherTaskStarts) {
  Load load;
  run([&]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(work_until(load, 1, i, i != 3));
    const auto got = co_await try_all(std::move(tasks), Concurrency(2));
    EXPECT_TRUE(failed_with(got, std::errc::connection_refused));
  });
  EXPECT_GE(load.started, 4);
  EXPECT_LE(load.started, 5);
}

TEST(LimitedRanges, AnExceptionCancelsTheOthersAndComesOut) {
  Tally tally;
  bool started = false;
  run([&]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    auto throws = []() -> Task<Result<int>> { co_return co_await throws_after(2); };
    auto late = [&]() -> Task<Result<int>> {
      started = true;
      co_return 1;
    };
    tasks.push_back(never(Guard(tally)));
    tasks.push_back(throws());
    tasks.push_back(late());
    bool thrown = false;
    try {
      (void)co_await when_all(std::move(tasks), Concurrency(2));
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
  EXPECT_FALSE(started);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(LimitedRanges, ACancelledOneDestroysWhatRunsAndWhatHasNotStarted) {
  Tally tally;
  run([&]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(never(Guard(tally)));
    const auto got = co_await timeout(1ms, when_all(std::move(tasks), Concurrency(2)));
    EXPECT_TRUE(failed_with(got, Error::deadline_exceeded));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(ConcurrencyDeathTest, OfZeroStops) { EXPECT_DEATH((void)Concurrency(0), "lets no task run"); }

TEST(WhenAnyOfARange, GivesTheFirstAndWhichOneItWas) {
  run([]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    tasks.push_back(succeeds_after(5, 10));
    tasks.push_back(succeeds_after(2, 11));
    tasks.push_back(succeeds_after(3, 12));
    auto [index, value] = co_await when_any(std::move(tasks));
    EXPECT_EQ(index, 1U);
    EXPECT_EQ(value.value(), 11);
  });
}

TEST(WhenAnyOfARange, OneThatEndsAtOnceKeepsLaterOnesFromStarting) {
  Load load;
  run([&]() -> Task<> {
    std::vector<Task<int>> tasks;
    tasks.push_back(work(load, 1, 0));
    tasks.push_back(work(load, 0, 1));
    tasks.push_back(work(load, 0, 2));
    const FirstOf<int> first = co_await when_any(std::move(tasks));
    EXPECT_EQ(first.index, 1U);
    EXPECT_EQ(load.started, 2);
  });
}

TEST(WhenAnyOfARange, DestroysItsLosersAndThrowsWhatTheFirstThrows) {
  Tally tally;
  run([&]() -> Task<> {
    std::vector<Task<int>> tasks;
    auto wait = [](Guard) -> Task<int> {
      co_await suspend();
      co_return 0;
    };
    tasks.push_back(wait(Guard(tally)));
    tasks.push_back(throws_after(2));
    bool thrown = false;
    try {
      (void)co_await when_any(std::move(tasks));
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(WhenAnyOfARange, ACancelledOneDestroysAllItsTasks) {
  Tally tally;
  run([&]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(never(Guard(tally)));
    EXPECT_TRUE(
        failed_with(co_await timeout(1ms, when_any(std::move(tasks))), Error::deadline_exceeded));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(WhenAnyOfARangeDeathTest, WithoutATaskStops) {
  EXPECT_DEATH((void)when_any(std::vector<Task<int>>()), "need a task");
}

TEST(FirstOk, GivesTheFirstSuccessAlsoAfterErrors) {
  Tally tally;
  run([&]() -> Task<> {
    const auto got =
        co_await first_ok(refused_after(0, std::errc::connection_refused), succeeds_after(4, 7),
                          refused_after(2, std::errc::host_unreachable), never(Guard(tally)));
    EXPECT_EQ(got.value(), 7);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(FirstOk, GivesAllErrorsInTheOrderOfTheTasksIfNoneSucceeds) {
  run([]() -> Task<> {
    const auto got = co_await first_ok(refused_after(3, std::errc::connection_refused),
                                       refused_after(0, std::errc::host_unreachable),
                                       refused_after(1, std::errc::timed_out));
    EXPECT_FALSE(got.has_value());
    EXPECT_EQ(got.error().size(), 3U);
    EXPECT_EQ(got.error()[0], std::errc::connection_refused);
    EXPECT_EQ(got.error()[1], std::errc::host_unreachable);
    EXPECT_EQ(got.error()[2], std::errc::timed_out);
  });
}

TEST(FirstOk, NoneStartsAfterOneThatSucceedsAtOnce) {
  Load load;
  run([&]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    tasks.push_back(work_until(load, 0, 0, false));
    tasks.push_back(work_until(load, 0, 1, true));
    tasks.push_back(work_until(load, 0, 2, true));
    const auto got = co_await first_ok(std::move(tasks));
    EXPECT_EQ(got.value(), 1);
    EXPECT_EQ(load.started, 2);
  });
}

TEST(FirstOk, ThrowsWhatIsThrownBeforeASuccess) {
  run([]() -> Task<> {
    auto throws = []() -> Task<Result<int>> { co_return co_await throws_after(1); };
    bool thrown = false;
    try {
      (void)co_await first_ok(succeeds_after(3, 1), throws());
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
}

TEST(FirstOk, TakesOperationsAndResultsWithoutAValue) {
  run([]() -> Task<> {
    auto fails = []() -> Task<Result<>> { co_return failure(std::errc::timed_out); };
    EXPECT_TRUE((co_await first_ok(fails(), timeout(1h, yield_now()))).has_value());
  });
}

}  // namespace
}  // namespace eddy
