// A clean-up that may wait, and that runs however an operation ends.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/frame_pool.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

/// How long a clean-up may take, unless `finally_within` says otherwise.
inline constexpr Duration kCleanUpLimit = std::chrono::seconds(5);

/// Lets a clean-up wait for the clean-ups of each `finally` within its operation. The task of the
/// clean-up owns it.
class CleanUpOrder final {
 public:
  CleanUpOrder() noexcept = default;
  CleanUpOrder(const CleanUpOrder&) = delete;
  CleanUpOrder& operator=(const CleanUpOrder&) = delete;
  EDDY_EXPORT ~CleanUpOrder();

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

  /// The running task begins the operation. Finds the `finally` around it.
  EDDY_EXPORT void enter() noexcept;
  /// Where the task was spawned in which the operation has begun.
  const std::source_location& place() const noexcept { return place_; }
  /// The clean-up is due: from now on the clean-up of the `finally` around it waits for it.
  void note_due(CancelReason why) noexcept {
    due_ = true;
    reason_ = why;
    if (outer_ != nullptr) ++outer_->inner_;
  }

  /// Why the clean-up is due; `none` if the operation has ended by itself.
  const CancelReason& reason() const noexcept { return reason_; }

  /// Completes when all clean-ups within that are due have ended.
  class EDDY_EXPORT
      [[nodiscard("nothing happens until it is awaited: write co_await")]] CleanUpTurnOp final
      : public Operation {
   public:
    explicit CleanUpTurnOp(CleanUpOrder& order) noexcept : order_(&order) {}

    bool try_start() const noexcept { return order_->inner_ == 0; }
    bool begin_wait(Waiter& waiter) noexcept {
      order_->waiter_ = &waiter;
      return true;
    }
    bool advance(Waiter&) noexcept override { return try_start(); }
    Waiting describe() const noexcept override { return {"the clean-ups within", kNoSource}; }
    void take() const noexcept {}

   private:
    CleanUpOrder* order_;
  };
  CleanUpTurnOp turn() noexcept { return CleanUpTurnOp(*this); }

 private:
  CleanUpOrder* outer_ = nullptr;  ///< alive: its clean-up waits for this one
  Waiter* waiter_ = nullptr;       ///< the clean-up, while it waits for its turn
  std::size_t inner_ = 0;          ///< how many clean-ups within are due and have not ended
  std::source_location place_;
  bool due_ = false;
  CancelReason reason_ = CancelReason::none;
};

/// Around a clean-up: its limit, and the reason for it.
struct CleanUpAround : TimeLimitAround {
  CleanUpAround(TimeLimit when, const CancelReason& why) noexcept
      : TimeLimitAround(when), reason(&why) {}

  LocalValue local() const noexcept {
    return {&key_of_clean_up_reason(), const_cast<CancelReason*>(reason)};
  }

  const CancelReason* reason;
};

/// The task of a clean-up.
template <class R>
Task<Result<>> run_clean_up(std::unique_ptr<CleanUpOrder> order, Duration limit, Task<R> clean_up) {
  co_await order->turn();
  co_return co_await TimedTask<R, CleanUpAround>(CleanUpAround(TimeLimit(limit), order->reason()),
                                                 std::move(clean_up));
}

/// A clean-up: its task, and after that what came of it. Does not move once it is started.
class EDDY_EXPORT CleanUp final : public TaskOwner {
 public:
  CleanUp(Task<Result<>>&& task, CleanUpOrder& order) noexcept
      : task_(std::move(task)), order_(&order) {
    detail_give(task_);
  }
  CleanUp(CleanUp&& other) noexcept
      : TaskOwner(), task_(std::move(other.task_)), order_(std::exchange(other.order_, nullptr)) {
    EDDY_ASSERT(!other.started_);
  }
  CleanUp& operator=(CleanUp&&) = delete;
  ~CleanUp() { detach(); }

  /// Null if it was moved from, or is started.
  CleanUpOrder* order() const noexcept { return order_; }
  /// Starts it as a shielded task, for `parent`. Does nothing if it is started.
  void start(PromiseBase& parent, CancelReason why) noexcept;
  bool ended() const noexcept { return !outcome.pending(); }
  /// It runs on, and what comes of it is reported if it fails.
  void detach() noexcept;

