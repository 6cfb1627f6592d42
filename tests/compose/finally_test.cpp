// The clean-up of a finally: in which cases it runs, when, and what comes of its failures.
// SPDX-License-Identifier: MIT
#include "eddy/compose/finally.hpp"

#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/cancel_reason.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/said_by.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::Guard;
using test::Log;
using test::run;
using test::succeeded;
using test::Tally;
using test::Trace;

/// What `body()`, run as a task, writes to standard error.
template <class F>
std::string said_by_task(F body) {
  return test::said_by([&] { run(body); });
}

/// Waits `turns` times, and notes its name; and when its frame is destroyed.
Task<> step(Log& log, std::string name, int turns = 1) {
  const Trace trace(log, name);
  for (int i = 0; i < turns; ++i) co_await yield_now();
  log.push_back(std::move(name));
}

Task<> step_for_ever(Log& log) {
  const Trace trace(log, "work");
  co_await sleep_for(1h);
}

Task<> count_up(int& counted) {
  ++counted;
  co_return;
}

Task<> clean_up(Log& log, std::string name) {
  for (int i = 0; i < 3; ++i) co_await yield_now();
  log.push_back(std::move(name));
}

Task<> fail() {
  co_await yield_now();
  throw std::runtime_error("of the work");
}

Task<> fail_to_clean_up() {
  co_await yield_now();
  throw std::runtime_error("of the clean-up");
}

Task<Result<>> clean_up_with_an_error() {
  co_await yield_now();
  co_return failure(std::errc::broken_pipe);
}

Task<> sleep_long() { co_await sleep_for(1h); }

Task<Result<int>> give(Result<int> result) {
  co_await yield_now();
  co_return result;
}

TEST(Finally, RunsTheCleanUpAfterItsTaskAndGivesTheValue) {
  run([]() -> Task<> {
    Log log;
    auto work = [&]() -> Task<std::unique_ptr<int>> {
      co_await step(log, "work");
      co_return std::make_unique<int>(3);
    };
    const std::unique_ptr<int> value =
        co_await finally(work(), clean_up, std::ref(log), std::string("clean-up"));
    EXPECT_EQ(*value, 3);
    EXPECT_EQ(log, (Log{"work", "~work", "clean-up"}));
    int seen = 0;
    const auto at_once = []() -> Task<int&> {
      static int there = 7;
      co_return there;
    };
    seen = co_await finally(
        at_once(), [](Log& into) -> Task<> { co_await clean_up(into, "more"); }, std::ref(log));
    EXPECT_EQ(seen, 7);
    EXPECT_EQ(log.back(), "more");
  });
}

TEST(Finally, TakesAnOperationAndAJoinHandle) {
  run([]() -> Task<> {
    Log log;
    co_await finally(sleep_for(1us), clean_up, std::ref(log), std::string("first"));
    JoinHandle<int> handle = spawn([]() -> Task<int> { co_return 4; });
    const JoinResult<int> joined =
        co_await finally(handle, clean_up, std::ref(log), std::string("second"));
    EXPECT_EQ(joined.value(), 4);
    EXPECT_EQ(log, (Log{"first", "second"}));
  });
}

TEST(Finally, RunsTheCleanUpAfterAnErrorOrAnException) {
  run([]() -> Task<> {
    Log log;
    EXPECT_TRUE(failed_with(co_await finally(give(failure(std::errc::io_error)), clean_up,
                                             std::ref(log), std::string("error")),
                            std::errc::io_error));
    EXPECT_THROW(co_await finally(fail(), clean_up, std::ref(log), std::string("exception")),
                 std::runtime_error);
    EXPECT_EQ(log, (Log{"error", "exception"}));
  });
}

TEST(Finally, RunsTheCleanUpOnceWhereverItsTaskIsAborted) {
  // Of a work of three turns and a clean-up of three: before the start, in each turn, after all.
  for (int turns = 0; turns < 12; ++turns) {
    Log log;
    bool ended = false;
    Tally tally;
    run([&]() -> Task<> {
      auto user = [&](Guard guard) -> Task<> {
        co_await finally(
            step(log, "work", 3),
            [](Log& into, Guard) -> Task<> { co_await clean_up(into, "clean-up"); }, std::ref(log),
            std::move(guard));
        ended = true;
      };
      JoinHandle<> handle = spawn(user, Guard(tally));
      for (int i = 0; i < turns; ++i) co_await yield_now();
      handle.abort();
      (void)co_await handle;
    });
    EXPECT_TRUE(tally.all_gone_once()) << turns;
    if (turns == 0) {
      EXPECT_TRUE(log.empty());
      continue;
    }
    ASSERT_GE(log.size(), 2U) << turns;
    EXPECT_EQ(log.back(), "clean-up");
    EXPECT_EQ(std::ranges::count(log, "clean-up"), 1);
    EXPECT_EQ(log[log.size() - 2], "~work");
    EXPECT_EQ(ended, turns > 8) << turns;
  }
}

