// SPDX-License-Identifier: MIT
#include "eddy/sync/mutex.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;

using Order = Mutex<std::vector<int>>;

/// Locks, and notes its number.
Task<> note(Order& order, int number) {
  auto guard = co_await order.lock();
  guard->push_back(number);
}

TEST(Mutex, LetsOneTaskInAtATime) {
  run([]() -> Task<> {
    Mutex<int> inside;
    int most = 0;
    auto task = [&]() -> Task<> {
      auto guard = co_await inside.lock();
      most = std::max(most, ++*guard);
      co_await yield_now();
      --*guard;
    };
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(spawn(task));
    for (JoinHandle<>& each : tasks) EXPECT_TRUE((co_await each).has_value());
    EXPECT_EQ(most, 1);
  });
}

TEST(Mutex, LetsTasksInInTheOrderInWhichTheyAsked) {
  run([]() -> Task<> {
    Order order;
    auto guard = co_await order.lock();
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(spawn(note, std::ref(order), i));
    co_await yield_now();
    guard.unlock();
    // This task asks last.
    auto last = co_await order.lock();
    EXPECT_EQ(*last, (std::vector{0, 1, 2, 3, 4}));
  });
}

TEST(Mutex, IsNotTakenByATaskThatComesWhileOthersWait) {
  run([]() -> Task<> {
    Order order;
    auto guard = co_await order.lock();
    JoinHandle<> waiting = spawn(note, std::ref(order), 1);
    co_await yield_now();
    guard.unlock();
    EXPECT_FALSE(order.try_lock().has_value());
    EXPECT_TRUE((co_await waiting).has_value());
    EXPECT_TRUE(order.try_lock().has_value());
  });
}

TEST(Mutex, IsUnlockedOnceByAGuardThatWasMoved) {
  run([]() -> Task<> {
    Mutex<int> mutex(7);
    auto first = co_await mutex.lock();
    auto second = std::move(first);
    EXPECT_EQ(*second, 7);
    first = std::move(second);
    EXPECT_FALSE(mutex.try_lock().has_value());
    first.unlock();
    first.unlock();
    EXPECT_TRUE(mutex.try_lock().has_value());
  });
}

TEST(Mutex, ForgetsATaskThatIsCancelledWhileItWaits) {
  run([]() -> Task<> {
    Order order;
    auto guard = co_await order.lock();
    JoinHandle<> first = spawn(note, std::ref(order), 1);
    JoinHandle<> second = spawn(note, std::ref(order), 2);
    co_await yield_now();
    first.abort();
    EXPECT_TRUE((co_await first).error().is_cancelled());
    guard.unlock();
    EXPECT_TRUE((co_await second).has_value());
    const auto locked = co_await order.lock();
    EXPECT_EQ(*locked, std::vector{2});
  });
}

TEST(Mutex, GoesToTheNextIfTheTaskThatGotItIsCancelledBeforeItRuns) {
  run([]() -> Task<> {
    Order order;
    auto guard = co_await order.lock();
    JoinHandle<> first = spawn(note, std::ref(order), 1);
    JoinHandle<> second = spawn(note, std::ref(order), 2);
    co_await yield_now();
    guard.unlock();  // the first has the lock now
    first.abort();
    EXPECT_TRUE((co_await first).error().is_cancelled());
    EXPECT_TRUE((co_await second).has_value());
    const auto locked = co_await order.lock();
    EXPECT_EQ(*locked, std::vector{2});
  });
}

TEST(Mutex, IsFreeAgainIfTheOnlyTaskThatGotItIsCancelledBeforeItRuns) {
  run([]() -> Task<> {
    Order order;
    auto guard = co_await order.lock();
    JoinHandle<> only = spawn(note, std::ref(order), 1);
    co_await yield_now();
    guard.unlock();
    only.abort();
    EXPECT_TRUE((co_await only).error().is_cancelled());
    EXPECT_TRUE(order.try_lock().has_value());
  });
}