  void on_end(PromiseBase* ended) noexcept override;

  HeardOutcome<Result<>> outcome;

 private:
  Task<Result<>> task_;
  CleanUpOrder* order_;  ///< the task's; null once the clean-up is started or was moved from
  PromiseBase* header_ = nullptr;  ///< the task, while it runs
  PromiseBase* parent_ = nullptr;
  bool started_ = false;
};

/// Around the branch of a `finally`.
struct FinallyAround : NothingAround {
  explicit FinallyAround(CleanUpOrder& order) noexcept : order_(&order) {}

  CleanUpOrder* clean_up_order() const noexcept { return order_; }

 private:
  CleanUpOrder* order_;
};

/// Runs a task as a branch, then its clean-up as a task of its own. Both are made before it starts.
template <class T, bool kLosesProgress>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] FinallyOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.loses_progress = kLosesProgress, .abandons = true};

  FinallyOp(Task<T>&& task, CleanUp&& clean_up) noexcept
      : branch_(std::move(task), FinallyAround(*clean_up.order())),
        clean_up_(std::move(clean_up)) {}

  bool try_start() noexcept {
    // Null if it was awaited before. Then the start of the branch says so, and stops the program.
    if (CleanUpOrder* const order = clean_up_.order()) order->enter();
    branch_.start(set_);
    if (branch_.ended()) clean_up_after_end();
    return false;
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override {
    if (branch_.ended()) clean_up_after_end();
    return clean_up_.ended();
  }
  Waiting describe() const noexcept override { return {"a task and its clean-up", kNoSource}; }
  void abandon() noexcept override {
    branch_.cancel();
    clean_up_.start(*set_.parent, Worker::current().reason_to_cancel());
    clean_up_.detach();
  }
  Waiter* give_up_branch() noexcept override { return branch_.give_up(); }

  T take() {
    if (!failed()) {
      const Result<> cleaned = clean_up_.outcome.take();
      if (!cleaned) {
        if constexpr (is_result<T>) {
          return std::unexpected(cleaned.error());
        } else {
          throw std::system_error(cleaned.error(), "the clean-up of eddy::finally");
        }
      }
    }
    return branch_.outcome.take();
  }

 private:
  void clean_up_after_end() noexcept { clean_up_.start(*set_.parent, CancelReason::none); }
  bool failed() const noexcept {
    if constexpr (is_result<T>) {
      if (branch_.outcome.is_error()) return true;
    }
    return branch_.outcome.threw();
  }

  BranchSet set_{BranchSet::WakeOn::first_end};
  Branch<T, FinallyAround> branch_;
  CleanUp clean_up_;
};

/// True if a clean-up may have a parameter `P` for the argument `A`, which it gets before the
/// operation starts: it owns its value, or refers to what the caller has named by `std::ref`.
template <class P, class A>
inline constexpr bool may_clean_up_with = is_kept<P, A>;
template <class P, class X>
inline constexpr bool may_clean_up_with<P&, std::reference_wrapper<X>> =
    std::is_convertible_v<X*, P*>;

template <class... Args, class... P>
consteval bool may_clean_up(const Parameters<P...>* /*of the clean-up*/) {
  if constexpr (sizeof...(P) == sizeof...(Args)) {
    return (may_clean_up_with<P, Args> && ...);
  } else {
    return false;
  }
}

/// True if the coroutine `F(Args...)` uses nothing of whoever calls it.
template <class F, class... Args>
inline constexpr bool is_independent = false;
template <class F, class... Args>
  requires std::is_empty_v<F> && requires { &F::operator(); }
inline constexpr bool is_independent<F, Args...> =
    may_clean_up<Args...>(static_cast<ParametersOf<decltype(&F::operator())>*>(nullptr));
template <class F, class... Args>
inline constexpr bool is_independent<F*, Args...> =
    may_clean_up<Args...>(static_cast<ParametersOf<F*>*>(nullptr));

template <class F, class... Args>
CleanUp make_clean_up(Duration limit, F& f, Args&&... args) {
  auto order = std::make_unique<CleanUpOrder>();
  CleanUpOrder& kept = *order;
  return CleanUp(
      run_clean_up(std::move(order), limit,
                   std::invoke(f, static_cast<std::decay_t<Args>>(std::forward<Args>(args))...)),
      kept);
}

}  // namespace detail

