// Mistakes that builds with EDDY_DEBUG_CHECKS report, and that other builds do not.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/worker/blocking_guard.hpp"

#include "support/run.hpp"
#include "support/said_by.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace eddy {
namespace {

using test::run;
using test::said_by;

Task<> forgotten() { co_await yield_now(); }

TEST(TaskNeverAwaited, IsReportedWithTheNameAndPlaceOfItsCoroutine) {
  const std::string said = said_by([] { const Task<> task = forgotten(); });
  if (detail::kDebugChecks) {
    EXPECT_NE(said.find("a task was destroyed, but never awaited"), std::string::npos) << said;
    EXPECT_NE(said.find("forgotten()"), std::string::npos) << said;
    EXPECT_NE(said.find("debug_checks_test.cpp:"), std::string::npos) << said;
  } else {
    EXPECT_EQ(said, "");
  }
}

TEST(TaskNeverAwaited, IsReportedOnceForATaskThatHoldsOthers) {
  auto outer = [](Task<> inner) -> Task<> { co_await std::move(inner); };
  const std::string said = said_by([&] { const Task<> task = outer(forgotten()); });
  EXPECT_EQ(said.find("forgotten()"), std::string::npos) << said;
  EXPECT_EQ(said.empty(), !detail::kDebugChecks) << said;
}

TEST(TaskNeverAwaited, IsNotReportedIfTheTaskWasHandedOver) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                auto now = []() -> Task<> { co_return; };
                auto fail = []() -> Task<> {
                  throw std::runtime_error("at once");
                  co_return;
                };
                co_await forgotten();
                co_await when_any(now(), forgotten());  // which never starts
                EXPECT_THROW(co_await when_all(fail(), forgotten()), std::runtime_error);
                auto body = [](TaskGroup& group) -> Task<> {
                  group.cancel();
                  group.spawn(forgotten);
                  co_return;
                };
                co_await with_group(body);
                JoinHandle<void> handle = spawn(forgotten);
                handle.abort();
                EXPECT_FALSE((co_await handle).has_value());
              });
            }),
            "");
}

TEST(TaskNeverAwaited, IsNotReportedForTasksThatACancelledOrFailingTaskHeld) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                auto hold = [](Task<> held) -> Task<> {
                  const Task<> own = forgotten();
                  co_await suspend();
                  co_await std::move(held);
                };
                auto fail = []() -> Task<> {
                  const Task<> own = forgotten();
                  throw std::runtime_error("before it is used");
                  co_return;
                };
                auto now = []() -> Task<> { co_await yield_now(); };
                co_await when_any(hold(forgotten()), now());
                co_await when_any(now(), shield(forgotten()));
                EXPECT_THROW(co_await fail(), std::runtime_error);
              });
            }),
            "");
}

TEST(BlockingGuard, MayBeHeldOverAnAwaitThatDoesNotWait) {
  run([]() -> Task<> {
    const BlockingGuard guard;
    co_await []() -> Task<> { co_return; }();
  });
}

TEST(BlockingGuard, FromBeforeTheTaskRanDoesNotCount) {
  BlockingMutex<> mutex;
  const std::lock_guard lock(mutex);
  const BlockingGuard guard;
  run([]() -> Task<> {
    co_await yield_now();
    {
      const BlockingGuard own;
    }
    co_await yield_now();
  });
}

TEST(BlockingMutex, IsLockedAndUnlocked) {
  BlockingMutex<> mutex;
  std::unique_lock lock(mutex);
  lock.unlock();
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
  run([&]() -> Task<> {
    {
      const std::scoped_lock held(mutex);
    }
    co_await yield_now();
  });
}

/// Waits while it holds a guard; exits with 0 if that does not stop the program.
void wait_with_guard() {
  run([]() -> Task<> {
    const BlockingGuard guard;
    co_await yield_now();
  });
  std::_Exit(0);
}

void wait_in_a_branch_with_a_lock() {
  run([]() -> Task<> {
    BlockingMutex<> mutex;
    auto child = [&]() -> Task<> {
      const std::unique_lock lock(mutex);
      co_await yield_now();
    };
    co_await when_all(child(), forgotten());
  });
  std::_Exit(0);
}

TEST(BlockingGuardDeathTest, HeldByATaskThatWaitsStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr const char* kSaid = "a task waits while it holds an eddy::BlockingGuard";
  if (detail::kDebugChecks) {
    EXPECT_DEATH(wait_with_guard(), kSaid);
    EXPECT_DEATH(wait_in_a_branch_with_a_lock(), kSaid);
  } else {
    EXPECT_EXIT(wait_with_guard(), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(wait_in_a_branch_with_a_lock(), testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace eddy
