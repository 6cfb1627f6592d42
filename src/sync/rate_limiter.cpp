// SPDX-License-Identifier: MIT

#include "eddy/sync/rate_limiter.hpp"

#include "eddy/platform/fatal.hpp"

#include <algorithm>
#include <numeric>

namespace eddy {

namespace detail {
namespace {

/// Holds the product of any two numbers of permits and nanoseconds.
__extension__ using Product = unsigned __int128;

}  // namespace

TokenBucket::TokenBucket(const Rate& rate, std::size_t size) noexcept
    : permits_(rate.permits),
      per_(static_cast<std::uint64_t>(Duration(rate.per).count())),
      size_(size),
      free_(size) {
  if (permits_ == 0 || Duration(rate.per) <= Duration::zero() || size == 0) {
    fatal("a RateLimiter needs a rate and a burst of more than zero");
  }
  const std::uint64_t common = std::gcd(permits_, per_);
  permits_ /= common;
  per_ /= common;
}

void TokenBucket::fill(Instant now) noexcept {
  if (now <= filled_) return;
  const auto elapsed = static_cast<std::uint64_t>((now - filled_).count());
  filled_ = now;
  const Product gained = Product{elapsed} * permits_ + part_;
  if (gained / per_ >= size_ - free_) {
    free_ = size_;
    part_ = 0;
    return;
  }
  free_ += static_cast<std::size_t>(gained / per_);
  part_ = static_cast<std::uint64_t>(gained % per_);
}

void TokenBucket::give_back(std::size_t count) noexcept {
  if (count >= size_ - free_) {
    free_ = size_;
    part_ = 0;
    return;
  }
  free_ += count;
}

Instant TokenBucket::ready_at(std::size_t count) const noexcept {
  if (free_ >= count) return filled_;
  const Product missing = Product{count - free_} * per_ - part_;
  const Product wait = (missing + permits_ - 1) / permits_;
  constexpr Product kLongest = static_cast<std::uint64_t>(Duration::max().count());
  return saturating_add(filled_, Duration(static_cast<Clock::rep>(std::min(wait, kLongest))));
}

}  // namespace detail

RateLimiter::RateLimiter(const Rate& rate, std::size_t burst) noexcept : bucket_(rate, burst) {}

RateLimiter::~RateLimiter() {
  waits_.end(flag_, "a RateLimiter",
             [](detail::SharedWait& wait) { wait.set(detail::WaitState::refused); });
}

Result<> RateLimiter::try_acquire(std::size_t weight) noexcept {
  if (weight > bucket_.size()) return failure(std::errc::invalid_argument);
  if (!try_take(weight)) return failure(std::errc::resource_unavailable_try_again);
  return {};
}

std::size_t RateLimiter::available() const noexcept {
  const Instant now = Clock::now();
  flag_.lock();
  detail::TokenBucket bucket = bucket_;
  flag_.unlock();
  bucket.fill(now);
  return bucket.free();
}

bool RateLimiter::try_take(std::size_t weight) noexcept {
  const Instant now = Clock::now();
  const detail::SharedLock held(flag_);
  return take(weight, now);
}

bool RateLimiter::take(std::size_t weight, Instant now) noexcept {
  if (looks_ || !waits_.empty()) return false;
  bucket_.fill(now);
  return bucket_.take(weight);
}

/// Gives the oldest waits their permits while there are enough. If the next one has no timer, or
/// one for a later instant than it could have its permits, its task is woken to arm its timer.
void RateLimiter::grant(detail::SharedLock& held, Instant now) noexcept {
  bucket_.fill(now);
  while (!looks_ && !waits_.empty()) {
    auto& wait = static_cast<RateOp&>(*waits_.next());
    const std::size_t weight = wait.weight_;
    const bool enough = bucket_.take(weight);
    if (!enough && wait.due_ <= bucket_.ready_at(weight)) return;
    wait.has_permits_ = enough;
    looks_ = !enough;
    if (held.give(waits_, wait)) continue;
    // Its task has just run, and is about to look, or to leave. It calls this again.
    wait.has_permits_ = false;
    looks_ = false;
    if (enough) bucket_.give_back(weight);
    return;
  }
}

bool RateLimiter::RateOp::begin_wait(detail::Waiter& waiter) noexcept {
  if (too_heavy_) return false;
  const Instant now = Clock::now();
  detail::SharedLock held(limiter_->flag_);
  has_permits_ = limiter_->take(weight_, now);
  if (has_permits_) {
    held.give_running(limiter_->waits_, *this);
    return false;
  }
  if (!limiter_->looks_ && limiter_->waits_.empty()) {
    due_ = limiter_->bucket_.ready_at(weight_);
    timer_.arm(waiter, detail::TimeLimit(due_));
  }
  held.add(limiter_->waits_, *this, waiter);
  return true;
}

bool RateLimiter::RateOp::advance(detail::Waiter& waiter) noexcept {
  if (waits()) {
    if (!timer_.fired()) return false;
    if (leave()) return look(waiter);  // now nobody else ends the wait
  }
  timer_.cancel();
  if (state() != detail::WaitState::granted || has_permits_) return true;
  (void)finish(limiter_->flag_);
  return look(waiter);
}

/// The oldest task takes its permits, and gives others theirs; or waits by its timer.
bool RateLimiter::RateOp::look(detail::Waiter& waiter) noexcept {
  RateLimiter& limiter = *limiter_;
  timer_.cancel();
  const Instant now = Clock::now();
  detail::SharedLock held(limiter.flag_);
  if (state() == detail::WaitState::leaving) held.remove(*this);
  limiter.looks_ = false;
  limiter.bucket_.fill(now);
  if (limiter.bucket_.take(weight_)) {
    has_permits_ = true;
    set(detail::WaitState::granted);
    limiter.grant(held, now);
    return true;
  }
  due_ = limiter.bucket_.ready_at(weight_);
  timer_.arm(waiter, detail::TimeLimit(due_));
  held.add_first(limiter.waits_, *this, waiter);
  return false;
}

void RateLimiter::RateOp::give_up_slowly() noexcept {
  timer_.cancel();
  const bool left = leave();
  if (!left) {
    if (state() != detail::WaitState::granted) {
      (void)finish();  // the limiter is gone
      return;
    }
    (void)finish(limiter_->flag_);
  }
  const Instant now = Clock::now();
  detail::SharedLock held(limiter_->flag_);
  if (left) {
    held.remove(*this);
  } else if (has_permits_) {
    limiter_->bucket_.give_back(weight_);
  } else {
    limiter_->looks_ = false;
  }
  limiter_->grant(held, now);
}

}  // namespace eddy
