// What tasks share, awaited by tasks that have used up their budget, or cancelled twice.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/sync/barrier.hpp"
#include "eddy/sync/broadcast.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/sync/condition.hpp"
#include "eddy/sync/event.hpp"
#include "eddy/sync/latch.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/sync/notify.hpp"
#include "eddy/sync/oneshot.hpp"
#include "eddy/sync/rw_lock.hpp"
#include "eddy/sync/semaphore.hpp"
#include "eddy/sync/watch.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/channels.hpp"
#include "sync/random_steps.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::let_others_run;
using test::run;
using test::succeeded;
using test::use_up_budget;

/// Goes on in the same turn of the loop, after `due` and the tick of the timers that follows it.
void pass(Instant due) {
  while (Clock::now() < due + 1ms) continue;
}

/// Awaits `again()` up to 1,000 times. True if a timer that is due ends a wait meanwhile.
template <class F>
Task<bool> lets_a_timer_in(F again) {
  bool fired = false;
  const Instant due = Clock::now() + 1ms;
  auto wait = [&]() -> Task<> {
    co_await sleep_until(due);
    fired = true;
  };
  JoinHandle<> timer = spawn(wait);
  co_await yield_now();
  pass(due);
  for (int i = 0; i < 1000 && !fired; ++i) (void)co_await again();
  const bool in_time = fired;
  (void)co_await timer;
  co_return in_time;
}

TEST(SyncBudget, WaitsThatNeedNotWaitLetATimerIn) {
  run([]() -> Task<> {
    Barrier barrier(1);
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return barrier.arrive_and_wait(); }));
    Latch latch(0);
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return latch.wait(); }));
    Event event;
    event.set();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return event.wait(); }));
    RwLock<int> lock(0);
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return lock.read(); }));
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return lock.write(); }));
    Semaphore semaphore(1);
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return semaphore.acquire(); }));
    Notify notify;
    EXPECT_TRUE(co_await lets_a_timer_in([&] {
      notify.notify_one();
      return notify.wait();
    }));
  });
}

TEST(SyncBudget, AConditionThatHoldsLetsATimerIn) {
  run([]() -> Task<> {
    Mutex<int> mutex(7);
    Condition condition;
    auto wait = [&]() -> Task<> {
      auto guard = co_await mutex.lock();
      const auto holds = co_await condition.wait(std::move(guard), [](int seven) { return seven; });
      EXPECT_TRUE(succeeded(holds));
    };
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return wait(); }));
  });
}

TEST(SyncBudget, WhatIsClosedLetsATimerIn) {
  run([]() -> Task<> {
    Semaphore semaphore(0);
    semaphore.close();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return semaphore.acquire(); }));
    auto full = channel<int>(1);
    EXPECT_TRUE(succeeded(full.first.try_send(7)));
    full.second.close();
    std::span<int> none;
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return full.first.send(7); }));
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return full.first.send_all(none); }));
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return full.first.reserve(); }));
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return full.first.closed(); }));
    auto empty = channel<int>(1);
    empty.second.close();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return empty.second.receive(); }));
    auto single = oneshot<int>();
    single.second.close();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return single.second.receive(); }));
  });
}

TEST(SyncBudget, AFeedWithoutASenderLetsATimerIn) {
  run([]() -> Task<> {
    auto news = broadcast<int>(1);
    std::optional<BroadcastSender<int>> sender(std::move(news.first));
    sender.reset();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return news.second.receive(); }));
    auto level = watch<int>(1);
    std::optional<WatchSender<int>> setter(std::move(level.first));
    setter.reset();
    EXPECT_TRUE(co_await lets_a_timer_in([&] { return level.second.changed(); }));
  });
}

/// Runs `wait` in a task that has no budget left. Calls `meanwhile(handle)` while the task yields,
/// and then joins the task. False: it was cancelled.
template <class F, class G>
Task<bool> yields_first(F wait, G meanwhile) {
  bool ended = false;
  auto run_without_budget = [&]() -> Task<> {
    co_await use_up_budget();
    co_await wait();
    ended = true;
  };
  JoinHandle<> task = spawn(run_without_budget);
  co_await yield_now();
  EXPECT_FALSE(ended) << "it did not yield";
  meanwhile(task);
  const JoinResult<void> joined = co_await task;
  EXPECT_EQ(joined.has_value(), ended);
  co_return ended;
}

void do_nothing(JoinHandle<>&) {}
void cancel(JoinHandle<>& task) { task.abort(); }
void cancel_twice(JoinHandle<>& task) {
  task.abort();
  task.abort();
}

TEST(SyncBudget, AWaitForTheEndOfAReceiverYieldsFirst) {
  run([]() -> Task<> {
    for (const bool closes_before : {true, false}) {
      auto ends = channel<int>(1);
      if (closes_before) ends.second.close();
      auto closed = [&]() -> Task<> { co_await ends.first.closed(); };
      EXPECT_FALSE(co_await yields_first(closed, cancel));
      EXPECT_FALSE(co_await yields_first(closed, cancel_twice));
      EXPECT_TRUE(co_await yields_first(closed, [&](JoinHandle<>&) { ends.second.close(); }));
      EXPECT_TRUE(co_await yields_first(closed, do_nothing));
    }
  });
}

