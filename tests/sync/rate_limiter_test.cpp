// SPDX-License-Identifier: MIT
#include "eddy/sync/rate_limiter.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

// With this rate no permit comes while a test runs.
constexpr Rate kHourly{.permits = 1, .per = 1h};

constexpr Instant at(Duration time) { return Instant(time); }

TEST(TokenBucket, GainsExactlyItsRateHoweverOftenItIsFilled) {
  detail::TokenBucket bucket({.permits = 3, .per = 1s}, 1'000'000);
  bucket.fill(at(1h));
  ASSERT_TRUE(bucket.take(1'000'000));
  std::mt19937 random(1);
  Duration passed{};
  for (int i = 0; i < 100'000; ++i) {
    passed += std::chrono::nanoseconds(random() % 100'000'000);
    bucket.fill(at(1h + passed));
    const auto gained = static_cast<std::size_t>(passed.count() * 3 / 1'000'000'000);
    ASSERT_EQ(bucket.free(), gained);
  }
}

TEST(TokenBucket, KnowsTheNanosecondInWhichPermitsAreThere) {
  std::mt19937 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const Rate rate{.permits = 1 + random() % 1000, .per = 1ns * (1 + random() % 100'000)};
    detail::TokenBucket bucket(rate, 50);
    Instant now = at(1h);
    bucket.fill(now);
    EXPECT_EQ(bucket.ready_at(50), now);
    ASSERT_TRUE(bucket.take(20 + random() % 31));
    now += 1ns * (random() % 1000);
    bucket.fill(now);
    const std::size_t count = bucket.free() + 1 + random() % 20;
    if (count > 50) continue;
    const Instant ready = bucket.ready_at(count);
    detail::TokenBucket early = bucket;
    early.fill(ready - 1ns);
    EXPECT_FALSE(early.take(count));
    EXPECT_EQ(early.ready_at(count), ready);
    bucket.fill(ready);
    EXPECT_TRUE(bucket.take(count));
  }
}

TEST(TokenBucket, HoldsNoMoreThanItsSize) {
  detail::TokenBucket bucket({.permits = 3, .per = 7ns}, 4);
  bucket.fill(at(1h));
  EXPECT_EQ(bucket.free(), 4U);
  ASSERT_TRUE(bucket.take(4));
  bucket.fill(at(2h));
  EXPECT_EQ(bucket.free(), 4U);
  ASSERT_TRUE(bucket.take(1));
  EXPECT_EQ(bucket.ready_at(4), at(2h + 3ns));  // no part of a permit was saved up
  bucket.give_back(3);
  EXPECT_EQ(bucket.free(), 4U);
}

TEST(TokenBucket, DoesNotGoBackWithTheClock) {
  detail::TokenBucket bucket({.permits = 1, .per = 1s}, 10);
  bucket.fill(at(1h));
  ASSERT_TRUE(bucket.take(10));
  bucket.fill(at(1h - 5s));
  bucket.fill(at(1h));
  EXPECT_EQ(bucket.free(), 0U);
}

TEST(TokenBucket, SurvivesExtremeRates) {
  constexpr Duration kAges = Duration::max() - 1h;
  constexpr std::size_t kMost = SIZE_MAX;

  detail::TokenBucket fast({.permits = 1'000'000'000, .per = 1s}, kMost);
  fast.fill(at(1h));
  ASSERT_TRUE(fast.take(kMost));
  fast.fill(at(1h + 5ns));
  EXPECT_EQ(fast.free(), 5U);
  EXPECT_EQ(fast.ready_at(kMost), Instant::max());
  fast.fill(at(1h + kAges));
  EXPECT_EQ(fast.free(), static_cast<std::size_t>(kAges.count()));

  detail::TokenBucket slow({.permits = 1, .per = std::chrono::hours::max()}, kMost);
  slow.fill(at(1h));
  ASSERT_TRUE(slow.take(kMost));
  slow.fill(at(kAges));
  EXPECT_EQ(slow.free(), 0U);
  EXPECT_EQ(slow.ready_at(1), Instant::max());

  detail::TokenBucket fastest({.permits = kMost, .per = 2ns}, kMost);
  fastest.fill(at(1h));
  ASSERT_TRUE(fastest.take(kMost));
  fastest.fill(at(1h + 1ns));
  EXPECT_EQ(fastest.free(), kMost / 2);
  EXPECT_EQ(fastest.ready_at(kMost), at(1h + 2ns));
  fastest.fill(at(kAges));
  EXPECT_EQ(fastest.free(), kMost);
}

TEST(RateLimiter, GivesTheBurstAtOnce) {
  run([]() -> Task<> {
    RateLimiter limiter(kHourly, 5);
    EXPECT_TRUE(succeeded(co_await limiter.acquire()));
    EXPECT_TRUE(succeeded(co_await limiter.acquire(3)));
    EXPECT_EQ(limiter.available(), 1U);
    EXPECT_TRUE(failed_with(limiter.try_acquire(2), std::errc::resource_unavailable_try_again));
    EXPECT_TRUE(succeeded(limiter.try_acquire()));
    EXPECT_EQ(limiter.available(), 0U);
  });
}

TEST(RateLimiter, RefusesMoreThanTheBurst) {
  run([]() -> Task<> {
    RateLimiter limiter(kHourly, 5);
    EXPECT_TRUE(failed_with(co_await limiter.acquire(6), std::errc::invalid_argument));
    EXPECT_TRUE(failed_with(limiter.try_acquire(6), std::errc::invalid_argument));
    EXPECT_EQ(limiter.available(), 5U);
  });
}

TEST(RateLimiter, LetsATaskWaitUntilItsPermitsAreThere) {
  run([]() -> Task<> {
    const Instant start = Clock::now();
    RateLimiter limiter({.permits = 1, .per = 2ms}, 2);
    for (const std::size_t weight : {2U, 1U, 2U}) {
      EXPECT_TRUE(succeeded(co_await limiter.acquire(weight)));
    }
    EXPECT_GE(Clock::now() - start, 3 * 2ms);
  });
}

/// Acquires `weight` permits, and notes it.
Task<> acquire(RateLimiter& limiter, std::size_t weight, std::vector<std::size_t>& order) {
  const Result<> acquired = co_await limiter.acquire(weight);
  if (acquired) order.push_back(weight);
}

TEST(RateLimiter, GivesPermitsInTheOrderOfAsking) {
  run([]() -> Task<> {
    RateLimiter limiter({.permits = 1, .per = 1ms}, 5);
    std::vector<std::size_t> order;
    EXPECT_TRUE(succeeded(limiter.try_acquire(4)));
    std::vector<JoinHandle<>> tasks;
    for (const std::size_t weight : {5U, 1U, 3U, 2U}) {
      tasks.push_back(spawn(acquire, std::ref(limiter), weight, std::ref(order)));
    }
    co_await yield_now();
    EXPECT_TRUE(failed_with(limiter.try_acquire(), std::errc::resource_unavailable_try_again));
    for (JoinHandle<>& each : tasks) EXPECT_TRUE((co_await each).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{5, 1, 3, 2}));
  });
}

TEST(RateLimiter, LetsInThoseBehindATaskThatIsCancelledWhileItWaitsForMany) {
  run([]() -> Task<> {
    RateLimiter limiter(kHourly, 5);
    std::vector<std::size_t> order;
    EXPECT_TRUE(succeeded(limiter.try_acquire(2)));
    JoinHandle<> many = spawn(acquire, std::ref(limiter), std::size_t{5}, std::ref(order));
    JoinHandle<> two = spawn(acquire, std::ref(limiter), std::size_t{2}, std::ref(order));
    co_await yield_now();
    EXPECT_TRUE(order.empty());
    many.abort();
    EXPECT_TRUE((co_await two).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{2}));
    EXPECT_EQ(limiter.available(), 1U);
  });
}

TEST(RateLimiter, LosesNoTurnToATaskThatIsCancelledBeforeItLooks) {
  run([]() -> Task<> {
    RateLimiter limiter({.permits = 1, .per = 1ms}, 100);
    std::vector<std::size_t> order;
    EXPECT_TRUE(succeeded(limiter.try_acquire(100)));
    JoinHandle<> first = spawn(acquire, std::ref(limiter), std::size_t{100}, std::ref(order));
    JoinHandle<> second = spawn(acquire, std::ref(limiter), std::size_t{90}, std::ref(order));
    JoinHandle<> third = spawn(acquire, std::ref(limiter), std::size_t{2}, std::ref(order));
    co_await yield_now();
    // Aborted tasks go first, the last one of all: `second` is woken to look, and has not run.
    second.abort();
    first.abort();
    EXPECT_TRUE((co_await third).has_value());
    EXPECT_EQ(order, (std::vector<std::size_t>{2}));
  });
}

TEST(RateLimiter, KeepsItsPermitsWhenATimeLimitPasses) {
  run([]() -> Task<> {
    RateLimiter limiter(kHourly, 3);
    EXPECT_TRUE(succeeded(limiter.try_acquire()));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, limiter.acquire(3)), Error::deadline_exceeded));
    EXPECT_EQ(limiter.available(), 2U);
    EXPECT_TRUE(succeeded(limiter.try_acquire(2)));
  });
}

