// SPDX-License-Identifier: MIT

#include "eddy/compose/task_group.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <system_error>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

Task<> run_for(int turns, Guard) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
}

Task<> never(Guard) { co_await suspend(); }

Task<> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a child");
}

TEST(TaskGroup, EndsWhenTheBodyAndAllTasksHaveEnded) {
  run([]() -> Task<> {
    Tally tally;
    const int result = co_await with_group([&](TaskGroup& group) -> Task<int> {
      for (int i = 0; i < 10; ++i) group.spawn(run_for, i, Guard(tally));
      EXPECT_EQ(group.size(), 10U);
      co_await yield_now();
      co_return 7;
    });
    EXPECT_EQ(result, 7);
    EXPECT_EQ(tally.alive(), 0);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, WithoutTasksEndsWithItsBody) {
  run([]() -> Task<> {
    co_await with_group([](TaskGroup&) -> Task<> { co_return; });
    const int value = co_await with_group([](TaskGroup&) -> Task<int> { co_return 1; });
    EXPECT_EQ(value, 1);
  });
}

TEST(TaskGroup, OutlivesABodyThatEndsAtOnce) {
  run([]() -> Task<> {
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      group.spawn(run_for, 5, Guard(tally));
      co_return;
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, ABodyThatThrowsCancelsTheTasks) {
  run([]() -> Task<> {
    Tally tally;
    for (const bool wait : {false, true}) {
      EXPECT_THROW(co_await with_group([&](TaskGroup& group) -> Task<> {
                     group.spawn(never, Guard(tally));
                     if (wait) co_await yield_now();
                     throw std::logic_error("of the body");
                   }),
                   std::logic_error);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TaskGroup, ABodyThatThrowsBeforeItReturnsItsTaskCancelsTheTasksToo) {
  run([]() -> Task<> {
    Tally tally;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(never, Guard(tally));
      throw std::logic_error("before any coroutine was made");
    };
    auto scope = with_group(body);
    EXPECT_THROW(co_await std::move(scope), std::logic_error);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, ATaskThatThrowsCancelsTheBodyAndTheOthers) {
  run([]() -> Task<> {
    Tally tally;
    for (const int turns : {0, 2}) {
      EXPECT_THROW(co_await with_group([&](TaskGroup& group) -> Task<> {
                     const Guard local(tally);
                     group.spawn(never, Guard(tally));
                     group.spawn(fail_after, turns);
                     group.spawn(never, Guard(tally));
                     co_await suspend();
                   }),
                   std::runtime_error);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TaskGroup, AnExceptionOfATaskComesOutEvenAfterTheBodyHasEnded) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await with_group([&](TaskGroup& group) -> Task<int> {
                   group.spawn(fail_after, 3);
                   co_return 1;
                 }),
                 std::runtime_error);
  });
}

TEST(TaskGroup, TheFirstOfSeveralExceptionsComesOut) {
  run([]() -> Task<> {
    auto fail_with = [](int turns, int what) -> Task<> {
      for (int i = 0; i < turns; ++i) co_await yield_now();
      throw what;  // NOLINT: not an std::exception, for brevity
    };
    int caught = 0;
    try {
      co_await with_group([&](TaskGroup& group) -> Task<> {
        group.spawn(fail_with, 3, 1);
        group.spawn(fail_with, 2, 2);
        group.spawn(fail_with, 2, 3);
        for (int i = 0; i < 3; ++i) co_await yield_now();
        throw 4;  // NOLINT
      });
    } catch (int what) {
      caught = what;
    }
    EXPECT_EQ(caught, 2);
  });
}

Task<Result<>> err_after(int turns, std::errc error) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return failure(error);
}

TEST(TaskGroup, ATaskThatGivesAnErrorCancelsTheBodyAndTheOthers) {
  run([]() -> Task<> {
    Tally tally;
    for (const int turns : {0, 2}) {
      auto body = [&](TaskGroup& group) -> Task<Result<int>> {
        const Guard local(tally);
        group.spawn(never, Guard(tally));
        group.spawn(err_after, turns, std::errc::timed_out);
        group.spawn(never, Guard(tally));
        co_await suspend();
        co_return 1;
      };
      const Result<int> result = co_await with_group(body);
      EXPECT_TRUE(!result && result.error() == std::errc::timed_out);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TaskGroup, AnErrorOfATaskComesOutEvenAfterTheBodyHasEnded) {
  run([]() -> Task<> {
    auto body = [](TaskGroup& group) -> Task<Result<int>> {
      group.spawn(err_after, 3, std::errc::timed_out);
      co_return 1;
    };
    const Result<int> result = co_await with_group(body);
    EXPECT_TRUE(!result && result.error() == std::errc::timed_out);
  });
}

TEST(TaskGroup, TasksThatGiveNoErrorLeaveTheResultToTheBody) {
  run([]() -> Task<> {
    auto well = [](int turns) -> Task<Result<>> {
      for (int i = 0; i < turns; ++i) co_await yield_now();
      co_return {};
    };
    auto body = [&](TaskGroup& group) -> Task<Result<int>> {
      for (int i = 0; i < 3; ++i) group.spawn(well, i);
      co_return 7;
    };
    EXPECT_EQ((co_await with_group(body)).value_or(0), 7);
  });
}

TEST(TaskGroup, ABodyThatGivesAnErrorCancelsTheTasks) {
  run([]() -> Task<> {
    Tally tally;
    for (const bool wait : {false, true}) {
      auto body = [&](TaskGroup& group) -> Task<Result<>> {
        group.spawn(never, Guard(tally));
        if (wait) co_await yield_now();
        co_return failure(std::errc::timed_out);
      };
      const Result<> result = co_await with_group(body);
      EXPECT_TRUE(!result && result.error() == std::errc::timed_out);
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(TaskGroup, TheFirstOfSeveralErrorsAndExceptionsComesOut) {
  run([]() -> Task<> {
    auto errors = [](TaskGroup& group) -> Task<Result<>> {
      group.spawn(err_after, 3, std::errc::io_error);
      group.spawn(err_after, 2, std::errc::timed_out);
      group.spawn(fail_after, 2);
      co_await suspend();
      co_return {};
    };
    const Result<> result = co_await with_group(errors);
    EXPECT_TRUE(!result && result.error() == std::errc::timed_out);

    auto exception = [](TaskGroup& group) -> Task<Result<>> {
      group.spawn(fail_after, 1);
      group.spawn(err_after, 1, std::errc::timed_out);
      co_await suspend();
      co_return {};
    };
    EXPECT_THROW((void)co_await with_group(exception), std::runtime_error);
  });
}

TEST(TaskGroup, ThrowsTheErrorOfATaskIfTheBodyGivesNoResult) {
  run([]() -> Task<> {
    auto body = [](TaskGroup& group) -> Task<int> {
      group.spawn(err_after, 1, std::errc::timed_out);
      co_return 1;
    };
    std::error_code caught;
    try {
      (void)co_await with_group(body);
    } catch (const std::system_error& error) {
      caught = error.code();
    }
    EXPECT_EQ(caught, std::errc::timed_out);
  });
}

TEST(TaskGroup, CancelsItsTasksThenItsBodyIfItIsCancelledFromOutside) {
  run([]() -> Task<> {
    Log log;
    auto child = [&]() -> Task<> {
      const Trace trace(log, "child");
      co_await suspend();
    };
    auto body = [&](TaskGroup& group) -> Task<> {
      const Trace trace(log, "body");
      group.spawn(child);
      co_await suspend();
    };
    auto scope = [&]() -> Task<> {
      const Trace trace(log, "scope");
      co_await with_group(body);
    };
    JoinHandle<void> handle = spawn(scope);
    co_await yield_now();
    co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_EQ(log, (Log{"~child", "~body", "~scope"}));
  });
}

TEST(TaskGroup, CancelEndsTheTasksButNotTheBody) {
  run([]() -> Task<> {
    Tally tally;
    bool went_on = false;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 5; ++i) group.spawn(never, Guard(tally));
      co_await yield_now();
      group.cancel();
      EXPECT_EQ(group.size(), 5U);
      co_await group.idle();
      EXPECT_EQ(group.size(), 0U);
      EXPECT_TRUE(tally.all_gone_once());
      group.cancel();
      went_on = true;
    });
    EXPECT_TRUE(went_on);
  });
}

TEST(TaskGroup, BecomesIdleAfterATaskThatHasUsedItsBudgetUp) {
  run([]() -> Task<> {
    co_await with_group([](TaskGroup& group) -> Task<> {
      const auto add = [&]() -> Task<> {
        group.spawn([]() -> Task<> { co_await sleep_for(1ms); });
        co_return;
      };
      spawn(add).detach();
      for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(0s);
      co_await group.idle();  // yields before it looks whether the group is idle
      EXPECT_EQ(group.size(), 0U);
    });
  });
}

TEST(TaskGroup, SpawnsNothingAfterCancel) {
  run([]() -> Task<> {
    Tally tally;
    bool ran = false;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      group.cancel();
      group.spawn(
          [&](Guard) -> Task<> {
            ran = true;
            co_return;
          },
          Guard(tally));
      EXPECT_EQ(group.size(), 0U);
      co_await group.idle();
    });
    EXPECT_FALSE(ran);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, ATaskThatCancelsItsGroupRunsToItsNextWait) {
  run([]() -> Task<> {
    Tally tally;
    Log log;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      auto canceller = [&](Guard) -> Task<> {
        co_await yield_now();
        group.cancel();
        log.emplace_back("still runs");
        co_await yield_now();
        log.emplace_back("never");
      };
      group.spawn(never, Guard(tally));
      group.spawn(canceller, Guard(tally));
      group.spawn(never, Guard(tally));
      co_await group.idle();
      log.emplace_back("idle");
    });
    EXPECT_EQ(log, (Log{"still runs", "idle"}));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, MayBeCancelledByADestructorOfOneOfItsTasks) {
  run([]() -> Task<> {
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      auto child = [&](Guard) -> Task<> {
        const AtEnd at_end([&] {
          group.cancel();
          group.spawn(never, Guard(tally));
        });
        co_await suspend();
      };
      for (int i = 0; i < 3; ++i) group.spawn(child, Guard(tally));
      co_await yield_now();
      group.cancel();
      co_await group.idle();
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, ADestructorOfAnEndingTaskMaySpawnIntoTheGroup) {
  run([]() -> Task<> {
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      auto last = [&](Guard) -> Task<> {
        const AtEnd at_end([&] { group.spawn(run_for, 3, Guard(tally)); });
        co_await yield_now();
      };
      group.spawn(last, Guard(tally));
      co_return;
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, ATaskMaySpawnIntoItsGroup) {
  run([]() -> Task<> {
    int ran = 0;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      std::function<Task<>(int)> tree = [&](int depth) -> Task<> {
        ++ran;
        co_await yield_now();
        if (depth == 0) co_return;
        group.spawn(std::ref(tree), depth - 1);
        group.spawn(std::ref(tree), depth - 1);
      };
      group.spawn(std::ref(tree), 6);
      co_await group.idle();
    });
    EXPECT_EQ(ran, 127);
  });
}

TEST(TaskGroup, AtAPlaceItSpawnsWithAnyNumberOfArguments) {
  run([]() -> Task<> {
    int sum = 0;
    const auto add = [](int& total, int a, int b, int c, int d, int e, int f) -> Task<> {
      total += a + b + c + d + e + f;
      co_return;
    };
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn_at(std::source_location::current(), add, std::ref(sum), 1, 2, 3, 4, 5, 6);
      co_return;
    };
    co_await with_group(body);
    EXPECT_EQ(sum, 21);
  });
}

TEST(TaskGroup, IdleCompletesEachTimeTheGroupIsEmpty) {
  run([]() -> Task<> {
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      co_await group.idle();
      for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 4; ++i) group.spawn(run_for, i, Guard(tally));
        co_await group.idle();
        EXPECT_EQ(tally.alive(), 0);
      }
      group.spawn(never, Guard(tally));
      EXPECT_FALSE((co_await timeout(1ms, group.idle())).has_value());
      const auto first = co_await when_any(group.idle(), yield_now());
      EXPECT_EQ(first.index(), 1U);
      group.cancel();
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

// The operation outlives its limit here. If it were still in the group's list, the end of the group
// would end the wait for a waker.
TEST(TaskGroup, DoesNotWakeATaskWhoseWaitForIdleHasPassedItsLimit) {
  run([]() -> Task<> {
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      group.spawn(never, Guard(tally));
      auto limited = timeout(1ms, group.idle());
      EXPECT_FALSE((co_await std::move(limited)).has_value());
      group.cancel();
      EXPECT_FALSE((co_await timeout(1ms, suspend())).has_value());
      EXPECT_EQ(group.size(), 0U);
    });
  });
}

TEST(TaskGroup, HoldsTenThousandTasks) {
  run([]() -> Task<> {
    constexpr int kTasks = 10'000;
    Tally tally;
    co_await with_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < kTasks; ++i) group.spawn(run_for, i % 3, Guard(tally));
      EXPECT_EQ(group.size(), std::size_t{kTasks});
      co_await group.idle();
      for (int i = 0; i < kTasks; ++i) group.spawn(never, Guard(tally));
      co_await yield_now();
      EXPECT_EQ(tally.alive(), kTasks);
      group.cancel();
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, MayBeNested) {
  run([]() -> Task<> {
    Tally tally;
    auto inner = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) group.spawn(run_for, i, Guard(tally));
      co_return;
    };
    auto child = [&]() -> Task<> { co_await with_group(inner); };
    co_await with_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) group.spawn(child);
      co_await with_group(inner);
    });
    EXPECT_TRUE(tally.all_gone_once());

    auto inner_for_ever = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) group.spawn(never, Guard(tally));
      co_await suspend();
    };
    auto child_for_ever = [&]() -> Task<> { co_await with_group(inner_for_ever); };
    EXPECT_THROW(co_await with_group([&](TaskGroup& group) -> Task<> {
                   for (int i = 0; i < 3; ++i) group.spawn(child_for_ever);
                   group.spawn(fail_after, 3);
                   co_await with_group(inner_for_ever);
                 }),
                 std::runtime_error);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, IsCancelledByAWhenAnyOrATimeoutAroundIt) {
  run([]() -> Task<> {
    Tally tally;
    auto for_ever = [&](TaskGroup& group) -> Task<> {
      group.spawn(never, Guard(tally));
      co_await suspend();
    };
    auto quick = [&](TaskGroup& group) -> Task<int> {
      group.spawn(run_for, 2, Guard(tally));
      co_return 3;
    };
    const auto first = co_await when_any(with_group(for_ever), with_group(quick));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_FALSE((co_await timeout(1ms, with_group(for_ever))).has_value());
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_EQ((co_await timeout(1h, with_group(quick))).value_or(0), 3);
    const auto both = co_await when_all(with_group(quick), with_group(quick));
    EXPECT_EQ(std::get<0>(both), 3);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(TaskGroup, TheEndOfBlockOnCancelsTheTasksOfGroupsToo) {
  Tally tally;
  auto body = [&](TaskGroup& group) -> Task<> {
    group.spawn(never, Guard(tally));
    co_await suspend();
  };
  auto scope = [&]() -> Task<> { co_await with_group(body); };
  run([&]() -> Task<> {
    spawn(scope).detach();
    co_await yield_now();
    co_await yield_now();
    EXPECT_EQ(tally.alive(), 1);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(TaskGroup, TheBodyMayBeAFunctionOrOwnItsState) {
  run([]() -> Task<> {
    Tally tally;
    auto body = [guard = Guard(tally)](TaskGroup& group) -> Task<> {
      group.spawn(run_for, 1, guard);
      co_await yield_now();
    };
    co_await with_group(body);
    co_await with_group(std::ref(body));
  });
}

}  // namespace
}  // namespace eddy
