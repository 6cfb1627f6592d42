// SPDX-License-Identifier: MIT

#include "eddy/compose/when_all.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

Task<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<int> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a branch");
}

Task<int> never(Guard) {
  co_await suspend();
  co_return 0;
}

TEST(WhenAll, GivesATupleOfAllValues) {
  run([]() -> Task<> {
    auto text = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
    auto all = co_await when_all(after(3, 1), sleep_for(1ms), text());
    static_assert(
        std::is_same_v<decltype(all), std::tuple<int, std::monostate, std::unique_ptr<int>>>);
    EXPECT_EQ(std::get<0>(all), 1);
    EXPECT_EQ(*std::get<2>(all), 3);
  });
}

TEST(WhenAll, OfVoidBranchesGivesVoid) {
  run([]() -> Task<> {
    static_assert(std::is_void_v<decltype(when_all(yield_now(), sleep_for(1ms)).take())>);
    co_await when_all(yield_now(), sleep_for(1ms));
    co_await when_all();
  });
}

TEST(WhenAll, RunsItsBranchesConcurrently) {
  run([]() -> Task<> {
    std::vector<int> order;
    auto branch = [&](int n) -> Task<> {
      for (int i = 0; i < 2; ++i) {
        order.push_back(n);
        co_await yield_now();
      }
    };
    co_await when_all(branch(0), branch(1), branch(2));
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 0, 1, 2}));
  });
}

TEST(WhenAll, OfAVectorGivesTheValuesInTheirOrder) {
  run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(after((i * 37) % 11, i));
    const std::vector<int> values = co_await when_all(std::move(tasks));
    std::vector<int> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(values, expected);

    EXPECT_TRUE((co_await when_all(std::vector<Task<int>>())).empty());
    std::vector<Task<>> voids;
    voids.push_back([]() -> Task<> { co_await yield_now(); }());
    co_await when_all(std::move(voids));
  });
}

TEST(WhenAll, AnExceptionCancelsTheOthersBeforeItComesOut) {
  run([]() -> Task<> {
    Tally tally;
    for (const int turns : {0, 2}) {
      EXPECT_THROW(co_await when_all(never(Guard(tally)), fail_after(turns), never(Guard(tally))),
                   std::runtime_error);
      EXPECT_TRUE(tally.all_gone_once());
    }
    for (const int turns : {0, 2}) {
      std::vector<Task<int>> tasks;
      tasks.push_back(never(Guard(tally)));
      tasks.push_back(fail_after(turns));
      tasks.push_back(never(Guard(tally)));
      EXPECT_THROW(co_await when_all(std::move(tasks)), std::runtime_error);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(WhenAll, AnExceptionAtOnceKeepsLaterBranchesFromStarting) {
  run([]() -> Task<> {
    bool started = false;
    auto later = [&]() -> Task<int> {
      started = true;
      co_return 1;
    };
    EXPECT_THROW(co_await when_all(fail_after(0), later()), std::runtime_error);
    EXPECT_FALSE(started);
  });
}

TEST(WhenAll, OfTwoExceptionsOneComesOut) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await when_all(fail_after(2), fail_after(2)), std::runtime_error);
    EXPECT_THROW(co_await when_all(fail_after(2), fail_after(1)), std::runtime_error);
  });
}

TEST(WhenAll, CancelsItsBranchesIfItIsCancelledWhileItWaits) {
  run([]() -> Task<> {
    Tally tally;
    auto outer = [&]() -> Task<> {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < 10; ++i) tasks.push_back(never(Guard(tally)));
      tasks.push_back(after(0, 1));
      static_cast<void>(co_await when_all(std::move(tasks)));
    };
    JoinHandle<void> handle = spawn(outer);
    co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_FALSE((co_await timeout(1ms, when_all(never(Guard(tally)), after(1, 1)))).has_value());
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(WhenAll, TenThousandBranchesAllGiveTheirValues) {
  run([]() -> Task<> {
    constexpr int kBranches = 10'000;
    std::vector<Task<int>> tasks;
    for (int i = 0; i < kBranches; ++i) tasks.push_back(after(i % 3, 1));
    const std::vector<int> values = co_await when_all(std::move(tasks));
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0), kBranches);
  });
}

}  // namespace
}  // namespace eddy
