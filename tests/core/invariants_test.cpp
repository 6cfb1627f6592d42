// Invariants of the core floor that builds with EDDY_DEBUG_CHECKS assert.
// SPDX-License-Identifier: MIT
#include "eddy/core/list.hpp"
#include "eddy/core/ready_queue.hpp"
#include "eddy/core/timer_wheel.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/assert.hpp"

#include <gtest/gtest.h>

namespace eddy::detail {
namespace {

/// `f()` stops the program in builds with debug checks. Elsewhere it is not run: what it breaks is
/// relied on.
template <class F>
void expect_stop(F f) {
  if constexpr (kDebugChecks) {
    EXPECT_DEATH(f(), "broken invariant");
  } else {
    GTEST_SKIP() << "a build without debug checks";
  }
}

TEST(Invariants, ANodeIsInOneListAtMost) {
  ListNode one;
  ListNode other;
  ListNode node;
  one.push_back(node);
  expect_stop([&] { other.push_back(node); });
  node.unlink();
}

TEST(Invariants, AWaiterIsOnTheReadyQueueOnce) {
  ReadyQueue ready;
  Waiter waiter;
  ready.push(waiter);
  expect_stop([&] { ready.push(waiter); });
  waiter.unlink();
}

TEST(Invariants, AWaiterWatchesOneSourceAtATime) {
  Watched watched;
  Waiter waiter;
  waiter.watch(watched, Direction::read);
  expect_stop([&] { waiter.watch(watched, Direction::read); });
  EXPECT_FALSE(waiter.unwatch());
}

TEST(Invariants, AWaiterUnwatchesOnlyWhatItWatches) {
  Waiter waiter;
  expect_stop([&] { static_cast<void>(waiter.unwatch()); });
}

TEST(Invariants, ATimerIsArmedOnceUntilItFires) {
  ReadyQueue ready;
  TimerWheel wheel(ready, Instant());
  TimerNode node;
  Waiter waiter;
  wheel.arm_at(node, waiter, Instant() + Duration(1'000'000));
  expect_stop([&] { wheel.arm_at(node, waiter, Instant()); });
  expect_stop([&] { wheel.arm_after(node, waiter, Duration(1)); });
  TimerWheel::cancel(node);
}

}  // namespace
}  // namespace eddy::detail