TEST(Finally, RunsTheCleanUpAfterATimeLimit) {
  run([]() -> Task<> {
    Log log;
    const Result<> limited = co_await timeout(
        1ms, finally(step_for_ever(log), clean_up, std::ref(log), std::string("clean-up")));
    EXPECT_TRUE(failed_with(limited, Error::deadline_exceeded));
    EXPECT_EQ(log, (Log{"~work"}));  // it begins when the loop comes to it
    while (log.size() < 2) co_await yield_now();
    EXPECT_EQ(log.back(), "clean-up");
  });
}

Task<> note_reason(std::vector<CancelReason>& told) {
  co_await yield_now();
  told.push_back(cancellation_reason());
}

Task<> tell(std::vector<CancelReason>& told) {
  co_await finally(sleep_for(1h), note_reason, std::ref(told));
}

TEST(Finally, TellsTheCleanUpWhyItsOperationWasCancelled) {
  std::vector<CancelReason> told;
  run([&]() -> Task<> {
    co_await finally(yield_now(), note_reason, std::ref(told));
    EXPECT_FALSE(co_await timeout(1ms, tell(told)));
    (void)co_await when_any(tell(told), sleep_for(5ms));
    JoinHandle<void> aborted = spawn(tell, std::ref(told));
    co_await yield_now();
    aborted.abort();
    (void)co_await aborted;
    spawn(tell, std::ref(told)).detach();
    co_await yield_now();
  });
  EXPECT_EQ(told,
            (std::vector{CancelReason::none, CancelReason::deadline, CancelReason::other_branch,
                         CancelReason::abort, CancelReason::end_of_block_on}));
}

TEST(Finally, RunsTheCleanUpAfterTheEndOfItsGroup) {
  Log log;
  const std::string said = said_by_task([&]() -> Task<> {
    auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> {
        co_await finally(step_for_ever(log), clean_up, std::ref(log), std::string("clean-up"));
      });
      co_await yield_now();
      throw std::runtime_error("of the body");
    };
    EXPECT_THROW(co_await with_group(body), std::runtime_error);
  });
  EXPECT_EQ(log, (Log{"~work", "clean-up"}));
  EXPECT_EQ(said, "");
}

TEST(Finally, MakesBlockOnWaitForTheCleanUpAndWhatItSpawns) {
  Log log;
  auto late = [](Log& into) -> Task<> {
    JoinHandle<> spawned = spawn(clean_up, std::ref(into), std::string("spawned"));
    EXPECT_TRUE((co_await spawned).has_value());
    co_await sleep_for(1ms);
    into.emplace_back("clean-up");
  };
  run([&]() -> Task<> {
    auto user = [&]() -> Task<> { co_await finally(step_for_ever(log), late, std::ref(log)); };
    spawn(user).detach();
    co_await yield_now();
  });
  EXPECT_EQ(log, (Log{"~work", "spawned", "clean-up"}));
}

TEST(Finally, LetsTheCleanUpRunOnIfItIsCancelledMeanwhile) {
  Log log;
  const std::string said = said_by_task([&]() -> Task<> {
    auto user = [&]() -> Task<> {
      co_await finally(fail(), clean_up, std::ref(log), std::string("clean-up"));
    };
    const auto first = co_await when_any(user(), step(log, "other", 3));
    EXPECT_EQ(first.index(), 1U);
  });
  EXPECT_EQ(log.back(), "clean-up");
  // The exception of the work can come out no more.
  EXPECT_NE(said.find("of the work"), std::string::npos) << said;
}

TEST(Finally, DestroysACleanUpWhoseTaskHasNotBegun) {
  Log log;
  Tally tally;
  const std::string said = said_by_task([&]() -> Task<> {
    const auto with_guard = [](Log& into, Guard) -> Task<> { co_await clean_up(into, "clean-up"); };
    {
      const auto dropped = finally(sleep_for(0s), with_guard, std::ref(log), Guard(tally));
    }
    co_await when_any(yield_now(), yield_now());
  });
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(tally.all_gone_once());
  EXPECT_EQ(said, "");
}

TEST(Finally, GivesTheFailureOfTheCleanUpAfterAValue) {
  run([]() -> Task<> {
    EXPECT_THROW((void)co_await finally(give(1), fail_to_clean_up), std::runtime_error);
    EXPECT_TRUE(
        failed_with(co_await finally(give(1), clean_up_with_an_error), std::errc::broken_pipe));
    EXPECT_TRUE(
        failed_with(co_await finally_within(1ms, give(1), sleep_long), Error::deadline_exceeded));
    try {
      co_await finally(yield_now(), clean_up_with_an_error);
      ADD_FAILURE() << "it must throw";
    } catch (const std::system_error& thrown) {
      EXPECT_EQ(thrown.code(), std::errc::broken_pipe);
    }
  });
}

