// Tries again what has failed.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"
#include "eddy/time/sleep.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

/// How many retries may be made by all the calls of `retry` that share it. A retry costs 1, a
/// success earns a part of 1. So while a server is down, its clients do not multiply their requests
/// by the number of attempts. (As the retry throttling of gRPC, gRFC A6.) It must outlive the
/// calls.
///
/// **Thread**: any.
class RetryBudget final {
 public:
  /// `most` retries can be saved up, and are there at the beginning. A success earns the
  /// part `per_success` of a retry, rounded to thousandths.
  EDDY_EXPORT explicit RetryBudget(std::uint32_t most = 10, double per_success = 0.1) noexcept;
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  /// Takes a retry. False if none is left.
  [[nodiscard]] EDDY_EXPORT bool try_take() noexcept;
  EDDY_EXPORT void note_success() noexcept;
  /// How many retries are left. Others may take some before the caller can.
  std::uint32_t available() const noexcept {
    return static_cast<std::uint32_t>(left_.load(std::memory_order_relaxed) / kWhole);
  }

 private:
  static constexpr std::uint64_t kWhole = 1000;

  const std::uint64_t most_;
  const std::uint64_t per_success_;
  std::atomic<std::uint64_t> left_;
};

namespace detail {
/// All errors but operation_canceled, `Error::closed` and invalid_argument: what was closed, or is
/// wrong, stays so.
EDDY_EXPORT bool is_worth_a_retry(std::error_code error) noexcept;
}  // namespace detail

/// When `retry` tries again. The delay before the n-th retry is at most
/// `first_delay * factor^(n - 1)`, and never more than `max_delay`. It is chosen at random, so that
/// clients that failed together do not come back together.
///
/// With `jitter` 1 it is "full jitter", anything from zero to that; with 0.5 "equal jitter", at
/// least half of that; with 0 there is no chance. (M. Brooker, "Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015.)
struct RetryPolicy {
  detail::AnyDuration first_delay = std::chrono::milliseconds(100);
  double factor = 2;
  detail::AnyDuration max_delay = std::chrono::seconds(10);
  /// How often the function is called at most, the first time included. It is called at least once.
  std::uint32_t attempts = 5;
  /// Counted from the start of the first attempt. A delay that would end later does not begin.
  /// `.max_time = eddy::time_left()` gives the last error; a `timeout` around `retry` gives
  /// `Error::deadline_exceeded`.
  detail::AnyDuration max_time = Duration::max();
  double jitter = 1;
  /// Which errors are worth another attempt. Other errors come out at once.
  bool (*retry_if)(std::error_code error) = detail::is_worth_a_retry;
  /// If not null: each retry takes one from it.
  RetryBudget* budget = nullptr;
};

/// From now on `retry` draws the delays of this thread from a sequence that `seed` decides, so that
/// a test or a simulation can repeat them. Without it each thread has a sequence of its own.
EDDY_EXPORT void seed_jitter(std::uint64_t seed) noexcept;

namespace detail {

/// The delays of one call of `retry`.
class Backoff {
 public:
  /// The first attempt begins. `policy` must outlive this.
  EDDY_EXPORT explicit Backoff(const RetryPolicy& policy) noexcept;

  /// An attempt has ended with `error`. How long to wait before the next one; nothing if that was
  /// the last.
  EDDY_EXPORT std::optional<Duration> delay_after(std::error_code error);
  /// The delay has ended. False if others have used up the budget meanwhile.
  bool begins_attempt() noexcept {
    return policy_->budget == nullptr || policy_->budget->try_take();
  }
  void note_success() noexcept {
    if (policy_->budget != nullptr) policy_->budget->note_success();
  }

 private:
  const RetryPolicy* policy_;
  Instant end_;       ///< no later attempt
  Duration ceiling_;  ///< of the next delay
  std::uint32_t attempts_ = 0;
};

/// `f` lives in the frame, so what it captures outlives each attempt.
template <class R, class F>
Task<R> call_until_done(RetryPolicy policy, F f) {
  Backoff backoff(policy);
  for (;;) {
    R result = co_await f();
    if (result) {
      backoff.note_success();
      co_return std::move(result);
    }
    const std::optional<Duration> delay = backoff.delay_after(result.error());
    if (!delay) co_return std::move(result);
    co_await sleep_for(*delay);
    if (!backoff.begins_attempt()) co_return std::move(result);
  }
}

}  // namespace detail

/// Awaits `f()`, a task or an operation that gives a `Result`, again and again until it succeeds or
/// `policy` allows no further attempt. Gives the result of the last attempt, unchanged. Between
/// attempts it sleeps; after the last one it does not. An exception of `f` comes out at once.
///
/// What an attempt has done before it failed is not undone: `f` must be fit to be called again.
/// `max_time` does not cut an attempt short. `timeout` in `f` limits one attempt, and `timeout`
/// around `retry` limits all.
/// **Errors**: that of the last attempt.
/// **Cancel**: cancels the attempt, or ends the delay; the budget loses nothing by a delay.
///
///     auto attempt = [&] { return eddy::timeout(1s, fetch(url)); };
///     auto page = co_await eddy::retry({.first_delay = 50ms, .attempts = 4}, attempt);
template <class F>
auto retry(const RetryPolicy& policy, F&& f) {
  using Function = std::decay_t<F>;
  static_assert(!detail::is_destroyed_twice<F>(),
                "g++ 12 destroys the captures of this lambda twice, because it is made where a "
                "coroutine awaits. Name it first: auto attempt = ...; co_await retry(policy, "
                "attempt)");
  static_assert(std::is_invocable_v<Function&>,
                "retry calls its function anew for each attempt: retry(policy, f), not "
                "retry(policy, f())");
  if constexpr (std::is_invocable_v<Function&>) {
    using Awaited = std::invoke_result_t<Function&>;
    constexpr bool kIsAwaitable = detail::is_awaitable<Awaited>;
    static_assert(kIsAwaitable, "retry needs a function that gives a task or operation of eddy's");
    if constexpr (kIsAwaitable) {
      using R = detail::AwaitResultOf<Awaited>;
      static_assert(detail::is_result<R>,
                    "retry looks for errors, so its function gives a task or operation that gives "
                    "an eddy::Result");
      if constexpr (detail::is_result<R>) {
        return detail::call_until_done<R, Function>(policy, std::forward<F>(f));
      }
    }
  }
}

}  // namespace eddy
