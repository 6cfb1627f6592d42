// SPDX-License-Identifier: MIT

#include "eddy/task/block_on.hpp"

#include "eddy/reactor/reactor.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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

TEST(BlockOn, GivesTheValueOfItsTask) {
  auto text = []() -> Task<std::string> {
    co_await yield_now();
    co_return "value";
  };
  EXPECT_EQ(block_on(text()), "value");
}

TEST(BlockOn, ThrowsTheExceptionOfItsTaskAndWorksAgain) {
  auto fail = []() -> Task<int> {
    co_await yield_now();
    throw std::runtime_error("of the root");
  };
  EXPECT_THROW((void)block_on(fail()), std::runtime_error);
  EXPECT_EQ(block_on([]() -> Task<int> { co_return 1; }()), 1);
}

// In moduvex_runtime the panic of a task unwound block_on.
TEST(BlockOn, IsNotEndedByTheExceptionOfASpawnedTask) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    spawn([]() -> Task<> {
      throw std::runtime_error("of a detached task");
      co_return;
    }).detach();
    co_await yield_now();
    co_await yield_now();
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("block_on_test.cpp"), std::string::npos) << said;
  EXPECT_NE(said.find("of a detached task"), std::string::npos) << said;
}

TEST(BlockOn, DestroysItsTaskBeforeItReturns) {
  Log log;
  block_on([](Trace) -> Task<> { co_await yield_now(); }(Trace(log, "argument")));
  log.emplace_back("returned");
  EXPECT_EQ(log, (Log{"~argument", "returned"}));
}

