// SPDX-License-Identifier: MIT

#include "eddy/compose/try_all.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

Task<Result<int>> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<Result<int>> fail_after(int turns, std::errc error = std::errc::timed_out) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return failure(error);
}

Task<Result<int>> throw_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a branch");
}

Task<Result<int>> never(Guard) {
  co_await suspend();
  co_return 0;
}

Task<Result<>> nothing_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return {};
}

TEST(TryAll, GivesATupleOfAllValuesIfAllSucceed) {
  run([]() -> Task<> {
    auto text = []() -> Task<Result<std::unique_ptr<int>>> { co_return std::make_unique<int>(3); };
    auto all = co_await try_all(after(3, 1), nothing_after(1), text());
    static_assert(std::is_same_v<decltype(all),
                                 Result<std::tuple<int, std::monostate, std::unique_ptr<int>>>>);
    if (!all) throw std::runtime_error("an error of branches that are well");
    EXPECT_EQ(std::get<0>(*all), 1);
    EXPECT_EQ(*std::get<2>(*all), 3);
  });
}

TEST(TryAll, OfResultsWithoutAValueGivesAResultWithoutAValue) {
  run([]() -> Task<> {
    const auto all = co_await try_all(nothing_after(0), timeout(1h, yield_now()));
    static_assert(std::is_same_v<decltype(all), const Result<>>);
    EXPECT_TRUE(all.has_value());
    EXPECT_TRUE((co_await try_all()).has_value());
  });
}

TEST(TryAll, TheFirstErrorCancelsTheOthersAndIsTheResult) {
  run([]() -> Task<> {
    Tally tally;
    for (const int turns : {0, 2}) {
      const auto all =
          co_await try_all(never(Guard(tally)), fail_after(turns), never(Guard(tally)));
      EXPECT_TRUE(!all && all.error() == std::errc::timed_out);
      EXPECT_TRUE(tally.all_gone_once());
    }
    for (const int turns : {0, 2}) {
      std::vector<Task<Result<int>>> tasks;
      tasks.push_back(never(Guard(tally)));
      tasks.push_back(fail_after(turns));
      tasks.push_back(never(Guard(tally)));
      const auto all = co_await try_all(std::move(tasks));
      EXPECT_TRUE(!all && all.error() == std::errc::timed_out);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TryAll, AnErrorAtOnceKeepsLaterBranchesFromStarting) {
  run([]() -> Task<> {
    bool started = false;
    auto later = [&]() -> Task<Result<>> {
      started = true;
      co_return {};
    };
    EXPECT_FALSE((co_await try_all(fail_after(0), later())).has_value());
    EXPECT_FALSE(started);
  });
}

TEST(TryAll, GivesTheEarlierOfTwoErrors) {
  run([]() -> Task<> {
    for (const int turns : {1, 2}) {
      const auto all = co_await try_all(fail_after(2, std::errc::io_error),
                                        fail_after(turns, std::errc::timed_out));
      const std::errc first = turns == 1 ? std::errc::timed_out : std::errc::io_error;
      EXPECT_TRUE(!all && all.error() == first);
    }
  });
}

TEST(TryAll, AnExceptionCancelsTheOthersAndComesOut) {
  run([]() -> Task<> {
    Tally tally;
    for (const int turns : {0, 2}) {
      EXPECT_THROW((void)co_await try_all(never(Guard(tally)), throw_after(turns)),
                   std::runtime_error);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TryAll, OfAVectorGivesTheValuesInTheirOrder) {
  run([]() -> Task<> {
    std::vector<Task<Result<int>>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(after((i * 3) % 5, i));
    const auto all = co_await try_all(std::move(tasks));
    EXPECT_TRUE(all && *all == (std::vector<int>{0, 1, 2, 3, 4}));

    std::vector<Task<Result<>>> voids;
    voids.push_back(nothing_after(1));
    const auto none = co_await try_all(std::move(voids));
    static_assert(std::is_same_v<decltype(none), const Result<>>);
    EXPECT_TRUE(none.has_value());
  });
}

TEST(TryAll, InsideOkEndsTheAwaitingTaskWithTheFirstError) {
  bool went_on = false;
  const Result<int> sum = run([&]() -> Task<Result<int>> {
    const std::tuple<int, int> well = co_await ok(try_all(after(1, 2), after(2, 3)));
    EXPECT_EQ(well, std::tuple(2, 3));
    const std::tuple<int> failed = co_await ok(try_all(fail_after(1)));
    went_on = true;
    co_return std::get<0>(failed);
  });
  EXPECT_TRUE(!sum && sum.error() == std::errc::timed_out);
  EXPECT_FALSE(went_on);
}

TEST(TryAll, CancelsItsBranchesIfItIsCancelledWhileItWaits) {
  run([]() -> Task<> {
    Tally tally;
    auto outer = [&]() -> Task<> {
      (void)co_await try_all(never(Guard(tally)), nothing_after(1), never(Guard(tally)));
    };
    JoinHandle<void> handle = spawn(outer);
    co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_TRUE(tally.all_gone_once());
  });
}

// A move of its values may throw, so an outcome keeps them on the heap.
struct ThrowingMove {
  ThrowingMove() = default;
  ThrowingMove(const ThrowingMove&) = default;
  ThrowingMove(ThrowingMove&&) noexcept(false) {}
  ThrowingMove& operator=(const ThrowingMove&) = default;
  ~ThrowingMove() = default;
};

TEST(TryAll, SeesTheErrorOfABranchWhoseValueMayThrowWhenItIsMoved) {
  run([]() -> Task<> {
    auto fails = []() -> Task<Result<ThrowingMove>> { co_return failure(std::errc::io_error); };
    auto works = []() -> Task<Result<ThrowingMove>> { co_return ThrowingMove(); };
    EXPECT_TRUE((co_await try_all(works(), works())).has_value());
    const auto all = co_await try_all(works(), fails());
    EXPECT_TRUE(!all && all.error() == std::errc::io_error);
  });
}

}  // namespace
}  // namespace eddy
