// Chains of awaits that are far deeper than the stack. Only memory limits them, on the way in and
// on the way out.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

/// On a stack of 8 MB, a recursion would have 8 bytes for each await.
constexpr long kDeep = 1'000'000;

// Each coroutine yields first, so that the loop starts the next one.

Task<> suspend_for_ever() { co_await suspend(); }

Task<> wait_deep(long depth, Tally& tally) {
  const Guard guard(tally);
  co_await yield_now();
  if (depth == 0) {
    co_await suspend();
  } else {
    co_await wait_deep(depth - 1, tally);
  }
}

TEST(DeepChain, OfAMillionAwaitsIsCancelled) {
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<void> waiting = spawn(wait_deep, kDeep, std::ref(tally));
    while (tally.made <= kDeep) co_await yield_now();
    waiting.abort();
    const auto joined = co_await waiting;
    EXPECT_FALSE(joined.has_value());
    EXPECT_EQ(tally.alive(), 0);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

Task<> wait_deep_with_limits(long depth, Tally& tally) {
  const Guard guard(tally);
  co_await yield_now();
  if (depth == 0) {
    co_await suspend();
  } else {
    (void)co_await timeout(1h, wait_deep_with_limits(depth - 1, tally));
  }
}

TEST(DeepChain, OfAMillionTimeLimitsIsCancelled) {
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<void> waiting = spawn(wait_deep_with_limits, kDeep, std::ref(tally));
    while (tally.made <= kDeep) co_await yield_now();
    waiting.abort();
    const auto joined = co_await waiting;
    EXPECT_FALSE(joined.has_value());
    EXPECT_EQ(tally.alive(), 0);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(DeepChain, OfAMillionTimeLimitsEndsWithTheFirstThatPasses) {
  Tally tally;
  run([&]() -> Task<> {
    bool all_wait = false;
    const auto chain = [&]() -> Task<> { co_await wait_deep_with_limits(kDeep, tally); };
    const auto end_when_all_wait = [&]() -> Task<> {
      while (tally.made <= kDeep) co_await yield_now();
      all_wait = true;
    };
    co_await when_any(chain(), end_when_all_wait());
    EXPECT_TRUE(all_wait);
    EXPECT_EQ(tally.alive(), 0);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

/// Nests alternately a child, a when_any, a when_all, a group with its body, and a time limit.
Task<> wait_deep_in_branches(long depth, Tally& tally) {
  const Guard guard(tally);
  co_await yield_now();
  if (depth == 0) {
    co_await suspend();
    co_return;
  }
  const auto next = [&]() -> Task<> { co_await wait_deep_in_branches(depth - 1, tally); };
  switch (depth % 5) {
    case 0:
      co_await next();
      break;
    case 1:
      co_await when_any(suspend_for_ever(), next());
      break;
    case 2:
      co_await when_all(next(), suspend_for_ever());
      break;
    case 3: {
      const auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(suspend_for_ever);
        co_await next();
      };
      co_await with_group(body);
      break;
    }
    default: {
      const auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(next);
        co_await suspend_for_ever();
      };
      (void)co_await timeout(1h, with_group(body));
      break;
    }
  }
}

TEST(DeepChain, OfBranchesOfEveryKindIsCancelled) {
  constexpr long kBranches = 200'000;
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<void> waiting = spawn(wait_deep_in_branches, kBranches, std::ref(tally));
    while (tally.made <= kBranches) co_await yield_now();
    waiting.abort();
    const auto joined = co_await waiting;
    EXPECT_FALSE(joined.has_value());
    EXPECT_EQ(tally.alive(), 0);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

Task<Result<int>> fail_deep(long depth, Tally& tally) {
  const Guard guard(tally);
  co_await yield_now();
  if (depth == 0) co_return failure(std::errc::io_error);
  co_return 1 + co_await ok(fail_deep(depth - 1, tally));
}

TEST(DeepChain, OfAMillionOkAwaitsEndsWithTheErrorOfTheLast) {
  Tally tally;
  const Result<int> result = block_on(fail_deep(kDeep, tally));
  EXPECT_EQ(result.error(), std::errc::io_error);
  EXPECT_EQ(tally.made, kDeep + 1);
  EXPECT_TRUE(tally.all_gone_once());
}

/// Without `ok`: every coroutine is resumed, and awaits a child that an error of `ok` has ended.
TEST(DeepChain, AnErrorOfOkBelowAPlainAwaitFreesTheFramesBetween) {
  Tally tally;
  run([&]() -> Task<> {
    const Result<int> result = co_await fail_deep(1000, tally);
    EXPECT_EQ(result.error(), std::errc::io_error);
    EXPECT_EQ(tally.alive(), 0);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

Task<> throw_deep(long depth, Tally& tally) {
  const Guard guard(tally);
  co_await yield_now();
  if (depth == 0) throw 7;
  co_await throw_deep(depth - 1, tally);
}

TEST(DeepChain, AnExceptionPassesThroughTenThousandAwaits) {
  Tally tally;
  EXPECT_THROW(block_on(throw_deep(10'000, tally)), int);
  EXPECT_TRUE(tally.all_gone_once());
}

Task<> wait_in_order(int depth, Log& log) {
  const Trace trace(log, std::to_string(depth));
  co_await yield_now();
  if (depth == 3) co_await suspend();
  const auto inner = [&]() -> Task<> {
    const Trace in_branch(log, "branch " + std::to_string(depth));
    co_await wait_in_order(depth + 1, log);
  };
  (void)co_await timeout(1h, inner());
}

TEST(DeepChain, IsDestroyedInnermostFirst) {
  Log log;
  run([&]() -> Task<> {
    JoinHandle<void> waiting = spawn(wait_in_order, 1, std::ref(log));
    for (int i = 0; i < 10; ++i) co_await yield_now();
    waiting.abort();
    (void)co_await waiting;
  });
  EXPECT_EQ(log, (Log{"~3", "~branch 2", "~2", "~branch 1", "~1"}));
}

/// A destructor in an inner frame may use objects of an outer frame, which still lives.
TEST(DeepChain, ADestructorInsideMayUseAGroupOutside) {
  Tally tally;
  run([&]() -> Task<> {
    const auto body = [&](TaskGroup& group) -> Task<> {
      const auto cancels = [&group, &tally]() -> Task<> {
        const Guard guard(tally);
        const test::AtEnd cancel([&] { group.cancel(); });
        co_await suspend();
      };
      group.spawn(cancels);
      group.spawn(cancels);
      co_await suspend();
    };
    co_await when_any(with_group(body), yield_now());
  });
  EXPECT_EQ(tally.made, 2);
  EXPECT_TRUE(tally.all_gone_once());
}

}  // namespace
}  // namespace eddy
