// SPDX-License-Identifier: MIT
#include "eddy/sync/semaphore.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

/// Acquires `count` permits, notes it, and gives them back.
Task<> acquire(Semaphore& semaphore, std::size_t count, std::vector<std::size_t>& order) {
  const auto permit = co_await semaphore.acquire(count);
  if (permit) order.push_back(count);
}

TEST(Semaphore, LetsInAsManyAsItHasPermits) {
  run([]() -> Task<> {
    Semaphore semaphore(3);
    int inside = 0;
    int most = 0;
    auto task = [&]() -> Task<> {
      auto permit = co_await semaphore.acquire();
      EXPECT_TRUE(succeeded(permit));
      most = std::max(most, ++inside);
      co_await yield_now();
      --inside;
    };
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(spawn(task));
    for (JoinHandle<>& each : tasks) EXPECT_TRUE((co_await each).has_value());
    EXPECT_EQ(most, 3);
    EXPECT_EQ(semaphore.available(), 3U);
  });
}

TEST(Semaphore, IsNotTakenPastATaskThatWaitsForMany) {
  run([]() -> Task<> {
    Semaphore semaphore(3);
    std::vector<std::size_t> order;
    auto held = co_await semaphore.acquire(2);
    JoinHandle<> many = spawn(acquire, std::ref(semaphore), std::size_t{3}, std::ref(order));
    JoinHandle<> one = spawn(acquire, std::ref(semaphore), std::size_t{1}, std::ref(order));
    co_await yield_now();
    EXPECT_TRUE(failed_with(semaphore.try_acquire(), std::errc::resource_unavailable_try_again));
    EXPECT_EQ(semaphore.available(), 1U);
    held->release();
    EXPECT_TRUE((co_await many).has_value());
    EXPECT_TRUE((co_await one).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{3, 1}));
  });
}

TEST(Semaphore, LetsInThoseBehindATaskThatIsCancelledWhileItWaitsForMany) {
  run([]() -> Task<> {
    Semaphore semaphore(3);
    std::vector<std::size_t> order;
    auto held = co_await semaphore.acquire(1);
    JoinHandle<> many = spawn(acquire, std::ref(semaphore), std::size_t{3}, std::ref(order));
    JoinHandle<> two = spawn(acquire, std::ref(semaphore), std::size_t{2}, std::ref(order));
    co_await yield_now();
    EXPECT_TRUE(order.empty());
    many.abort();
    EXPECT_TRUE((co_await two).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{2}));
  });
}

TEST(Semaphore, GivesThePermitsOfATaskThatIsCancelledBeforeItRunsToTheNext) {
  run([]() -> Task<> {
    Semaphore semaphore(2);
    std::vector<std::size_t> order;
    auto held = co_await semaphore.acquire(2);
    JoinHandle<> first = spawn(acquire, std::ref(semaphore), std::size_t{2}, std::ref(order));
    JoinHandle<> second = spawn(acquire, std::ref(semaphore), std::size_t{1}, std::ref(order));
    co_await yield_now();
    held->release();
    first.abort();
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{1}));
    EXPECT_EQ(semaphore.available(), 2U);
  });
}

TEST(Semaphore, KeepsItsPermitsWhenATimeLimitPasses) {
  run([]() -> Task<> {
    Semaphore semaphore(1);
    auto held = co_await semaphore.acquire();
    EXPECT_TRUE(failed_with(co_await timeout(1ms, semaphore.acquire()), Error::deadline_exceeded));
    held->release();
    EXPECT_EQ(semaphore.available(), 1U);
  });
}

TEST(Semaphore, GetsItsPermitBackFromATaskThatIsCancelledWhileItYieldsForItsBudget) {
  run([]() -> Task<> {
    Semaphore semaphore(1);
    int permits = 0;
    JoinHandle<> busy = spawn([&]() -> Task<> {
      for (;;) {
        auto permit = co_await semaphore.acquire();
        EXPECT_TRUE(succeeded(permit));
        ++permits;
      }
    });
    co_await yield_now();  // until `busy` has used up its budget, and yields
    EXPECT_GT(permits, 0);
    busy.abort();
    EXPECT_TRUE((co_await busy).error().is_cancelled());
    EXPECT_EQ(semaphore.available(), 1U);
  });
}

TEST(Semaphore, EndsWaitsWithAnErrorOnceItIsClosed) {
  run([]() -> Task<> {
    Semaphore semaphore(1);
    auto held = co_await semaphore.acquire();
    JoinHandle<> closer = spawn([&]() -> Task<> {
      semaphore.close();
      co_return;
    });
    EXPECT_TRUE(failed_with(co_await semaphore.acquire(), Error::closed));
    held->release();
    EXPECT_TRUE(failed_with(co_await semaphore.acquire(), Error::closed));
    EXPECT_TRUE(failed_with(semaphore.try_acquire(), Error::closed));
    EXPECT_TRUE(semaphore.closed());
    EXPECT_TRUE((co_await closer).has_value());
  });
}

TEST(Semaphore, GrowsAndShrinks) {
  run([]() -> Task<> {
    Semaphore semaphore(0);
    JoinHandle<> waiting = spawn([&]() -> Task<> {
      auto permit = co_await semaphore.acquire(2);
      permit->forget();
      EXPECT_EQ(permit->count(), 0U);
    });
    co_await yield_now();
    semaphore.add_permits(1);
    semaphore.add_permits(2);
    EXPECT_TRUE((co_await waiting).has_value());
    EXPECT_EQ(semaphore.available(), 1U);
  });
}

TEST(Semaphore, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto semaphore = std::make_unique<Semaphore>(0);
    auto waiting = spawn([&]() -> Task<Result<>> {
      auto permit = co_await semaphore->acquire();
      if (!permit) co_return failure(permit.error());
      co_return {};
    });
    co_await yield_now();
    semaphore.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
  });
}

TEST(Semaphore, EndsTheWaitOfATaskThatGotPermitsAndHasNotRunWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto semaphore = std::make_unique<Semaphore>(0);
    auto waiting = spawn([&]() -> Task<Result<>> {
      auto permit = co_await semaphore->acquire();
      if (!permit) co_return failure(permit.error());
      co_return {};
    });
    co_await yield_now();
    semaphore->add_permits(1);
    semaphore.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
  });
}

TEST(Semaphore, MayGoBeforeATaskThatIsCancelledAtTheEnd) {
  std::unique_ptr<Semaphore> semaphore = std::make_unique<Semaphore>(0);
  run([&]() -> Task<> {
    spawn([&]() -> Task<> { (void)co_await semaphore->acquire(); }).detach();
    co_await yield_now();
    semaphore.reset();
  });
}

TEST(SemaphoreDeathTest, StopsTheProgramIfItIsDestroyedBeforeItsPermits) {
  const auto destroy = [] {
    run([]() -> Task<> {
      auto semaphore = std::make_unique<Semaphore>(1);
      auto permit = co_await semaphore->acquire();
      semaphore.reset();
    });
  };
  EXPECT_DEATH(destroy(), "a Semaphore was destroyed while somebody holds it");
}

}  // namespace
}  // namespace eddy
