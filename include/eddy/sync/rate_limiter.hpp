// Lets tasks do something at most so often.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/core/spin_flag.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"
#include "eddy/worker/timer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace eddy {

/// So many permits in so much time. `Rate{.permits = 100, .per = 1s}` is one permit every 10 ms.
struct Rate {
  std::size_t permits = 1;
  detail::AnyDuration per = std::chrono::seconds(1);
};

namespace detail {

/// A token bucket, without waits: it gains permits as time passes, until it is full. Its numbers
/// are exact, so it neither gains nor loses over years. (Turner 1986; the same as the virtual
/// scheduling algorithm, GCRA, of ITU-T I.371.)
class TokenBucket {
 public:
  /// Full. Stops the program if `rate` or `size` is zero or less.
  TokenBucket(const Rate& rate, std::size_t size) noexcept;

  std::size_t size() const noexcept { return size_; }
  /// How many permits it had at the latest `fill`.
  std::size_t free() const noexcept { return free_; }

  /// Adds what the time until `now` has brought. A `now` before the latest one adds nothing.
  void fill(Instant now) noexcept;
  /// False if so many are not there.
  bool take(std::size_t count) noexcept {
    if (free_ < count) return false;
    free_ -= count;
    return true;
  }
  /// Returns `count` permits that were taken and not used. What does not fit is lost.
  void give_back(std::size_t count) noexcept;
  /// When `take(count)` succeeds, if nobody takes permits until then.
  Instant ready_at(std::size_t count) const noexcept;

 private:
  // The rate in its lowest terms: `permits_` every `per_` nanoseconds.
  std::uint64_t permits_;
  std::uint64_t per_;
  std::uint64_t part_ = 0;  ///< of the next permit, in 1 / `per_`; zero if the bucket is full
  std::size_t size_;
  std::size_t free_;
  Instant filled_;  ///< `free_` and `part_` are those of this instant
};

}  // namespace detail

/// Limits how often tasks do something: a token bucket. The limiter gains permits at a fixed rate,
/// up to `burst` of them, and begins with `burst`. A task takes a permit for each thing that it
/// does, or as many as the thing weighs. In any time `t`, tasks get at most `burst + rate * t`
/// permits. They get them in the order in which they asked, so one that asks for many is not passed
/// over by those that ask for few.
///
/// Permits that would exceed `burst` are lost. A waiting task is woken about 0.1 ms late. So tasks
/// get the whole rate only if `burst` is at least what the rate gives in a few milliseconds.
///
/// The first task that waits keeps the timer for all behind it. So a thread that blocks delays
/// tasks of other threads too.
///
/// If the limiter is destroyed while a task of this thread waits, that wait ends with
/// operation_canceled; a wait of another thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::RateLimiter requests({.permits = 100, .per = 1s}, 10);
///     co_await eddy::ok(requests.acquire());
///     co_await eddy::ok(send_request());
class EDDY_EXPORT RateLimiter final {
 public:
  /// `rate` and `burst` must be more than zero: the program stops otherwise.
  RateLimiter(const Rate& rate, std::size_t burst) noexcept;
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;
  ~RateLimiter();

  /// Waits until `weight` permits are there, and takes them. It reads the clock, and makes no
  /// other call unless it has to wait. The wait never ends early.
  /// **Errors**: invalid_argument, at once, if `weight` is more than `burst`; operation_canceled if
  /// the limiter was destroyed.
  /// **Cancel**: nothing is lost. The permits go to the next task.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] EDDY_EXPORT
      EDDY_WARN_UNUSED RateOp final : public detail::Operation,
                                      private detail::SharedWait {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    RateOp(RateLimiter& limiter, std::size_t weight) noexcept
        : limiter_(&limiter), weight_(weight), too_heavy_(weight > limiter.bucket_.size()) {}
    RateOp(RateOp&&) noexcept = default;
    RateOp& operator=(RateOp&&) = delete;
    ~RateOp() { give_up(); }

    bool try_start() noexcept {
      if (too_heavy_) return true;
      has_permits_ = limiter_->try_take(weight_);
      if (has_permits_) set(detail::WaitState::granted);
      return has_permits_;
    }
    bool begin_wait(detail::Waiter& waiter) noexcept;
    bool advance(detail::Waiter& waiter) noexcept override;
    void abandon() noexcept override { give_up(); }
    detail::Waiting describe() const noexcept override { return {"a rate limiter", kNoSource}; }
    Result<> take() noexcept {
      if (too_heavy_) return failure(std::errc::invalid_argument);
      const bool granted = state() == detail::WaitState::granted;
      return detail::result_of_wait(granted ? finish(limiter_->flag_) : finish());
    }

   private:
    friend class RateLimiter;

    EDDY_LOCAL bool look(detail::Waiter& waiter) noexcept;
    void give_up() noexcept {
      if (state() != detail::WaitState::none) [[unlikely]] {
        give_up_slowly();
      }
    }
    void give_up_slowly() noexcept;

    RateLimiter* limiter_;
    std::size_t weight_;
    detail::Timer timer_;  ///< armed only while this is the oldest wait
    // Written with the flag held, but for the attempt at the start.
    Instant due_ = Instant::max();  ///< for which the timer is armed
    /// What `granted` means: the permits; else that this is the oldest wait now, and must look.
    bool has_permits_ = false;
    bool too_heavy_;
  };
  RateOp acquire(std::size_t weight = 1) noexcept { return {*this, weight}; }

  /// Takes `weight` permits if so many are there and no task waits for permits.
  /// **Errors**: resource_unavailable_try_again if they are not there; invalid_argument if `weight`
  /// is more than `burst`.
  [[nodiscard]] Result<> try_acquire(std::size_t weight = 1) noexcept;

  /// How many permits are there now. Other threads may take some before the caller can.
  std::size_t available() const noexcept;

 private:
  bool try_take(std::size_t weight) noexcept;
  EDDY_LOCAL bool take(std::size_t weight, Instant now) noexcept;
  EDDY_LOCAL void grant(detail::SharedLock& held, Instant now) noexcept;

  mutable detail::SpinFlag<> flag_;  ///< guards the rest
  /// True if a task was woken to look because it is the oldest, and has not run yet. It is in no
  /// list, and before all that are in `waits_`.
  bool looks_ = false;
  detail::SharedWaits waits_;
  detail::TokenBucket bucket_;
};

}  // namespace eddy
