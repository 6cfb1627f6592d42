// SPDX-License-Identifier: MIT

#include "eddy/task/join_handle.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::run;
using test::Tally;

Task<int> give_later(int value, int turns = 1) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<int> throw_later() {
  co_await yield_now();
  throw std::runtime_error("of the task");
}

Task<int> wait_for_ever(Guard) {
  co_await suspend();
  co_return 0;
}

TEST(JoinHandle, GivesTheValue) {
  run([]() -> Task<> {
    JoinHandle<int> running = spawn(give_later, 5, 1);
    EXPECT_FALSE(running.finished());
    EXPECT_EQ((co_await running).value(), 5);

    JoinHandle<int> ended = spawn(give_later, 6, 0);
    co_await yield_now();
    EXPECT_TRUE(ended.finished());
    EXPECT_EQ((co_await ended).value(), 6);
  });
}

TEST(JoinHandle, GivesTheException) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn(throw_later);
    const JoinResult<int> joined = co_await handle;
    EXPECT_FALSE(joined.has_value());
    if (joined) co_return;
    EXPECT_FALSE(joined.error().is_cancelled());
    EXPECT_NE(joined.error().exception(), nullptr);
    EXPECT_THROW(joined.error().rethrow(), std::runtime_error);
  });
}

TEST(JoinHandle, SaysWhetherTheTaskWasCancelledOrThrew) {
  run([]() -> Task<> {
    Tally tally;
    JoinHandle<int> handle = spawn(wait_for_ever, Guard(tally));
    handle.abort();
    const JoinResult<int> joined = co_await handle;
    EXPECT_FALSE(joined.has_value());
    if (joined) co_return;
    EXPECT_TRUE(joined.error().is_cancelled());
    EXPECT_EQ(joined.error().exception(), nullptr);
    EXPECT_THROW(joined.error().rethrow(), std::system_error);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(JoinHandle, DroppingItDetachesTheTask) {
  bool ended = false;
  run([&]() -> Task<> {
    auto task = [&]() -> Task<> {
      co_await yield_now();
      ended = true;
    };
    {
      const JoinHandle<void> dropped = spawn(task);
    }
    co_await yield_now();
    co_await yield_now();
  });
  EXPECT_TRUE(ended);
}

TEST(JoinHandle, AnExceptionOfADetachedTaskIsReported) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    spawn(throw_later).detach();
    spawn([]() -> Task<> {
      throw 5;  // NOLINT: not an std::exception, on purpose
      co_return;
    }).detach();
    for (int i = 0; i < 3; ++i) co_await yield_now();
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("a detached task, spawned at "), std::string::npos) << said;
  EXPECT_NE(said.find("join_handle_test.cpp:"), std::string::npos) << said;
  EXPECT_NE(said.find("ended with an exception: of the task"), std::string::npos) << said;
  EXPECT_NE(said.find("ended with an exception\n"), std::string::npos) << said;
}

TEST(JoinHandle, AJoinThatIsCancelledLeavesTheTaskRunning) {
  run([]() -> Task<> {
    bool released = false;
    auto task = [&]() -> Task<int> {
      while (!released) co_await yield_now();
      co_return 7;
    };
    JoinHandle<int> handle = spawn(task);
    const auto first = co_await when_any(handle, yield_now());
    EXPECT_EQ(first.index(), 1U);
    const auto timed = co_await timeout(0s, handle);
    EXPECT_FALSE(timed.has_value());
    EXPECT_FALSE(handle.finished());
    released = true;
    EXPECT_EQ((co_await handle).value(), 7);
  });
}

// The operation outlives its limit here. If it were still in the handle's list, the end of the task
// would end the wait for a waker.
TEST(JoinHandle, DoesNotWakeATaskWhoseJoinHasPassedItsLimit) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn([]() -> Task<> { co_await suspend(); });
    auto limited = timeout(1ms, handle);
    EXPECT_FALSE((co_await std::move(limited)).has_value());
    handle.abort();
    EXPECT_FALSE((co_await timeout(1ms, suspend())).has_value());
    EXPECT_TRUE(handle.finished());
  });
}

TEST(JoinHandle, WakesEveryJoiner) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn([]() -> Task<> {
      for (int i = 0; i < 5; ++i) co_await yield_now();
    });
    int joined = 0;
    auto join = [&]() -> Task<> {
      const JoinResult<void> result = co_await handle;
      EXPECT_TRUE(result.has_value());
      ++joined;
    };
    JoinHandle<void> first = spawn(join);
    JoinHandle<void> second = spawn(join);
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(joined, 2);
  });
}

TEST(JoinHandle, CancellingOneOfTwoJoinersLeavesTheOther) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn(give_later, 8, 10);
    auto join = [&]() -> Task<int> { co_return (co_await handle).value(); };
    JoinHandle<int> cancelled = spawn(join);
    JoinHandle<int> stays = spawn(join);
    co_await yield_now();
    cancelled.abort();
    EXPECT_TRUE((co_await cancelled).error().is_cancelled());
    EXPECT_EQ((co_await stays).value(), 8);
  });
}

TEST(JoinHandle, CanBeMovedWhileTheTaskRuns) {
  run([]() -> Task<> {
    std::vector<JoinHandle<int>> handles;
    for (int i = 0; i < 100; ++i) handles.push_back(spawn(give_later, i, i % 3));
    co_await yield_now();
    std::vector<JoinHandle<int>> moved;
    for (JoinHandle<int>& handle : handles) moved.push_back(std::move(handle));
    handles.clear();
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ((co_await moved[static_cast<std::size_t>(i)]).value(), i);
    }
  });
}