TEST(Mutex, IsNotHeldByAWaitWhoseTimeLimitHasPassed) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    auto guard = co_await mutex.lock();
    EXPECT_TRUE(failed_with(co_await timeout(1ms, mutex.lock()), Error::deadline_exceeded));
    guard.unlock();
    EXPECT_TRUE(mutex.try_lock().has_value());
    EXPECT_TRUE((co_await timeout(1h, mutex.lock())).has_value());
    EXPECT_TRUE(mutex.try_lock().has_value());
  });
}

TEST(Mutex, IsNotHeldByABranchThatWasNotFirst) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    auto guard = co_await mutex.lock();
    auto first = co_await when_any(mutex.lock(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    guard.unlock();
    EXPECT_TRUE(mutex.try_lock().has_value());
    first = co_await when_any(mutex.lock(), yield_now());
    EXPECT_EQ(first.index(), 0U);
    EXPECT_FALSE(mutex.try_lock().has_value());
  });
}

TEST(Mutex, IsNotHeldByATaskThatIsCancelledWhileItYieldsForItsBudget) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    int locks = 0;
    JoinHandle<> busy = spawn([&]() -> Task<> {
      for (;;) {
        auto guard = co_await mutex.lock();
        ++locks;
      }
    });
    co_await yield_now();  // until `busy` has used up its budget, and yields
    EXPECT_GT(locks, 0);
    busy.abort();
    EXPECT_TRUE((co_await busy).error().is_cancelled());
    EXPECT_TRUE(mutex.try_lock().has_value());
  });
}

TEST(Mutex, LetsOthersRunBetweenLocksThatNeverWait) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    bool ran = false;
    JoinHandle<> other = spawn([&]() -> Task<> {
      ran = true;
      co_return;
    });
    for (int i = 0; i < 1000 && !ran; ++i) (void)co_await mutex.lock();
    EXPECT_TRUE(ran);
    EXPECT_TRUE((co_await other).has_value());
  });
}

TEST(Mutex, IsNamedInADump) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    auto guard = co_await mutex.lock();
    JoinHandle<> waiting = spawn([&]() -> Task<> { (void)co_await mutex.lock(); });
    co_await yield_now();
    std::string dump;
    dump_tasks([&](std::string_view line) { dump += line; });
    EXPECT_NE(dump.find("a mutex"), std::string::npos) << dump;
    guard.unlock();
    EXPECT_TRUE((co_await waiting).has_value());
  });
}

TEST(Mutex, MayGoWhileATaskThatGotItIsCancelledAtTheEnd) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    auto guard = co_await mutex.lock();
    spawn([&]() -> Task<> { (void)co_await mutex.lock(); }).detach();
    co_await yield_now();
    // The guard goes first, so the other task has the lock when the mutex goes.
  });
}

TEST(Mutex, IsAMemberThatNeedsNoInitialiser) {
  struct Shared {
    Mutex<int> count;
    Mutex<std::string> name{"eddy"};
  };
  Shared shared{};
  EXPECT_EQ(**shared.count.try_lock(), 0);
  EXPECT_EQ(**shared.name.try_lock(), "eddy");
}

TEST(MutexDeathTest, StopsTheProgramIfATaskGoesOnThatWaitedForOneThatIsGone) {
  const auto destroy = [] {
    run([]() -> Task<> {
      auto mutex = std::make_unique<Mutex<int>>();
      auto guard = co_await mutex->lock();
      JoinHandle<> waiting = spawn([&]() -> Task<> { (void)co_await mutex->lock(); });
      co_await yield_now();
      guard.unlock();
      mutex.reset();
      (void)co_await waiting;
    });
  };
  EXPECT_DEATH(destroy(), "a Mutex was destroyed while a task waited for it");
}

TEST(MutexDeathTest, StopsTheProgramIfItIsDestroyedWhileItIsLocked) {
  const auto destroy = [] {
    run([]() -> Task<> {
      auto mutex = std::make_unique<Mutex<int>>();
      auto guard = co_await mutex->lock();
      mutex.reset();
    });
  };
  EXPECT_DEATH(destroy(), "a Mutex was destroyed while it is locked");
}

}  // namespace
}  // namespace eddy