/// Acquires permits one by one, until it is cancelled.
Task<> acquire_all(RateLimiter& limiter, std::size_t& permits) {
  for (;;) {
    const Result<> acquired = co_await limiter.acquire();
    EXPECT_TRUE(succeeded(acquired));
    ++permits;
  }
}

TEST(RateLimiter, GivesTheNextTaskThePermitOfOneThatIsCancelledWhileItYieldsForItsBudget) {
  run([]() -> Task<> {
    // `busy` takes permits until it has used up its budget. It takes one more, and yields.
    std::size_t before = 0;
    RateLimiter large(kHourly, 10'000);
    JoinHandle<> busy = spawn(acquire_all, std::ref(large), std::ref(before));
    co_await yield_now();
    busy.abort();
    EXPECT_TRUE((co_await busy).error().is_cancelled());
    EXPECT_GT(before, 0U);
    EXPECT_EQ(large.available(), 10'000 - before);

    // The same with no permit left for the next task.
    std::size_t permits = 0;
    std::vector<std::size_t> order;
    RateLimiter limiter(kHourly, before + 1);
    busy = spawn(acquire_all, std::ref(limiter), std::ref(permits));
    JoinHandle<> next = spawn(acquire, std::ref(limiter), std::size_t{1}, std::ref(order));
    co_await yield_now();
    EXPECT_EQ(permits, before);
    EXPECT_TRUE(order.empty());
    busy.abort();
    EXPECT_TRUE((co_await next).has_value());
    EXPECT_EQ(limiter.available(), 0U);
  });
}

TEST(RateLimiter, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto limiter = std::make_unique<RateLimiter>(kHourly, 1);
    EXPECT_TRUE(succeeded(limiter->try_acquire()));
    auto wait = [&]() -> Task<Result<>> { co_return co_await limiter->acquire(); };
    std::vector<JoinHandle<Result<>>> tasks;
    tasks.reserve(3);
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(wait));
    co_await yield_now();
    tasks[0].abort();
    (void)co_await tasks[0];  // now tasks[1] is to look
    limiter.reset();
    EXPECT_TRUE(failed_with(*co_await tasks[1], std::errc::operation_canceled));
    EXPECT_TRUE(failed_with(*co_await tasks[2], std::errc::operation_canceled));
  });
}

