// Wakers: how to wake a task from anywhere.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/task/promise.hpp"
#include "eddy/worker/waker_cell.hpp"

#include <utility>

namespace eddy {

namespace detail {
class JoinHandleBase;
}  // namespace detail

/// Wakes one task: schedules it, or if it is running, lets it run once more. Copies refer to the
/// same task. Wakes that come before the task runs are one wake.
///
/// **Thread**: any, at any time. Does nothing after the task or its thread has ended.
class Waker {
 public:
  void wake() const noexcept {
    if (cell_.get() != nullptr) detail::wake_cell(*cell_.get());
  }

 private:
  friend Waker detail_make_waker(detail::PromiseBase& task);
  explicit Waker(detail::WakerCell* cell) noexcept : cell_(cell) {}

  detail::CellRef cell_;
};

/// Cancels one task, as `JoinHandle::abort` does.
///
/// **Thread**: any, at any time, as for `Waker`.
class AbortHandle {
 public:
  void abort() const noexcept {
    if (cell_.get() != nullptr) detail::abort_cell(*cell_.get());
  }

 private:
  friend class detail::JoinHandleBase;
  explicit AbortHandle(detail::WakerCell* cell) noexcept : cell_(cell) {}

  detail::CellRef cell_;
};

/// For the library.
inline Waker detail_make_waker(detail::PromiseBase& task) { return Waker(detail::cell_of(task)); }

namespace detail {

/// Waits for a wake by a `Waker`.
class [[nodiscard("nothing happens until it is awaited: write co_await")]] SuspendOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.completes_on_any_wake = true,
                                           .waits_for_own_waker = true};

  bool try_start() const noexcept { return false; }
  bool begin_wait(Waiter&) const noexcept { return true; }
  bool advance(Waiter&) noexcept override { return true; }
  Waiting describe() const noexcept override { return {"a waker", kNoSource}; }
  void take() const noexcept {}
};

/// Goes to the end of the ready queue.
class [[nodiscard("nothing happens until it is awaited: write co_await")]] YieldOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.completes_on_any_wake = true};

  bool try_start() const noexcept { return false; }
  bool begin_wait(Waiter& waiter) const noexcept {
    waiter.state = Waiter::State::notified;
    return true;
  }
  bool advance(Waiter&) noexcept override { return true; }
  Waiting describe() const noexcept override { return {"its turn", kNoSource}; }
  void take() const noexcept {}
};

/// Completes at once with a waker of the task that awaits it.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] CurrentWakerOp final
    : public Operation {
 public:
  bool try_start() noexcept;
  bool begin_wait(Waiter&) const noexcept { return false; }
  bool advance(Waiter&) noexcept override { return true; }
  Waiting describe() const noexcept override { return {}; }
  Waker take() const;

 private:
  PromiseBase* task_ = nullptr;
};

}  // namespace detail

/// `co_await current_waker()` gives a `Waker` of the task that awaits it. A branch of `when_any`
/// and the like is a task of its own: there it gives a waker of the branch.
inline detail::CurrentWakerOp current_waker() noexcept { return {}; }

/// Waits until a `Waker` of this task wakes it. It is for operations of your own: store a waker
/// where your event will find it, check whether the event has come, and if not, suspend. A wake
/// between the check and the suspension is not lost. May return early: check again.
/// **Cancel**: nothing is lost.
inline detail::SuspendOp suspend() noexcept { return {}; }

/// Lets every other task that can run do so first. The loop looks at the reactor and the timers as
/// usual.
/// **Cancel**: nothing is lost.
inline detail::YieldOp yield_now() noexcept { return {}; }

}  // namespace eddy