TEST(SyncBudget, ChangedYieldsFirstAndLosesNoChange) {
  run([]() -> Task<> {
    auto [level, first] = watch<int>(1);
    std::optional<WatchReceiver<int>> watcher(std::move(first));
    Result<> result;
    auto changed = [&]() -> Task<> { result = co_await watcher->changed(); };
    level.send(2);
    EXPECT_FALSE(co_await yields_first(changed, cancel));
    EXPECT_FALSE(co_await yields_first(changed, cancel_twice));
    EXPECT_TRUE(watcher->has_changed());
    EXPECT_TRUE(co_await yields_first(changed, do_nothing));
    EXPECT_TRUE(succeeded(result));
    EXPECT_FALSE(watcher->has_changed());
    EXPECT_TRUE(co_await yields_first(changed, [&](JoinHandle<>&) { level.send(3); }));
    EXPECT_TRUE(succeeded(result));
    level.send(4);
    EXPECT_TRUE(co_await yields_first(changed, [&](JoinHandle<>&) { watcher.reset(); }));
    EXPECT_TRUE(failed_with(result, std::errc::operation_canceled));
  });
}

TEST(SyncBudget, AReceiveOfAFeedYieldsFirstAndLosesNoValue) {
  run([]() -> Task<> {
    auto [news, first] = broadcast<int>(2);
    std::optional<BroadcastReceiver<int>> receiver(std::move(first));
    Result<int> result;
    auto receive = [&]() -> Task<> { result = co_await receiver->receive(); };
    news.send(1);
    EXPECT_FALSE(co_await yields_first(receive, cancel));
    EXPECT_FALSE(co_await yields_first(receive, cancel_twice));
    EXPECT_TRUE(co_await yields_first(receive, do_nothing));
    EXPECT_EQ(result, 1);
    EXPECT_TRUE(co_await yields_first(receive, [&](JoinHandle<>&) { news.send(2); }));
    EXPECT_EQ(result, 2);
    news.send(3);
    const auto overtake = [&](JoinHandle<>&) {  // the value that it yields before is lost
      news.send(4);
      news.send(5);
    };
    EXPECT_TRUE(co_await yields_first(receive, overtake));
    EXPECT_TRUE(failed_with(result, Error::lagged));
    EXPECT_EQ(receiver->missed(), 1U);
    EXPECT_TRUE(co_await yields_first(receive, [&](JoinHandle<>&) { receiver.reset(); }));
    EXPECT_TRUE(failed_with(result, std::errc::operation_canceled));
  });
}

// ---- cancelled twice ----

TEST(SyncCancel, AClosedWaitThatWasWokenMayBeCancelledTwice) {
  run([]() -> Task<> {
    for (const bool receiver_goes : {true, false}) {
      auto ends = channel<int>(1);
      std::optional<Receiver<int>> receiver(std::move(ends.second));
      std::optional<Sender<int>> sender(std::move(ends.first));
      auto closed = [&]() -> Task<> { co_await sender->closed(); };
      JoinHandle<> waits = spawn(closed);
      co_await let_others_run();
      if (receiver_goes) {
        sender.reset();  // the wait keeps the channel
        receiver.reset();
      } else {
        receiver->close();
      }
      cancel_twice(waits);
      EXPECT_TRUE((co_await waits).error().is_cancelled());
    }
  });
}

/// Waits with a limit that passes; the task is cancelled before it runs.
template <class F>
Task<> cancel_late(F wait) {
  Event set;
  set.set();
  bool ended = false;
  const Instant due = Clock::now() + 1ms;
  auto run_limited = [&]() -> Task<> {
    (void)co_await with_deadline(due, wait());
    ended = true;
  };
  JoinHandle<> task = spawn(run_limited);
  co_await yield_now();
  pass(due);
  // Until this task has used up its budget. That ends the turn, and the limit passes; the other
  // task runs after this one. No child here, which could be put off, and so end a turn too.
  for (int i = 0; i <= detail::kBudget; ++i) (void)co_await set.wait();
  cancel_twice(task);
  const JoinResult<void> joined = co_await task;
  EXPECT_TRUE(joined.error().is_cancelled());
  EXPECT_FALSE(ended);
}

TEST(SyncCancel, AWaitThatIsLateAndCancelledTwiceTakesNothing) {
  run([]() -> Task<> {
    Mutex<int> mutex(0);
    Semaphore semaphore(1);
    Barrier barrier(2);
    auto ends = channel<int>(1);
    auto news = broadcast<int>(1);
    {
      const auto held = co_await mutex.lock();
      const auto permit = co_await semaphore.acquire();
      co_await cancel_late([&] { return mutex.lock(); });
      co_await cancel_late([&] { return semaphore.acquire(); });
      co_await cancel_late([&] { return barrier.arrive_and_wait(); });
      co_await cancel_late([&] { return ends.second.receive(); });
      co_await cancel_late([&] { return news.second.receive(); });
      EXPECT_TRUE(succeeded(ends.first.try_send(1)));
      co_await cancel_late([&] { return ends.first.send(2); });
      co_await cancel_late([&] { return ends.first.reserve(); });
      co_await cancel_late([&] { return ends.first.closed(); });
    }
    EXPECT_TRUE(mutex.try_lock().has_value());
    EXPECT_EQ(semaphore.available(), 1U);
    auto arrive = [&]() -> Task<> { (void)co_await barrier.arrive_and_wait(); };
    JoinHandle<> first = spawn(arrive);
    co_await yield_now();
    EXPECT_FALSE(first.finished()) << "the cancelled wait still counts";
    co_await arrive();
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_EQ(test::drain(ends.second), std::vector{1});
    news.first.send(7);
    const Result<int> seven = co_await news.second.receive();
    EXPECT_EQ(seven, 7);
  });
}

}  // namespace
}  // namespace eddy