TEST(Finally, ReportsTheFailureOfACleanUpThatNobodyGets) {
  const auto after_an_error = said_by_task([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await finally(give(failure(std::errc::io_error)), fail_to_clean_up),
                            std::errc::io_error));
  });
  EXPECT_NE(after_an_error.find("of the clean-up"), std::string::npos) << after_an_error;

  const auto after_a_cancellation = said_by_task([]() -> Task<> {
    co_await when_any(finally(sleep_for(1h), clean_up_with_an_error), yield_now());
  });
  EXPECT_NE(after_a_cancellation.find("ended with an error"), std::string::npos);
  EXPECT_NE(after_a_cancellation.find("run.hpp"), std::string::npos) << after_a_cancellation;
}

TEST(Finally, EndsACleanUpAtItsLimit) {
  Log log;
  const std::string said = said_by_task([&]() -> Task<> {
    auto user = [&]() -> Task<> {
      co_await finally_within(1ms, sleep_for(1h), step_for_ever, std::ref(log));
    };
    co_await when_any(user(), yield_now());
  });
  EXPECT_EQ(log, (Log{"~work"}));
  EXPECT_NE(said.find("ended with an error"), std::string::npos) << said;
}

TEST(Finally, EndsTheCleanUpsWithinBeforeItBeginsItsOwn) {
  Log log;
  // In a branch, in a group, and one that has ended its work when all is cancelled.
  auto inner = [](Log& into, std::string name, int turns) -> Task<> {
    co_await finally(step(into, name, turns), clean_up, std::ref(into), "clean-up of " + name);
    co_await sleep_for(1h);
  };
  run([&]() -> Task<> {
    auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(inner, std::ref(log), std::string("grouped"), 100);
      co_await when_all(inner(log, "short", 1), inner(log, "long", 100));
    };
    auto outer = [&]() -> Task<> {
      co_await finally(
          with_group(body),
          [](Log& into) -> Task<> {
            into.emplace_back("outer clean-up");
            co_return;
          },
          std::ref(log));
    };
    JoinHandle<> handle = spawn(outer);
    for (int i = 0; i < 4; ++i) co_await yield_now();
    handle.abort();
    EXPECT_TRUE((co_await handle).error().is_cancelled());
  });
  ASSERT_EQ(log.back(), "outer clean-up");
  for (const char* name : {"clean-up of short", "clean-up of long", "clean-up of grouped"}) {
    EXPECT_EQ(std::ranges::count(log, name), 1) << name;
  }
}

Task<> nest(int levels, int& cleaned) {
  co_await yield_now();  // so that no recursion builds the chain
  if (levels == 0) {
    co_await sleep_for(1h);
    co_return;
  }
  co_await finally(nest(levels - 1, cleaned), count_up, std::ref(cleaned));
}

// Each clean-up once looked for the spawn place through all that was around it.
TEST(Finally, CancelsSixtyThousandLevelsWithinTheTimeOfATest) {
  constexpr int kLevels = 60'000;
  int cleaned = 0;
  run([&]() -> Task<> {
    JoinHandle<void> deep = spawn(nest, kLevels, std::ref(cleaned));
    for (int i = 0; i <= kLevels + 1; ++i) co_await yield_now();
    deep.abort();
    EXPECT_FALSE((co_await deep).has_value());
  });
  EXPECT_EQ(cleaned, kLevels);
}

void await_twice_inside_another() {
  run([]() -> Task<> {
    auto twice = []() -> Task<> {
      auto once = finally(yield_now(), []() -> Task<> { co_return; });
      co_await std::move(once);
      co_await std::move(once);  // NOLINT(bugprone-use-after-move)
    };
    int cleaned = 0;
    co_await finally(twice(), count_up, std::ref(cleaned));
  });
}

TEST(FinallyDeathTest, StopsTheProgramIfItIsAwaitedTwiceInsideAnother) {
  EXPECT_DEATH(await_twice_inside_another(), "awaited or spawned after it was moved from");
}

TEST(Finally, DoesNotWaitInACleanUpForOnesThatItMakesItself) {
  Log log;
  run([&]() -> Task<> {
    auto nested = [](Log& into) -> Task<> {
      co_await finally(yield_now(), clean_up, std::ref(into), std::string("inner"));
      into.emplace_back("outer");
    };
    co_await when_any(finally(sleep_for(1h), nested, std::ref(log)), yield_now());
  });
  EXPECT_EQ(log, (Log{"inner", "outer"}));
}

TEST(Finally, RunsEveryCleanUpOfALoopThatUsesItsBudgetUp) {
  int begun = 0;
  int cleaned = 0;
  run([&]() -> Task<> {
    auto loop = [&]() -> Task<> {
      for (;;) {
        auto work = [&]() -> Task<> {
          ++begun;
          co_return;
        };
        co_await finally(
            work(),
            [](int& count) -> Task<> {
              ++count;
              co_return;
            },
            std::ref(cleaned));
      }
    };
    for (int turns = 1; turns < 60; ++turns) {
      JoinHandle<> handle = spawn(loop);
      for (int i = 0; i < turns; ++i) co_await yield_now();
      handle.abort();
      (void)co_await handle;
    }
  });
  EXPECT_GT(begun, 100);
  EXPECT_EQ(cleaned, begun);
}

}  // namespace
}  // namespace eddy