TEST(BlockOn, CancelsTheTasksThatAreLeftAtItsEnd) {
  Tally tally;
  run([&]() -> Task<> {
    for (int i = 0; i < 10; ++i) spawn(wait_for_ever, Guard(tally)).detach();
    co_await yield_now();
    for (int i = 0; i < 10; ++i) spawn(wait_for_ever, Guard(tally)).detach();  // never started
    EXPECT_EQ(tally.alive(), 20);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(BlockOn, CancelsTheTasksThatAreLeftIfItsTaskThrows) {
  Tally tally;
  EXPECT_THROW(run([&]() -> Task<> {
                 spawn(wait_for_ever, Guard(tally)).detach();
                 co_await yield_now();
                 throw std::runtime_error("of the root");
               }),
               std::runtime_error);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(BlockOn, CancelsTasksThatDestructorsOfCancelledTasksSpawn) {
  Tally tally;
  auto spawn_at_end = [&](Guard) -> Task<> {
    const AtEnd at_end([&] { spawn(wait_for_ever, Guard(tally)).detach(); });
    co_await suspend();
  };
  run([&]() -> Task<> {
    for (int i = 0; i < 3; ++i) spawn(spawn_at_end, Guard(tally)).detach();
    co_await yield_now();
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(BlockOn, ADestructorAtItsEndMayAbortOrDetachOthers) {
  Tally tally;
  run([&]() -> Task<> {
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 5; ++i) handles.push_back(spawn(wait_for_ever, Guard(tally)));
    auto keeper = [](std::vector<JoinHandle<void>> kept) -> Task<> {
      const AtEnd at_end([&] {
        for (JoinHandle<void>& handle : kept) handle.abort();
      });
      co_await suspend();
    };
    spawn(keeper, std::move(handles)).detach();
    co_await yield_now();
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(BlockOn, WaitsForShieldedTasksAndCancelsWhatTheyLeave) {
  Log log;
  auto forever = [&]() -> Task<> {
    const Trace trace(log, "left");
    co_await suspend();
  };
  auto child = [&]() -> Task<> {
    co_await sleep_for(1ms);
    log.emplace_back("its child");
  };
  auto clean_up = [&]() -> Task<> {
    co_await sleep_for(2ms);
    log.emplace_back("cleaned up");
    spawn(forever).detach();
    (void)co_await spawn(child);
  };
  auto user = [&]() -> Task<> {
    const Trace trace(log, "user");
    co_await shield(clean_up());
    log.emplace_back("never");
  };
  run([&]() -> Task<> {
    spawn(user).detach();
    co_await yield_now();
  });
  EXPECT_EQ(log, (Log{"~user", "cleaned up", "its child", "~left"}));
}

TEST(BlockOn, JoinHandlesMayOutliveBlockOn) {
  std::optional<JoinHandle<int>> cancelled;
  std::optional<JoinHandle<int>> ended;
  run([&]() -> Task<> {
    cancelled.emplace(spawn([]() -> Task<int> {
      co_await suspend();
      co_return 1;
    }));
    ended.emplace(spawn([]() -> Task<int> { co_return 2; }));
    co_await yield_now();
  });
  EXPECT_TRUE(cancelled->finished());
  cancelled->abort();
  run([&]() -> Task<> {
    const JoinResult<int> first = co_await *cancelled;
    EXPECT_TRUE(!first && first.error().is_cancelled());
    EXPECT_EQ((co_await *ended).value(), 2);
  });
}

TEST(BlockOn, RunsOnSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<int> results(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i, &results] {
      results[static_cast<std::size_t>(i)] = block_on([](int n) -> Task<int> {
        co_await sleep_for(1ms);
        JoinHandle<int> handle = spawn([](int m) -> Task<int> { co_return m* m; }, n);
        co_return (co_await handle).value();
      }(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results, (std::vector<int>{0, 1, 4, 9}));
}

TEST(BlockOnDeathTest, InsideATaskStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 run([]() -> Task<> { co_return; });
                 co_return;
               }),
               "block_on was called inside a task");
}

/// Its destructor ends the program with another code.
struct Forbidden {
  explicit Forbidden(std::string name) : text(std::move(name)) {}
  Forbidden(const Forbidden&) = delete;
  Forbidden& operator=(const Forbidden&) = delete;
  ~Forbidden() { std::_Exit(3); }

  std::string text;
};

TEST(BlockOnDeathTest, ATaskMayCallExitWhichDestroysNoTask) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        run([]() -> Task<> {
          auto other = []() -> Task<> {
            const Forbidden local(std::string(100, 'x'));
            co_await suspend();
          };
          const JoinHandle<void> idle = spawn(other);
          {
            const std::string gone(100, 'x');
            co_await yield_now();
          }
          std::exit(0);
        });
      },
      testing::ExitedWithCode(0), "");
}

/// Calls `at_end` when its thread ends, after objects that were made later are destroyed.
struct ThreadEnd {
  explicit ThreadEnd(void (*f)()) : at_end(f) {}
  ThreadEnd(const ThreadEnd&) = delete;
  ThreadEnd& operator=(const ThreadEnd&) = delete;
  ~ThreadEnd() { at_end(); }

  void (*at_end)();
};

TEST(BlockOnDeathTest, AWorkerThatIsMadeWhileItsThreadEndsKeepsItsReactor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      std::thread([] {
        thread_local const ThreadEnd last([] {
          int tasks = 0;
          dump_tasks([&](std::string_view) { ++tasks; });
          std::_Exit(tasks);
        });
        // Is destroyed after the worker, and makes another worker.
        thread_local const ThreadEnd late([] { spawn([]() -> Task<> { co_return; }).detach(); });
        run([]() -> Task<> { co_return; });
      }).join(),
      testing::ExitedWithCode(1), "");
}

TEST(BlockOnDeathTest, MayBeCalledWhileTheProgramEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        run([]() -> Task<> { co_await sleep_for(1ms); });
        std::atexit([] {
          // The loop and the reactor of the thread are destroyed already.
          for (int i = 0; i < 2; ++i) run([]() -> Task<> { co_await sleep_for(1ms); });
          std::_Exit(7);
        });
        std::exit(0);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace eddy
