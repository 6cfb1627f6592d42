// Event, Latch and Barrier.
// SPDX-License-Identifier: MIT
#include "eddy/sync/event.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/sync/barrier.hpp"
#include "eddy/sync/latch.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

Task<> count_when_set(Event& event, int& count) {
  const Result<> ended = co_await event.wait();
  if (ended) ++count;
}

TEST(Event, EndsEveryWaitOnceItIsSet) {
  run([]() -> Task<> {
    Event event;
    int count = 0;
    JoinHandle<> first = spawn(count_when_set, std::ref(event), std::ref(count));
    JoinHandle<> second = spawn(count_when_set, std::ref(event), std::ref(count));
    co_await yield_now();
    EXPECT_EQ(count, 0);
    event.set();
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(count, 2);
    EXPECT_TRUE(succeeded(co_await event.wait()));
  });
}

TEST(Event, MakesTasksWaitAgainAfterAReset) {
  run([]() -> Task<> {
    Event event;
    event.set();
    event.reset();
    EXPECT_FALSE(event.is_set());
    EXPECT_TRUE(failed_with(co_await timeout(1ms, event.wait()), Error::deadline_exceeded));
  });
}

// Such a task has not taken the outcome of its wait yet.
TEST(Event, MayGoBeforeATaskThatYieldsForItsBudgetIsCancelled) {
  run([]() -> Task<> {
    auto event = std::make_unique<Event>();
    int waits = 0;
    event->set();
    JoinHandle<> busy = spawn([&]() -> Task<> {
      for (;; ++waits) (void)co_await event->wait();
    });
    co_await yield_now();
    EXPECT_GT(waits, 0);
    event.reset();
    busy.abort();
    EXPECT_TRUE((co_await busy).error().is_cancelled());
  });
}

TEST(Event, MayGoAsSoonAsItIsSet) {
  run([]() -> Task<> {
    auto event = std::make_unique<Event>();
    int count = 0;
    JoinHandle<> runs = spawn(count_when_set, std::ref(*event), std::ref(count));
    JoinHandle<> cancelled = spawn(count_when_set, std::ref(*event), std::ref(count));
    co_await yield_now();
    event->set();
    event.reset();
    cancelled.abort();
    EXPECT_TRUE((co_await runs).has_value());
    EXPECT_EQ(count, 1);
  });
}

TEST(Event, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto event = std::make_unique<Event>();
    auto waiting = spawn([&]() -> Task<Result<>> { co_return co_await event->wait(); });
    co_await yield_now();
    event.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
  });
}

TEST(Latch, EndsWaitsAtZero) {
  run([]() -> Task<> {
    Latch latch(3);
    auto waiting = spawn([&]() -> Task<Result<>> { co_return co_await latch.wait(); });
    co_await yield_now();
    latch.count_down(2);
    co_await yield_now();
    EXPECT_FALSE(waiting.finished());
    EXPECT_FALSE(latch.done());
    latch.count_down();
    EXPECT_TRUE(succeeded(co_await latch.wait()));
    EXPECT_TRUE(succeeded(*co_await waiting));
    EXPECT_TRUE(latch.done());
  });
}

TEST(Latch, OfZeroIsDone) {
  run([]() -> Task<> {
    Latch latch(0);
    latch.count_down(0);
    EXPECT_TRUE(succeeded(co_await latch.wait()));
  });
}

TEST(LatchDeathTest, StopsTheProgramIfItIsCountedBelowZero) {
  Latch latch(1);
  EXPECT_DEATH(latch.count_down(2), "a Latch was counted down below zero");
}

/// Arrives `rounds` times. Counts the rounds that it was the last of.
Task<> arrive(Barrier& barrier, int rounds, int& lasts) {
  for (int i = 0; i < rounds; ++i) {
    const auto last = co_await barrier.arrive_and_wait();
    EXPECT_TRUE(succeeded(last));
    if (last->last) ++lasts;
  }
}

TEST(Barrier, LetsTasksGoOnTogetherRoundAfterRound) {
  run([]() -> Task<> {
    Barrier barrier(3);
    int lasts = 0;
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn(arrive, std::ref(barrier), 5, std::ref(lasts)));
    }
    for (JoinHandle<>& each : tasks) EXPECT_TRUE((co_await each).has_value());
    EXPECT_EQ(lasts, 5);
  });
}

TEST(Barrier, WaitsForAnotherTaskInThePlaceOfOneThatWasCancelled) {
  run([]() -> Task<> {
    Barrier barrier(2);
    int lasts = 0;
    JoinHandle<> cancelled = spawn(arrive, std::ref(barrier), 1, std::ref(lasts));
    co_await yield_now();
    cancelled.abort();
    EXPECT_TRUE((co_await cancelled).error().is_cancelled());
    JoinHandle<> first = spawn(arrive, std::ref(barrier), 1, std::ref(lasts));
    co_await yield_now();
    EXPECT_FALSE(first.finished());
    const auto last = co_await barrier.arrive_and_wait();
    EXPECT_TRUE(last.value().last);
    EXPECT_TRUE((co_await first).has_value());
  });
}

TEST(Barrier, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto barrier = std::make_unique<Barrier>(2);
    auto waiting = spawn(
        [&]() -> Task<Result<Barrier::Arrival>> { co_return co_await barrier->arrive_and_wait(); });
    co_await yield_now();
    barrier.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
  });
}

TEST(BarrierDeathTest, StopsTheProgramIfItIsMadeForNoTask) {
  EXPECT_DEATH(Barrier(0), "a Barrier was made for no task");
}

}  // namespace
}  // namespace eddy