/// As `finally`, with `limit` as the time limit of the clean-up. `Duration::max()` is no limit.
template <class A, class F, class... Args>
auto finally_within(detail::AnyDuration limit, A&& awaitable, F&& clean_up, Args&&... args) {
  using Given = detail::SpawnedTask<std::decay_t<F>, std::decay_t<Args>...>;
  constexpr bool kAwaitable = detail::is_awaitable<A>;
  constexpr bool kOutlives = detail::is_independent<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(kAwaitable,
                "finally takes a task or an operation, then the function of the clean-up and its "
                "arguments");
  static_assert(!detail::is_task<std::remove_cvref_t<F>>,
                "finally takes the function of the clean-up and its arguments, finally(work(), f, "
                "x), not a task, finally(work(), f(x))");
  if constexpr (kAwaitable && !detail::is_task<std::remove_cvref_t<F>>) {
    static_assert(
        kOutlives,
        "the clean-up of a finally outlives the coroutine that awaits it, if that is cancelled. So "
        "it is a function or a lambda without captures, whose parameters are values of the types "
        "of the arguments: finally(work(), f, x). Pass std::ref(x) for a reference to what lives "
        "longer");
    if constexpr (kOutlives && Given::kFits) {
      using Cleaned = typename Given::type::value_type;
      static_assert(std::is_void_v<Cleaned> || std::is_same_v<Cleaned, Result<>>,
                    "a clean-up is a Task<> or a Task<Result<>>: nobody would get its value");
      static_assert(!(detail::is_destroyed_twice<Args>() || ...),
                    "g++ 12 destroys the members of this argument twice, because it is made where "
                    "a coroutine awaits. Name it first, and pass a copy; or a std::unique_ptr");
      return detail::FinallyOp<detail::AwaitResultOf<A>,
                               detail::kTraitsOf<std::remove_cvref_t<A>>.loses_progress>(
          detail::to_task(std::forward<A>(awaitable)),
          detail::make_clean_up(limit, clean_up, std::forward<Args>(args)...));
    }
  }
}

/// Awaits `awaitable`, a task or an operation, and then the coroutine `clean_up(args...)`. The
/// clean-up runs if `awaitable` has begun, however `awaitable` ends: with a value, an error, an
/// exception, or cancelled. If it is cancelled, its frames are destroyed first. The clean-up is
/// shielded: nothing cancels it but its limit of 5 s (another: `finally_within`), and `block_on`
/// waits for it before it returns. It returns `Task<>` or `Task<Result<>>`.
///
/// The clean-up may outlive the coroutine that awaits, so it owns what it uses: it is a function or
/// a lambda without captures, and `args` are moved or copied into it before `awaitable` begins.
/// `std::ref(x)` is for an `x` that lives longer than this task; so must what a pointer points to.
///
///     auto end = [](std::shared_ptr<Session> served) -> eddy::Task<> {
///       co_await served->say_goodbye();
///     };
///     co_await eddy::finally(serve(session), end, session);
///
/// Gives what `awaitable` gives. If that is a value and the clean-up fails, gives the failure
/// instead: throws its exception; or gives its error, which may be `Error::deadline_exceeded`, as
/// the `Result` of `awaitable`, or throws it as std::system_error if there is no `Result`. A
/// failure that nobody can get any more is reported on standard error. The clean-up may ask
/// `cancellation_reason()` whether, and why, `awaitable` was cancelled.
///
/// The clean-up of a `finally` within `awaitable`, also in a branch or a group, ends before this
/// one begins. Out of memory throws here, before `awaitable` has begun.
/// **Errors**: those of `awaitable`; after a value that of the clean-up, or at its limit
/// `Error::deadline_exceeded`.
/// **Cancel**: cancels `awaitable`; the clean-up begins, or runs on, detached.
template <class A, class F, class... Args>
auto finally(A&& awaitable, F&& clean_up, Args&&... args) {
  return finally_within(detail::kCleanUpLimit, std::forward<A>(awaitable),
                        std::forward<F>(clean_up), std::forward<Args>(args)...);
}

}  // namespace eddy
