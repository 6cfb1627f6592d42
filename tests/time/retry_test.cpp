// SPDX-License-Identifier: MIT
#include "eddy/time/retry.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

constexpr std::errc kBusy = std::errc::device_or_resource_busy;

/// Fails with `kBusy` `failures` times, then gives how often it was called.
struct Flaky {
  int failures = 0;
  int calls = 0;

  Task<Result<int>> operator()() {
    co_await yield_now();
    if (++calls <= failures) co_return failure(kBusy);
    co_return calls;
  }
};

TEST(Retry, GivesTheFirstSuccess) {
  run([]() -> Task<> {
    Flaky flaky{.failures = 2};
    const Result<int> result = co_await retry({.first_delay = 1us}, std::ref(flaky));
    EXPECT_TRUE(succeeded(result));
    EXPECT_EQ(result.value_or(0), 3);
  });
}

TEST(Retry, GivesTheErrorOfTheLastAttempt) {
  run([]() -> Task<> {
    constexpr std::array kErrors{std::errc::connection_refused, std::errc::connection_reset,
                                 std::errc::host_unreachable};
    std::size_t calls = 0;
    auto attempt = [&]() -> Task<Result<>> { co_return failure(kErrors.at(calls++)); };
    const Result<> result = co_await retry({.first_delay = 1us, .attempts = 3}, attempt);
    EXPECT_EQ(result.error(), std::make_error_code(std::errc::host_unreachable));
    EXPECT_EQ(calls, 3U);
  });
}

TEST(Retry, DoesNotSleepAfterTheLastAttempt) {
  run([]() -> Task<> {
    Flaky flaky{.failures = 9};
    const RetryPolicy once{.first_delay = 1h, .attempts = 1, .jitter = 0};
    EXPECT_TRUE(failed_with(co_await retry(once, std::ref(flaky)), kBusy));
    EXPECT_EQ(flaky.calls, 1);
  });
}

TEST(Retry, DoesNotBeginADelayThatWouldEndAfterItsTime) {
  run([]() -> Task<> {
    Flaky flaky{.failures = 9};
    const RetryPolicy policy{
        .first_delay = 1us, .factor = 3.6e9, .max_delay = 24h, .max_time = 1min, .jitter = 0};
    EXPECT_TRUE(failed_with(co_await retry(policy, std::ref(flaky)), kBusy));
    EXPECT_EQ(flaky.calls, 2);  // after 1 us, but not after one hour more
  });
}

TEST(Retry, GivesAnErrorThatIsNotWorthARetryAtOnce) {
  run([]() -> Task<> {
    int calls = 0;
    auto closed = [&]() -> Task<Result<>> {
      ++calls;
      co_return failure(std::errc::operation_canceled);
    };
    EXPECT_TRUE(failed_with(co_await retry({.first_delay = 1h, .jitter = 0}, closed),
                            std::errc::operation_canceled));
    EXPECT_EQ(calls, 1);

    Flaky flaky{.failures = 9};
    const RetryPolicy only_resets{
        .first_delay = 1h, .jitter = 0, .retry_if = [](std::error_code error) {
          return error == std::errc::connection_reset;
        }};
    EXPECT_TRUE(failed_with(co_await retry(only_resets, std::ref(flaky)), kBusy));
    EXPECT_EQ(flaky.calls, 1);
  });
}

TEST(Retry, PassesAnExceptionOnAtOnce) {
  run([]() -> Task<> {
    int calls = 0;
    auto attempt = [&]() -> Task<Result<>> {
      ++calls;
      throw std::runtime_error("broken");
      co_return {};
    };
    bool caught = false;
    try {
      (void)co_await retry({.first_delay = 1h, .jitter = 0}, attempt);
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_EQ(calls, 1);
  });
}

TEST(Retry, CallsAFunctionThatGivesAnOperation) {
  run([]() -> Task<> {
    int calls = 0;
    auto attempt = [&] {
      ++calls;
      return timeout(1us, sleep_for(1h));
    };
    EXPECT_TRUE(failed_with(co_await retry({.first_delay = 1us, .attempts = 3}, attempt),
                            Error::deadline_exceeded));
    EXPECT_EQ(calls, 3);
  });
}

TEST(Retry, KeepsItsFunctionForAllAttemptsAndGivesWhatCannotBeCopied) {
  run([]() -> Task<> {
    auto alive = std::make_shared<int>(0);
    auto attempt = [kept = alive]() -> Task<Result<std::unique_ptr<int>>> {
      co_await yield_now();
      if (++*kept < 3) co_return failure(kBusy);
      co_return std::make_unique<int>(*kept);
    };
    auto task = retry({.first_delay = 1us}, attempt);
    EXPECT_EQ(alive.use_count(), 3);
    const Result<std::unique_ptr<int>> result = co_await std::move(task);
    EXPECT_EQ(**result, 3);
    EXPECT_EQ(alive.use_count(), 2);
  });
}

TEST(Retry, IsCancelledInADelayAndInAnAttempt) {
  run([]() -> Task<> {
    for (const bool in_delay : {true, false}) {
      auto alive = std::make_shared<int>(0);
      RetryBudget budget(3);
      auto attempt = [kept = alive, in_delay]() -> Task<Result<>> {
        ++*kept;
        if (!in_delay) co_await sleep_for(1h);
        co_return failure(kBusy);
      };
      JoinHandle<Result<>> handle = spawn([&]() -> Task<Result<>> {
        return retry({.first_delay = 1h, .jitter = 0, .budget = &budget}, attempt);
      });
      co_await yield_now();
      EXPECT_EQ(*alive, 1);
      handle.abort();
      EXPECT_TRUE((co_await handle).error().is_cancelled());
      EXPECT_EQ(alive.use_count(), 2);
      EXPECT_EQ(budget.available(), 3U);
    }
  });
}

/// The delays of a call that fails `count` times.
std::vector<Duration> delays_of(RetryPolicy policy, std::size_t count) {
  policy.attempts = UINT32_MAX;
  detail::Backoff backoff(policy);
  std::vector<Duration> delays;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<Duration> delay = backoff.delay_after(std::make_error_code(kBusy));
    if (delay) delays.push_back(*delay);
  }
  return delays;
}

