// A limit to how long a task or an operation may take.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/task.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/timer.hpp"

#include <chrono>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

template <class T>
using TimedResult = std::conditional_t<is_result<T>, T, Result<ValueOf<T>>>;

/// True of an operation that runs tasks of its own.
template <class Op>
inline constexpr bool owns_tasks =
    !std::is_same_v<decltype(&Op::give_up_branch), decltype(&Operation::give_up_branch)>;

/// An operation with a timer beside it; no coroutine frame.
template <class Op>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] TimedOp final
    : public Operation {
  static_assert(!owns_tasks<Op>, "the tasks would not find the limit: TimedTask");

 public:
  static constexpr OperationTraits kTraits = Op::kTraits;
  using Output = TimedResult<AwaitResultOf<Op>>;

  TimedOp(TimeLimit limit, Op&& operation) noexcept(std::is_nothrow_move_constructible_v<Op>)
      : operation_(std::move(operation)), limit_(limit) {}

  bool try_start() noexcept { return operation_.try_start(); }
  bool begin_wait(Waiter& waiter) noexcept {
    if (!operation_.begin_wait(waiter)) return false;
    timer_.arm(waiter, limit_);
    return true;
  }
  bool advance(Waiter& waiter) noexcept override {
    // If the operation completes in the turn in which its limit passes, it has completed in time.
    if (!(kTraits.completes_on_any_wake && timer_.fired()) && operation_.advance(waiter)) {
      timer_.cancel();
      return true;
    }
    if (!timer_.fired()) return false;
    if (!waiter.refused()) operation_.abandon();
    waiter.unlink();
    if (waiter.watches()) waiter.unwatch();
    expired_ = true;
    return true;
  }
  Waiting describe() const noexcept override { return operation_.describe(); }
  void abandon() noexcept override { operation_.abandon(); }

  Output take() noexcept(noexcept(std::declval<Op&>().take())) {
    if (expired_) return std::unexpected(make_error_code(Error::deadline_exceeded));
    if constexpr (std::is_void_v<AwaitResultOf<Op>>) {
      operation_.take();
      return {};
    } else {
      return operation_.take();
    }
  }

 private:
  Op operation_;
  Timer timer_;
  TimeLimit limit_;
  bool expired_ = false;
};

/// Around a branch with a time limit.
struct TimeLimitAround : NothingAround {
  explicit TimeLimitAround(TimeLimit when) noexcept : limit(when) {}
  Instant deadline(Instant now) const noexcept { return timer.deadline(limit, now); }

  TimeLimit limit;
  Timer timer;
};

/// A task, as a branch, with a timer beside it. `Around` has a time limit.
template <class T, class Around = TimeLimitAround>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] TimedTask final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};
  using Output = TimedResult<T>;

  TimedTask(Around limit, Task<T>&& task) noexcept : branch_(std::move(task), std::move(limit)) {}

  bool try_start() noexcept {
    branch_.start(set_);
    return branch_.ended();
  }
  bool begin_wait(Waiter& waiter) noexcept {
    set_.begin_wait();
    branch_.around.timer.arm(waiter, branch_.around.limit);
    return true;
  }
  bool advance(Waiter&) noexcept override {
    if (branch_.ended()) {
      branch_.around.timer.cancel();
      return true;
    }
    if (!branch_.around.timer.fired()) return false;
    branch_.cancel_for(CancelReason::deadline);
    return true;
  }
  Waiting describe() const noexcept override { return {"a task with a time limit", kNoSource}; }
  void abandon() noexcept override { branch_.cancel(); }
  Waiter* give_up_branch() noexcept override { return branch_.give_up(); }

  Output take() {
    if (!branch_.ended()) return std::unexpected(make_error_code(Error::deadline_exceeded));
    if constexpr (std::is_void_v<T>) {
      branch_.outcome.take();
      return {};
    } else {
      return branch_.outcome.take();
    }
  }

 private:
  BranchSet set_{BranchSet::WakeOn::first_end};
  Branch<T, Around> branch_;
};

template <class A>
auto limit_time(TimeLimit limit, A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  static_assert(is_awaitable<A>, "timeout takes eddy's tasks and operations");
  refuse_temporary<A>();
  if constexpr (!is_awaitable<A>) {
    return;  // so that this is the only error
  } else if constexpr (is_task<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "a task is awaited once: write std::move(task)");
    return TimedTask<typename Plain::value_type>(TimeLimitAround(limit),
                                                 std::forward<A>(awaitable));
  } else if constexpr (IsOperation<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "an operation is awaited once: make it here");
    if constexpr (owns_tasks<Plain>) {
      // So that they find the limit around them.
      return TimedTask<AwaitResultOf<A>>(TimeLimitAround(limit),
                                         to_task(std::forward<A>(awaitable)));
    } else {
      return TimedOp<Plain>(limit, std::forward<A>(awaitable));
    }
  } else if constexpr (std::is_lvalue_reference_v<A>) {
    return TimedOp<std::remove_cvref_t<decltype(awaitable.as_operation())>>(
        limit, awaitable.as_operation());
  } else {
    return TimedTask<AwaitResultOf<A>>(TimeLimitAround(limit), to_task(std::forward<A>(awaitable)));
  }
}

}  // namespace detail

/// Awaits a task or an operation for at most `length`, and gives its result as a `Result`. After
/// `length` the task or operation is cancelled and destroyed, and the result is
/// `Error::deadline_exceeded`. If it completes in the turn in which the limit passes, its result
/// counts. read_exact and write_all are allowed: after their limit the stream is of no more use.
/// `Duration::max()`, or a longer length in another unit, is no limit.
/// **Errors**: `Error::deadline_exceeded`, which compares equal to `std::errc::timed_out`; and
/// those of `awaitable`.
/// **Cancel**: cancels `awaitable`.
template <class A>
auto timeout(Duration length, A&& awaitable) {
  return detail::limit_time(detail::TimeLimit(length), std::forward<A>(awaitable));
}
template <class Rep, class Period, class A>
auto timeout(std::chrono::duration<Rep, Period> length, A&& awaitable) {
  return timeout(Duration(detail::AnyDuration(length)), std::forward<A>(awaitable));
}

/// As `timeout`, with an instant as the limit: a `time_point` of `Clock`. So several waits can
/// share one limit, and a task can be given that of its caller, `eddy::deadline()`.
template <class A>
auto with_deadline(Instant deadline, A&& awaitable) {
  return detail::limit_time(detail::TimeLimit(deadline), std::forward<A>(awaitable));
}
template <class Length, class A>
auto with_deadline(std::chrono::time_point<Clock, Length> deadline, A&& awaitable) {
  return with_deadline(Instant(detail::AnyInstant(deadline)), std::forward<A>(awaitable));
}

/// How long the code that asks may still take: until the nearest limit of all `timeout` and
/// `with_deadline` around the task that runs. Zero if that has passed, so that the task is
/// cancelled at its next wait; `Duration::max()` if there is no limit. A limit inside a shorter one
/// does not lengthen that. A task that was spawned is not inside the limits of the one that spawned
/// it. Outside a task there is no limit.
///
///     const eddy::Duration left = eddy::time_left();
///     if (left < 10ms) co_return eddy::failure(eddy::Error::deadline_exceeded);
///     co_return co_await ask(server, left / 2);
[[nodiscard]] EDDY_EXPORT Duration time_left() noexcept;

/// The instant of that limit; `Instant::max()` if there is none. A `timeout` counts from the first
/// wait of what is in it.
[[nodiscard]] EDDY_EXPORT Instant deadline() noexcept;

}  // namespace eddy
