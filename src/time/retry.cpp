// SPDX-License-Identifier: MIT

#include "eddy/time/retry.hpp"

#include "eddy/platform/result.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <system_error>

namespace eddy {
namespace {

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
class JitterSource {
 public:
  void seed(std::uint64_t seed) noexcept {
    state_ = seed;
    seeded_ = true;
  }
  std::uint64_t next() noexcept {
    if (!seeded_) seed_differently();
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

 private:
  /// Two clients need different numbers, not secret ones. The first errors of two threads differ in
  /// their nanosecond, or in this address.
  void seed_differently() noexcept {
    const auto now = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
    seed(now ^ static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(this)) << 20);
  }

  std::uint64_t state_ = 0;
  bool seeded_ = false;
};

constinit thread_local JitterSource jitter_source;

/// `part` of `length`, rounded up.
Duration part_of(Duration length, double part) noexcept {
  using Nanoseconds = std::chrono::duration<double, std::nano>;
  return detail::AnyDuration(Nanoseconds(static_cast<double>(length.count()) * part));
}

/// A random length from zero to `most`, both included.
Duration random_up_to(Duration most) noexcept {
  const auto limit = static_cast<std::uint64_t>(std::max(most, Duration::zero()).count()) + 1;
  return Duration(static_cast<Clock::rep>(jitter_source.next() % limit));
}

}  // namespace

void seed_jitter(std::uint64_t seed) noexcept { jitter_source.seed(seed); }

RetryBudget::RetryBudget(std::uint32_t most, double per_success) noexcept
    : most_(most * kWhole),
      per_success_(static_cast<std::uint64_t>(
          std::lround(std::clamp(per_success, 0.0, 1e6) * static_cast<double>(kWhole)))),
      left_(most_) {}

bool RetryBudget::try_take() noexcept {
  std::uint64_t left = left_.load(std::memory_order_relaxed);
  do {
    if (left < kWhole) return false;
  } while (!left_.compare_exchange_weak(left, left - kWhole, std::memory_order_relaxed));
  return true;
}

void RetryBudget::note_success() noexcept {
  std::uint64_t left = left_.load(std::memory_order_relaxed);
  while (left < most_ && !left_.compare_exchange_weak(left, std::min(left + per_success_, most_),
                                                      std::memory_order_relaxed)) {
  }
}

namespace detail {

bool is_worth_a_retry(std::error_code error) noexcept {
  return error != std::errc::operation_canceled && error != std::errc::invalid_argument &&
         error != Error::closed;
}

Backoff::Backoff(const RetryPolicy& policy) noexcept
    : policy_(&policy),
      end_(saturating_add(Clock::now(), policy.max_time)),
      ceiling_(std::min<Duration>(policy.first_delay, policy.max_delay)) {}

std::optional<Duration> Backoff::delay_after(std::error_code error) {
  if (++attempts_ >= policy_->attempts || !policy_->retry_if(error)) return std::nullopt;
  if (policy_->budget != nullptr && policy_->budget->available() == 0) return std::nullopt;
  const Duration random_part = part_of(ceiling_, std::clamp(policy_->jitter, 0.0, 1.0));
  const Duration delay = ceiling_ - random_up_to(std::min(random_part, ceiling_));
  if (saturating_add(Clock::now(), delay) > end_) return std::nullopt;
  ceiling_ = std::min<Duration>(part_of(ceiling_, policy_->factor), policy_->max_delay);
  return delay;
}

}  // namespace detail
}  // namespace eddy
