// A JoinHandle that is awaited twice, or that has no task.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace eddy {
namespace {

using test::run;

Task<std::string> give() { co_return "value"; }

Task<std::string> fail() {
  throw std::runtime_error("of the task");
  co_return "";
}

Task<> wait_for_ever() { co_await suspend(); }

template <class T>
Task<> join_twice(JoinHandle<T>& handle) {
  for (int i = 0; i < 2; ++i) {
    const JoinResult<T> joined = co_await handle;
    EXPECT_TRUE(joined.has_value());
  }
}

TEST(JoinHandle, TellsEachJoinThatATaskWithoutAValueHasEnded) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn([]() -> Task<> { co_await yield_now(); });
    co_await join_twice(handle);
  });
}

TEST(JoinHandle, GivesAnExceptionToEachJoin) {
  run([]() -> Task<> {
    JoinHandle<std::string> handle = spawn(fail);
    for (int i = 0; i < 2; ++i) {
      const JoinResult<std::string> joined = co_await handle;
      EXPECT_THROW(joined.error().rethrow(), std::runtime_error);
    }
  });
}

TEST(JoinHandle, TellsEachJoinThatTheTaskWasCancelled) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn(wait_for_ever);
    handle.abort();
    for (int i = 0; i < 2; ++i) {
      const JoinResult<void> joined = co_await handle;
      EXPECT_TRUE(!joined && joined.error().is_cancelled());
    }
  });
}

TEST(JoinHandle, KeepsItsTaskIfItIsAssignedToItself) {
  run([]() -> Task<> {
    JoinHandle<std::string> handle = spawn(give);
    JoinHandle<std::string>& same = handle;
    handle = std::move(same);
    EXPECT_FALSE(handle.finished());
    co_await yield_now();
    EXPECT_TRUE(handle.finished());
    handle = std::move(same);
    EXPECT_EQ((co_await handle).value(), "value");
  });
}

TEST(JoinHandleMisuseDeathTest, ASecondJoinForAValueStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 JoinHandle<std::string> handle = spawn(give);
                 co_await join_twice(handle);
               }),
               "a JoinHandle was awaited again after its value was taken");
}

TEST(JoinHandleMisuseDeathTest, AJoinOfAHandleThatWasMovedFromStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 JoinHandle<void> handle = spawn(wait_for_ever);
                 const JoinHandle<void> moved = std::move(handle);
                 co_await join_twice(handle);  // NOLINT(bugprone-use-after-move): the test
               }),
               "a JoinHandle without a task was awaited");
}

TEST(JoinHandleMisuseDeathTest, AMoveOfAHandleThatIsAwaitedStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 JoinHandle<void> handle = spawn(wait_for_ever);
                 auto join = [&]() -> Task<> { (void)co_await handle; };
                 JoinHandle<void> joiner = spawn(join);
                 co_await yield_now();
                 const JoinHandle<void> moved = std::move(handle);
               }),
               "a JoinHandle was moved while a task awaits it");
}

TEST(JoinHandleMisuseDeathTest, AJoinOfADetachedHandleStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 JoinHandle<void> handle = spawn(wait_for_ever);
                 std::move(handle).detach();
                 co_await join_twice(handle);  // NOLINT(bugprone-use-after-move): the test
               }),
               "a JoinHandle without a task was awaited");
}

}  // namespace
}  // namespace eddy