TEST(RateLimiterDeathTest, StopsTheProgramIfItsRateOrBurstIsZero) {
  constexpr const char* kMessage = "needs a rate and a burst of more than zero";
  EXPECT_DEATH(RateLimiter({.permits = 0, .per = 1s}, 1), kMessage);
  EXPECT_DEATH(RateLimiter({.permits = 1, .per = 0s}, 1), kMessage);
  EXPECT_DEATH(RateLimiter({.permits = 1, .per = -1s}, 1), kMessage);
  EXPECT_DEATH(RateLimiter({.permits = 1, .per = 1s}, 0), kMessage);
}

/// Tasks that ask and are aborted, beside a queue and a number. Time stands still.
class LimiterModel {
 public:
  explicit LimiterModel(unsigned seed) : random_(seed) {}

  Task<> check() {
    for (int step = 0; step < 40 && !testing::Test::HasFailure(); ++step) {
      for (std::size_t i = 0; i < actors_.size(); ++i) {
        if (random_() % 4 == 0) take_step(actors_[i]);
      }
      // More than one round, for an aborted task wakes another.
      for (int round = 0; round < 3; ++round) co_await yield_now();
      grant();
      for (Actor& actor : actors_) {
        EXPECT_EQ(actor.got, actor.expected);
        if (actor.task && (actor.expected || actor.aborted)) {
          EXPECT_EQ((co_await *actor.task).has_value(), actor.expected);
          actor = {};
        }
      }
      EXPECT_EQ(limiter_.available(), free_);
    }
  }