TEST(Retry, MultipliesItsDelaysUpToTheLongest) {
  const RetryPolicy policy{.first_delay = 10ms, .factor = 3, .max_delay = 100ms, .jitter = 0};
  EXPECT_EQ(delays_of(policy, 5), (std::vector<Duration>{10ms, 30ms, 90ms, 100ms, 100ms}));
}

TEST(Retry, DrawsEachDelayFromThePartThatIsJitter) {
  constexpr std::size_t kCount = 1000;
  for (const double jitter : {1.0, 0.5, 0.1}) {
    seed_jitter(7);
    const RetryPolicy policy{.first_delay = 1ms, .factor = 1, .max_delay = 1ms, .jitter = jitter};
    const std::vector<Duration> delays = delays_of(policy, kCount);
    ASSERT_EQ(delays.size(), kCount);
    const auto least =
        std::chrono::nanoseconds(static_cast<std::int64_t>(1e6 * (1 - jitter))) - 1ns;
    const auto [low, high] = std::minmax_element(delays.begin(), delays.end());
    EXPECT_GE(*low, least);
    EXPECT_LE(*high, 1ms);
    const auto width = 1ms - least;
    EXPECT_LT(*low, least + width / 10);  // with this seed; the chance of another is 0.9 ^ 1000
    EXPECT_GT(*high, 1ms - width / 10);
  }
}

TEST(Retry, RepeatsItsDelaysWithTheSameSeed) {
  const auto delays_with = [](std::uint64_t seed) {
    seed_jitter(seed);
    return delays_of({}, 20);
  };
  EXPECT_EQ(delays_with(1), delays_with(1));
  EXPECT_NE(delays_with(1), delays_with(2));
}

TEST(Retry, SurvivesExtremePolicies) {
  constexpr Duration kLongest = Duration::max();
  const std::vector<Duration> always =
      delays_of({.first_delay = kLongest, .factor = 1e300, .max_delay = kLongest, .jitter = 0}, 3);
  EXPECT_EQ(always, (std::vector<Duration>{kLongest, kLongest, kLongest}));
  const std::vector<Duration> never =
      delays_of({.first_delay = 0ns, .factor = -1e300, .max_delay = kLongest, .jitter = 9}, 3);
  EXPECT_EQ(never, (std::vector<Duration>{0ns, 0ns, 0ns}));
  for (const Duration delay : delays_of({.first_delay = kLongest, .max_delay = kLongest}, 100)) {
    EXPECT_GE(delay, 0ns);
  }
  EXPECT_EQ(delays_of({.first_delay = -1s, .max_delay = -2s, .jitter = -1}, 3).size(), 3U);
}

TEST(RetryBudget, StopsTheRetriesOfAllCallsThatShareIt) {
  run([]() -> Task<> {
    RetryBudget budget(3);
    Flaky flaky{.failures = 1000};
    for (int i = 0; i < 4; ++i) {
      const RetryPolicy policy{.first_delay = 1us, .attempts = 3, .budget = &budget};
      EXPECT_TRUE(failed_with(co_await retry(policy, std::ref(flaky)), kBusy));
    }
    EXPECT_EQ(flaky.calls, 4 + 3);
    EXPECT_EQ(budget.available(), 0U);
    const RetryPolicy slow{.first_delay = 1h, .jitter = 0, .budget = &budget};
    EXPECT_TRUE(failed_with(co_await retry(slow, std::ref(flaky)), kBusy));  // without a delay
  });
}

TEST(RetryBudget, EarnsAPartOfARetryByASuccess) {
  run([]() -> Task<> {
    RetryBudget budget(1, 0.4);
    EXPECT_TRUE(budget.try_take());
    Flaky flaky;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(budget.available(), 0U);
      EXPECT_TRUE(succeeded(co_await retry({.budget = &budget}, std::ref(flaky))));
    }
    EXPECT_EQ(budget.available(), 1U);
    EXPECT_TRUE(budget.try_take());  // nothing above the most was saved up
    for (int i = 0; i < 2; ++i) budget.note_success();
    EXPECT_FALSE(budget.try_take());
  });
}

TEST(RetryBudget, GivesThreadsNoMoreThanItHas) {
  RetryBudget budget(1000, 0.5);
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 2000; ++round) {
          if (budget.try_take()) ++taken;
        }
      });
    }
  }
  EXPECT_EQ(taken.load(), 1000);
}

}  // namespace
}  // namespace eddy
