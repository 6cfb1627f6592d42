// SPDX-License-Identifier: MIT

#include "eddy/task/waker.hpp"

#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Log;
using test::run;

/// A flag that one task waits for.
class Flag {
 public:
  void set() {
    set_ = true;
    if (waker_) waker_->wake();
  }
  Task<> wait() {
    while (!set_) {
      waker_.emplace(co_await current_waker());
      ++looks_;
      co_await suspend();
    }
  }
  int looks() const { return looks_; }

 private:
  bool set_ = false;
  int looks_ = 0;
  std::optional<Waker> waker_;
};

TEST(Waker, WakesATaskThatSuspended) {
  run([]() -> Task<> {
    Flag flag;
    JoinHandle<void> waiter = spawn([&]() -> Task<> { co_await flag.wait(); });
    co_await yield_now();
    flag.set();
    EXPECT_TRUE((co_await waiter).has_value());
    EXPECT_EQ(flag.looks(), 1);
  });
}

// moduvex_runtime lost a wake that came while the task ran.
TEST(Waker, AWakeDuringRunningIsNotLost) {
  run([]() -> Task<> {
    const Waker self = co_await current_waker();
    self.wake();
    co_await suspend();  // returns: it was woken while it ran
    self.wake();
    self.wake();
    co_await suspend();
  });
}

// moduvex_runtime lost a wake that came while the task ran.
TEST(Waker, YieldReturnsWhetherOrNotAnythingElseRuns) {
  run([]() -> Task<> {
    for (int i = 0; i < 1000; ++i) co_await yield_now();
  });
}

// moduvex_runtime lost a wake that came while the task ran.
TEST(Waker, AWakeBetweenTheCheckAndTheSuspensionIsNotLost) {
  run([]() -> Task<> {
    bool came = false;
    const Waker self = co_await current_waker();
    auto event = [&]() -> Task<> {  // a child of the task that is woken, awaited before it suspends
      came = true;
      self.wake();
      co_return;
    };
    while (!came) {
      co_await event();
      co_await suspend();
    }
  });
}

TEST(Waker, APendingWakeEndsNoSleepEarly) {
  run([]() -> Task<> {
    const Waker self = co_await current_waker();
    const Instant start = Clock::now();
    self.wake();
    co_await sleep_for(2ms);
    EXPECT_GE(Clock::now() - start, 2ms);
  });
}

TEST(Waker, SpuriousWakesDisturbNoOperation) {
  run([]() -> Task<> {
    std::optional<Waker> waker;
    bool done = false;
    auto sleeper = [&]() -> Task<> {
      waker.emplace(co_await current_waker());
      const Instant start = Clock::now();
      co_await sleep_for(3ms);
      EXPECT_GE(Clock::now() - start, 3ms);
      JoinHandle<int> slow = spawn([]() -> Task<int> {
        co_await sleep_for(3ms);
        co_return 4;
      });
      EXPECT_EQ((co_await slow).value(), 4);
      const auto first = co_await when_any(sleep_for(2ms), sleep_for(1h));
      EXPECT_EQ(first.index(), 0U);
      co_await when_all(sleep_for(1ms), sleep_for(2ms));
      done = true;
    };
    JoinHandle<void> handle = spawn(sleeper);
    while (!done) {
      co_await yield_now();
      waker->wake();
    }
    EXPECT_TRUE((co_await handle).has_value());
  });
}

TEST(Waker, CopiesWakeTheSameTask) {
  run([]() -> Task<> {
    std::optional<Waker> kept;
    int runs = 0;
    auto task = [&]() -> Task<> {
      const Waker first = co_await current_waker();
      Waker second = first;
      const Waker third = std::move(second);
      second = third;
      kept.emplace(second);
      for (;;) {
        ++runs;
        co_await suspend();
      }
    };
    JoinHandle<void> handle = spawn(task);
    co_await yield_now();
    EXPECT_EQ(runs, 1);
    kept->wake();
    kept->wake();
    co_await yield_now();
    EXPECT_EQ(runs, 2) << "wakes that come before the task runs are one";
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    kept->wake();  // the task has ended
    co_await yield_now();
    EXPECT_EQ(runs, 2);
  });
}

TEST(Waker, OfABranchWakesTheBranch) {
  run([]() -> Task<> {
    std::optional<Waker> waker;
    auto branch = [&]() -> Task<int> {
      waker.emplace(co_await current_waker());
      co_await suspend();
      co_return 5;
    };
    auto wake_it = [&]() -> Task<> {
      waker->wake();
      co_return;
    };
    spawn(wake_it).detach();
    const auto first = co_await when_any(branch(), sleep_for(Duration::max()));
    EXPECT_EQ(std::get<0>(first), 5);
    waker->wake();  // the branch has ended
    co_await yield_now();
  });
}

TEST(Waker, ThatOutlivesItsTaskDoesNothing) {
  std::optional<Waker> of_root;
  std::optional<Waker> of_child;
  run([&]() -> Task<> {
    of_root.emplace(co_await current_waker());
    auto child = [&]() -> Task<> { of_child.emplace(co_await current_waker()); };
    JoinHandle<void> handle = spawn(child);
    EXPECT_TRUE((co_await handle).has_value());
    of_child->wake();
  });
  of_root->wake();
  of_child->wake();
  run([&]() -> Task<> {
    of_root->wake();
    co_await yield_now();
  });
}

TEST(Waker, ADestructorOfACancelledTaskMayWakeAnyTask) {
  run([]() -> Task<> {
    Log log;
    Flag flag;
    auto waiter = [&]() -> Task<> {
      co_await flag.wait();
      log.emplace_back("woken");
    };
    auto dying = [&]() -> Task<> {
      const AtEnd at_end([&] { flag.set(); });
      co_await suspend();
    };
    JoinHandle<void> handle = spawn(waiter);
    co_await when_any(dying(), yield_now());
    EXPECT_TRUE(log.empty()) << "nobody is resumed from inside a destructor";
    EXPECT_TRUE((co_await handle).has_value());
    EXPECT_EQ(log, (Log{"woken"}));
  });
}

}  // namespace
}  // namespace eddy
