// SPDX-License-Identifier: MIT

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

Task<> wait_for_ever(Guard) { co_await suspend(); }

Task<bool> is_cancelled(JoinHandle<void>& handle) {
  const JoinResult<void> joined = co_await handle;
  co_return !joined.has_value() && joined.error().is_cancelled();
}

// In moduvex_runtime the abort of an idle task did nothing, and block_on hung.
TEST(Abort, OfAnIdleTaskDestroysIt) {
  run([]() -> Task<> {
    Tally tally;
    JoinHandle<void> handle = spawn(wait_for_ever, Guard(tally));
    co_await yield_now();
    handle.abort();
    EXPECT_EQ(tally.alive(), 1) << "abort returns before the task is gone";
    EXPECT_TRUE(co_await is_cancelled(handle));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Abort, OfATaskThatNeverStartedDestroysItsArguments) {
  run([]() -> Task<> {
    Tally tally;
    bool ran = false;
    auto task = [&](Guard) -> Task<> {
      ran = true;
      co_return;
    };
    JoinHandle<void> handle = spawn(task, Guard(tally));
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
    EXPECT_FALSE(ran);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Abort, OfAScheduledTaskKeepsItFromRunning) {
  run([]() -> Task<> {
    bool ran_on = false;
    std::optional<Waker> waker;
    auto task = [&]() -> Task<> {
      waker.emplace(co_await current_waker());
      co_await suspend();
      ran_on = true;
    };
    JoinHandle<void> handle = spawn(task);
    co_await yield_now();
    waker->wake();
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
    EXPECT_FALSE(ran_on);
  });
}

TEST(Abort, OfTheRunningTaskDestroysItAtItsNextSuspension) {
  run([]() -> Task<> {
    Log log;
    std::optional<JoinHandle<void>> handle;
    auto task = [&]() -> Task<> {
      const Trace local(log, "local");
      co_await yield_now();
      handle->abort();
      log.emplace_back("still runs");
      co_await sleep_for(0s);  // completes at once: no suspension
      log.emplace_back("runs on");
      co_await sleep_for(1h);
      log.emplace_back("never");
    };
    handle.emplace(spawn(task));
    EXPECT_TRUE(co_await is_cancelled(*handle));
    EXPECT_EQ(log, (Log{"still runs", "runs on", "~local"}));
  });
}

TEST(Abort, OfTheRunningTaskLetsItEndIfItDoesNotSuspendAgain) {
  run([]() -> Task<> {
    std::optional<JoinHandle<int>> handle;
    auto task = [&]() -> Task<int> {
      co_await yield_now();
      handle->abort();
      co_return 5;
    };
    handle.emplace(spawn(task));
    EXPECT_EQ((co_await *handle).value(), 5);
  });
}

TEST(Abort, OfATaskThatHasEndedChangesNothing) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn([]() -> Task<int> { co_return 6; });
    const AbortHandle other = handle.abort_handle();
    co_await yield_now();
    handle.abort();
    other.abort();
    EXPECT_EQ((co_await handle).value(), 6);
    handle.abort();
    handle.abort_handle().abort();
  });
}

TEST(Abort, ASecondAbortDoesNothing) {
  run([]() -> Task<> {
    Tally tally;
    JoinHandle<void> handle = spawn(wait_for_ever, Guard(tally));
    co_await yield_now();
    handle.abort();
    handle.abort();
    handle.abort_handle().abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
    handle.abort();
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Abort, DestroysTheFramesInnermostFirst) {
  Log log;
  auto innermost = [&]() -> Task<> {
    const Trace first(log, "innermost 1");
    const Trace second(log, "innermost 2");
    co_await suspend();
  };
  auto middle = [&](Trace) -> Task<> {
    const Trace local(log, "middle");
    co_await innermost();
  };
  auto outermost = [&]() -> Task<> {
    const Trace local(log, "outermost");
    co_await middle(Trace(log, "argument of middle"));
  };
  run([&]() -> Task<> {
    JoinHandle<void> handle = spawn(outermost);
    co_await yield_now();
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
  });
  EXPECT_EQ(log,
            (Log{"~innermost 2", "~innermost 1", "~middle", "~argument of middle", "~outermost"}));
}

TEST(Abort, CannotBeCaughtByTheCancelledTask) {
  Log log;
  auto stubborn = [&]() -> Task<> {
    const Trace local(log, "local");
    for (;;) {
      try {
        co_await suspend();
      } catch (...) {
        log.emplace_back("caught");
      }
      log.emplace_back("ran on");
    }
  };
  run([&]() -> Task<> {
    JoinHandle<void> handle = spawn(stubborn);
    co_await yield_now();
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
  });
  EXPECT_EQ(log, (Log{"~local"}));
}

TEST(Abort, FromAnotherThreadDestroysTheTaskOnItsOwnThread) {
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<void> handle = spawn(wait_for_ever, Guard(tally));
    const std::jthread other([abort = handle.abort_handle()] { abort.abort(); });
    EXPECT_TRUE(co_await is_cancelled(handle));
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Abort, FromManyThreadsAtOnceCancelsTheTaskOnce) {
  Tally tally;
  run([&]() -> Task<> {
    for (int round = 0; round < 50; ++round) {
      JoinHandle<void> handle = spawn(wait_for_ever, Guard(tally));
      // No std::latch: that of libstdc++ 12 for Windows may lose a wake when the machine is busy.
      std::atomic<int> start = 3;
      const auto arrive = [&start] {
        --start;
        while (start.load() != 0) std::this_thread::yield();
      };
      auto abort_it = [&arrive](const AbortHandle& abort) {
        arrive();
        abort.abort();
        abort.abort();
      };
      const std::jthread first(abort_it, handle.abort_handle());
      const std::jthread second(abort_it, handle.abort_handle());
      arrive();
      if (round % 2 == 0) co_await yield_now();
      handle.abort();
      EXPECT_TRUE(co_await is_cancelled(handle));
    }
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Abort, ThroughAnAbortHandleWorksAfterTheJoinHandleIsGone) {
  run([]() -> Task<> {
    Tally tally;
    std::optional<AbortHandle> abort;
    {
      JoinHandle<void> handle = spawn(wait_for_ever, Guard(tally));
      abort.emplace(handle.abort_handle());
    }
    co_await yield_now();
    EXPECT_EQ(tally.alive(), 1);
    abort->abort();
    co_await yield_now();
    EXPECT_TRUE(tally.all_gone_once());
    abort->abort();
  });
}

TEST(Abort, AWakeAndAnAbortFromAnotherThreadAreNotConfused) {
  // Both are messages of one cell; the abort must win whatever their order.
  run([]() -> Task<> {
    for (const bool wake_first : {true, false}) {
      Tally tally;
      std::optional<Waker> waker;
      auto task = [&](Guard) -> Task<> {
        waker.emplace(co_await current_waker());
        for (;;) co_await suspend();
      };
      JoinHandle<void> handle = spawn(task, Guard(tally));
      co_await yield_now();
      std::thread([&, abort = handle.abort_handle()] {
        if (wake_first) waker->wake();
        abort.abort();
        waker->wake();
      }).join();
      EXPECT_TRUE(co_await is_cancelled(handle));
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(Abort, OfAParentByItsRunningBranchCancelsTheBranchAtItsNextWait) {
  run([]() -> Task<> {
    Log log;
    std::optional<JoinHandle<void>> handle;
    auto branch = [&]() -> Task<> {
      const Trace local(log, "branch");
      co_await yield_now();
      handle->abort();
      log.emplace_back("aborted");
      co_await yield_now();
      log.emplace_back("never");
    };
    auto other = [&]() -> Task<> {
      const Trace local(log, "other");
      co_await suspend();
    };
    auto parent = [&]() -> Task<> {
      const Trace local(log, "parent");
      co_await when_any(branch(), other());
      log.emplace_back("never");
    };
    handle.emplace(spawn(parent));
    EXPECT_TRUE(co_await is_cancelled(*handle));
    EXPECT_EQ(log.front(), "aborted");
    EXPECT_EQ(log.back(), "~parent");
    EXPECT_EQ(log.size(), 4U);
  });
}

TEST(Abort, OfAParentByABranchInItsFirstRunCancelsTheParentAtItsNextWait) {
  run([]() -> Task<> {
    Log log;
    std::optional<JoinHandle<void>> handle;
    auto branch = [&](bool wait) -> Task<> {
      const Trace local(log, "branch");
      handle->abort();
      if (wait) co_await suspend();
    };
    auto parent = [&](bool wait) -> Task<> {
      const Trace local(log, "parent");
      co_await when_all(branch(wait), yield_now());
      log.emplace_back("never");
    };
    for (const bool wait : {false, true}) {
      log.clear();
      handle.emplace(spawn(parent, wait));
      EXPECT_TRUE(co_await is_cancelled(*handle));
      EXPECT_EQ(log, (Log{"~branch", "~parent"}));
    }
  });
}

TEST(Abort, InADestructorOfACancelledTaskCancelsAnotherTask) {
  run([]() -> Task<> {
    Tally tally;
    // The destructor of each aborts the next. The last aborts the first, which is gone.
    constexpr int kRing = 5;
    std::vector<JoinHandle<void>> ring;
    auto task = [&](int i, Guard) -> Task<> {
      const AtEnd at_end([&ring, i] { ring[static_cast<std::size_t>((i + 1) % kRing)].abort(); });
      co_await suspend();
    };
    for (int i = 0; i < kRing; ++i) ring.push_back(spawn(task, i, Guard(tally)));
    co_await yield_now();
    ring[2].abort();
    for (JoinHandle<void>& handle : ring) EXPECT_TRUE(co_await is_cancelled(handle));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Abort, ADestructorMayWakeAndAbortItsOwnDyingTask) {
  run([]() -> Task<> {
    Tally tally;
    std::optional<Waker> waker;
    std::optional<AbortHandle> abort;
    auto task = [&](Guard) -> Task<> {
      waker.emplace(co_await current_waker());
      const AtEnd at_end([&] {
        waker->wake();
        abort->abort();
      });
      co_await suspend();
    };
    JoinHandle<void> handle = spawn(task, Guard(tally));
    abort.emplace(handle.abort_handle());
    co_await yield_now();
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
    co_await yield_now();
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Abort, ADestructorMaySpawnATaskThatOutlivesItsOwn) {
  bool cleaned = false;
  run([&]() -> Task<> {
    auto task = [&]() -> Task<> {
      const AtEnd at_end([&] {
        spawn([&]() -> Task<> {
          co_await yield_now();
          cleaned = true;
        }).detach();
      });
      co_await suspend();
    };
    JoinHandle<void> handle = spawn(task);
    co_await yield_now();
    handle.abort();
    EXPECT_TRUE(co_await is_cancelled(handle));
    co_await yield_now();
    co_await yield_now();
  });
  EXPECT_TRUE(cleaned);
}

TEST(Abort, AReadyBranchOfAnAbortedTaskNeverRuns) {
  run([]() -> Task<> {
    bool ran = false;
    auto branch = [&](bool& runs_on) -> Task<> {
      co_await yield_now();  // now it is on the ready queue, ahead of the task that will be aborted
      runs_on = true;
    };
    auto selecting = [&]() -> Task<> { co_await when_any(branch(ran), sleep_for(1h)); };
    auto grouping = [&]() -> Task<> {
      co_await with_group([&](TaskGroup& group) -> Task<> {
        group.spawn([&]() -> Task<> { co_await when_any(branch(ran), sleep_for(1h)); });
        co_await sleep_for(1h);
      });
    };
    JoinHandle<void> first = spawn(selecting);
    JoinHandle<void> second = spawn(grouping);
    co_await yield_now();
    first.abort();
    second.abort();
    EXPECT_TRUE(co_await is_cancelled(first));
    EXPECT_TRUE(co_await is_cancelled(second));
    EXPECT_FALSE(ran);
  });
}

TEST(Abort, OfAGroupsTasksDestroysThemInTheOrderOfTheirSpawn) {
  Log log;
  run([&]() -> Task<> {
    co_await with_group([&](TaskGroup& group) -> Task<> {
      for (const char* name : {"first", "second", "third"}) {
        group.spawn(
            [&](const char* own) -> Task<> {
              const Trace trace(log, own);
              co_await suspend();
            },
            name);
      }
      co_await yield_now();
      group.cancel();
      co_await group.idle();
    });
  });
  EXPECT_EQ(log, (Log{"~first", "~second", "~third"}));
}

}  // namespace
}  // namespace eddy