TEST(JoinHandle, CanBeMovedOnceItsJoinWasCancelled) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn(give_later, 9, 5);
    auto join = [&]() -> Task<int> { co_return (co_await handle).value(); };
    JoinHandle<int> joiner = spawn(join);
    co_await yield_now();
    joiner.abort();
    EXPECT_FALSE((co_await joiner).has_value());
    JoinHandle<int> moved = std::move(handle);
    EXPECT_EQ((co_await moved).value(), 9);
  });
}

TEST(JoinHandle, AssigningAnotherHandleToItDetachesItsOldTask) {
  run([]() -> Task<> {
    bool ended = false;
    auto old_task = [&]() -> Task<int> {
      co_await yield_now();
      ended = true;
      co_return 1;
    };
    JoinHandle<int> handle = spawn(old_task);
    handle = spawn(give_later, 2, 5);
    EXPECT_EQ((co_await handle).value(), 2);
    EXPECT_TRUE(ended);
  });
}

TEST(JoinHandle, DestroyingItWhileItIsAwaitedEndsTheJoinAsCancelled) {
  run([]() -> Task<> {
    bool ended = false;
    auto task = [&]() -> Task<int> {
      for (int i = 0; i < 5; ++i) co_await yield_now();
      ended = true;
      co_return 1;
    };
    auto handle = std::make_unique<JoinHandle<int>>(spawn(task));
    auto join = [&]() -> Task<bool> { co_return (co_await *handle).error().is_cancelled(); };
    JoinHandle<bool> joiner = spawn(join);
    co_await yield_now();
    handle.reset();
    EXPECT_TRUE((co_await joiner).value());
    while (!ended) co_await yield_now();
  });
}

TEST(JoinHandle, DestroyingItBetweenTheEndOfTheTaskAndTheJoinEndsTheJoinAsCancelled) {
  run([]() -> Task<> {
    std::optional<JoinHandle<int>> handle;
    auto task = [&]() -> Task<int> {
      // Destroyed after the task has ended, and woken its joiner, which has not run yet.
      const AtEnd at_end([&] { handle.reset(); });
      co_await yield_now();
      co_await yield_now();
      co_return 1;
    };
    handle.emplace(spawn(task));
    auto join = [&]() -> Task<bool> { co_return (co_await *handle).error().is_cancelled(); };
    JoinHandle<bool> joiner = spawn(join);
    EXPECT_TRUE((co_await joiner).value());
  });
}

TEST(JoinHandle, MayLiveInTheTaskThatItJoins) {
  // Both ways to end: by itself, and cancelled.
  for (const bool cancelled : {false, true}) {
    Tally tally;
    run([&]() -> Task<> {
      auto box = std::make_shared<std::optional<JoinHandle<int>>>();
      auto task = [](std::shared_ptr<std::optional<JoinHandle<int>>>, Guard,
                     bool wait) -> Task<int> {
        co_await yield_now();
        if (wait) co_await suspend();
        co_return 1;
      };
      box->emplace(spawn(task, box, Guard(tally), cancelled));
      const AbortHandle abort = (*box)->abort_handle();
      box.reset();
      co_await yield_now();
      co_await yield_now();
      EXPECT_EQ(tally.alive(), cancelled ? 1 : 0);
      abort.abort();
      co_await yield_now();
      EXPECT_TRUE(tally.all_gone_once());
    });
  }
}

TEST(JoinHandle, MayBeDestroyedByADestructorOfItsCancelledTask) {
  run([]() -> Task<> {
    std::optional<JoinHandle<void>> handle;
    bool destroyed = false;
    auto task = [&]() -> Task<> {
      const AtEnd at_end([&] {
        handle.reset();
        destroyed = true;
      });
      co_await suspend();
    };
    handle.emplace(spawn(task));
    co_await yield_now();
    handle->abort();
    co_await yield_now();
    EXPECT_TRUE(destroyed);
  });
}

TEST(JoinHandle, GivesMoveOnlyValues) {
  run([]() -> Task<> {
    JoinHandle<std::unique_ptr<int>> handle = spawn([]() -> Task<std::unique_ptr<int>> {
      co_await yield_now();
      co_return std::make_unique<int>(3);
    });
    JoinResult<std::unique_ptr<int>> joined = co_await handle;
    EXPECT_EQ(**joined, 3);
  });
}

class JoinHandleDeathTest : public testing::Test {
 protected:
  JoinHandleDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

template <class F>
void use_on_another_thread(F use) {
  run([&]() -> Task<> {
    Tally tally;
    JoinHandle<int> handle = spawn(wait_for_ever, Guard(tally));
    std::thread([&] { use(handle); }).join();
    co_return;
  });
}

TEST_F(JoinHandleDeathTest, AbortingOnAnotherThreadStopsTheProgram) {
  EXPECT_DEATH(use_on_another_thread([](JoinHandle<int>& handle) { handle.abort(); }),
               "a JoinHandle was used on another thread than its task's");
}

TEST_F(JoinHandleDeathTest, AwaitingOnAnotherThreadStopsTheProgram) {
  EXPECT_DEATH(use_on_another_thread([](JoinHandle<int>& handle) {
                 run([&]() -> Task<> { EXPECT_TRUE((co_await handle).has_value()); });
               }),
               "a JoinHandle was used on another thread than its task's");
}

TEST_F(JoinHandleDeathTest, DroppingOnAnotherThreadStopsTheProgram) {
  EXPECT_DEATH(use_on_another_thread([](JoinHandle<int>& handle) {
                 const JoinHandle<int> taken = std::move(handle);
               }),
               "a JoinHandle was used on another thread than its task's");
}

}  // namespace
}  // namespace eddy