 private:
  struct Actor {
    std::optional<JoinHandle<>> task;
    std::size_t weight = 0;
    bool aborted = false;
    bool got = false;
    bool expected = false;
  };
  static constexpr std::size_t kBurst = 40;

  Task<> ask(Actor& actor) {
    EXPECT_TRUE(succeeded(co_await limiter_.acquire(actor.weight)));
    actor.got = true;
  }
  void take_step(Actor& actor) {
    if (!actor.task) {
      actor.weight = 1 + random_() % 8;
      actor.task = spawn(&LimiterModel::ask, this, std::ref(actor));
      queue_.push_back(&actor);
    } else if (!actor.aborted) {
      actor.task->abort();
      actor.aborted = true;
      std::erase(queue_, &actor);
    }
  }
  void grant() {
    while (!queue_.empty() && queue_.front()->weight <= free_) {
      free_ -= queue_.front()->weight;
      queue_.front()->expected = true;
      queue_.erase(queue_.begin());
    }
  }

  std::mt19937 random_;
  RateLimiter limiter_{kHourly, kBurst};
  std::size_t free_ = kBurst;
  std::vector<Actor*> queue_;
  std::array<Actor, 8> actors_;
};

TEST(RateLimiter, AgreesWithAModelOfAQueueAndACount) {
  for (unsigned seed = 0; seed < 500 && !HasFailure(); ++seed) {
    run([&]() -> Task<> {
      LimiterModel model(seed);
      co_await model.check();
    });
  }
}

// The time limits pass in the moment in which another thread gives permits, or wakes to look.
TEST(RateLimiter, GivesFourThreadsNoMoreThanItsRateWhileTasksAreCancelled) {
  constexpr Duration kPer = 20us;
  constexpr std::size_t kBurst = 50;
  const Instant start = Clock::now();
  RateLimiter limiter({.permits = 1, .per = kPer}, kBurst);
  std::atomic<std::size_t> total = 0;
  std::atomic<int> expired = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (unsigned thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        auto work = [&](unsigned number) -> Task<> {
          std::mt19937 random(number);
          for (int i = 0; i < 100; ++i) {
            const std::size_t weight = 1 + random() % 5;
            const auto limit = std::chrono::microseconds(random() % 2000);
            const Result<> acquired = co_await timeout(limit, limiter.acquire(weight));
            if (!acquired) {
              ++expired;
              continue;
            }
            const std::size_t given = total += weight;
            EXPECT_LE(given, kBurst + static_cast<std::size_t>((Clock::now() - start) / kPer));
          }
        };
        run([&]() -> Task<> {
          std::vector<JoinHandle<>> tasks;
          tasks.reserve(4);
          for (unsigned i = 0; i < 4; ++i) tasks.push_back(spawn(work, thread * 4 + i));
          for (JoinHandle<>& each : tasks) EXPECT_TRUE((co_await each).has_value());
        });
      });
    }
  }
  EXPECT_GT(total.load(), 0U);
  EXPECT_TRUE(succeeded(block_on(limiter.acquire(kBurst))));  // no turn was lost
}

}  // namespace
}  // namespace eddy
