// How a task ended, kept by whoever waits for it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/executor/executor.hpp"
#include "eddy/executor/lost_exception.hpp"
#include "eddy/executor/promise.hpp"
#include "eddy/executor/task.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy::detail {

/// How an outcome keeps a `T`: it can be moved without an exception.
template <class T>
struct Kept {
  static constexpr bool kMayThrow = !std::is_nothrow_move_constructible_v<T>;
  using type = std::conditional_t<kMayThrow, std::unique_ptr<std::remove_const_t<T>>,
                                  std::remove_const_t<T>>;
};
template <class T>
struct Kept<T&> {
  static constexpr bool kMayThrow = false;
  using type = T*;
};
template <>
struct Kept<void> {
  static constexpr bool kMayThrow = false;
  using type = std::monostate;
};

/// What a task gave: pending until it has ended, then its value or exception for the one who may
/// ask, or that it was cancelled. An exception that nobody has asked for is reported when the
/// outcome goes.
template <class T>
class Outcome {
 public:
  enum class State : std::uint8_t {
    pending,
    cancelled,
    value,
    taken,  ///< the value was, and is not to be had again
    threw,
    heard,  ///< threw, and somebody has got the exception
  };

  Outcome() noexcept {}
  Outcome(Outcome&& other) noexcept { take_over(other); }
  Outcome& operator=(Outcome&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take_over(other);
    return *this;
  }
  ~Outcome() { end(nullptr); }

  /// Takes what `ended` holds; null is a cancelled task. If moving the value throws, that exception
  /// is the outcome.
  void take_from(PromiseBase* ended) noexcept {
    if (ended == nullptr) {
      state_ = State::cancelled;
    } else if (ended->threw) {
      keep_exception(std::move(ended->exception), *ended);
    } else if constexpr (Kept<T>::kMayThrow) {
      try {
        keep_value(static_cast<PromiseOf<T>&>(*ended).stored);
      } catch (...) {
        keep_exception(std::current_exception(), *ended);
      }
    } else {
      keep_value(static_cast<PromiseOf<T>&>(*ended).stored);
    }
  }

  /// The value, once; or throws the exception.
  T take() {
    if (threw()) std::rethrow_exception(hear());
    if constexpr (std::is_reference_v<T>) {
      return *value_;
    } else if constexpr (Kept<T>::kMayThrow) {
      state_ = State::taken;
      return std::move(*value_);
    } else if constexpr (!std::is_void_v<T>) {
      state_ = State::taken;
      return std::move(value_);
    }
  }

  State state() const noexcept { return state_; }
  bool pending() const noexcept { return state_ == State::pending; }
  bool threw() const noexcept { return state_ >= State::threw; }
  /// The exception; whoever gets it is told by it.
  const std::exception_ptr& hear() noexcept {
    state_ = State::heard;
    return caught_.exception;
  }

  /// Forgets it. `parent` is the task that waits for a branch, if this is the outcome of one.
  void clear(const Waiter* parent = nullptr) noexcept {
    end(parent);
    state_ = State::pending;
  }
  /// It has an exception that nobody has asked for.
  bool unheard() const noexcept { return state_ == State::threw; }

 private:
  using Value = typename Kept<T>::type;

  void keep_value(Stored<T>& stored) noexcept(!Kept<T>::kMayThrow) {
    // By placement, so that what `take` gives is made in its place.
    if constexpr (std::is_reference_v<T>) {
      value_ = &stored.take();
    } else if constexpr (Kept<T>::kMayThrow) {
      std::construct_at(&value_, new std::remove_const_t<T>(stored.take()));
    } else if constexpr (!std::is_void_v<T>) {
      ::new (static_cast<void*>(&value_)) Value(stored.take());
    }
    state_ = State::value;
  }
  void keep_exception(std::exception_ptr&& exception, const TaskHeader& ended) noexcept {
    std::construct_at(&caught_, std::move(exception), ended.spawned_at);
    state_ = State::threw;
  }

  void take_over(Outcome& other) noexcept {
    if (other.threw()) {
      std::construct_at(&caught_, std::move(other.caught_));
      std::destroy_at(&other.caught_);
    } else if (other.has_value()) {
      std::construct_at(&value_, std::move(other.value_));
      std::destroy_at(&other.value_);
    }
    state_ = std::exchange(other.state_, State::pending);
  }
  bool has_value() const noexcept { return state_ == State::value || state_ == State::taken; }
  void end(const Waiter* parent) noexcept {
    if (threw()) [[unlikely]] {
      if (unheard()) report_lost_exception(caught_, parent);
      std::destroy_at(&caught_);
    } else if (has_value()) {
      std::destroy_at(&value_);
    }
  }

  union {
    Value value_;             ///< alive if there is one, also when it was taken
    CaughtException caught_;  ///< alive if the task threw
  };
  State state_ = State::pending;
};

/// What the branches of one operation have in common: whom to wake, and when.
struct BranchSet {
  enum class WakeOn : bool { first_end, last_end };

  explicit BranchSet(WakeOn when) noexcept : wake_on(when) {}

  void note_end(bool with_exception) noexcept {
    --running;
    if (with_exception) [[unlikely]] {
      threw = true;
    }
    if (waiter != nullptr && (running == 0 || threw || wake_on == WakeOn::first_end)) {
      // Next, so that no other branch that is ready runs, and takes what will be dropped.
      Executor::current().wake_next(*waiter);
    }
  }

  /// The operation begins to wait.
  void wake_later(Waiter& waiting) noexcept {
    waiter = &waiting;
    static_cast<TaskHeader&>(waiting).has_branches = true;
  }

  Waiter* waiter = nullptr;  ///< set once the operation has begun to wait
  std::size_t running = 0;
  WakeOn wake_on;
  bool threw = false;
};

/// One branch of the task that awaits it: a task of its own, owned by an operation. Destroying it
/// cancels the branch, and comes back when it is gone. Stays where it is once started.
template <class T>
class Branch final : public TaskOwner {
  friend struct DebugLayout;

  BranchSet* set_ = nullptr;  // first, so that a debugger finds it whatever T is

 public:
  explicit Branch(Task<T>&& task) noexcept : task_(std::move(task)) { detail_give(task_); }
  Branch(Branch&&) noexcept = default;
  Branch& operator=(Branch&&) = delete;
  ~Branch() {
    cancel();
    if (outcome.unheard()) [[unlikely]] {
      outcome.clear(set_->waiter);
    }
  }

  /// Runs the branch up to its first wait.
  void start(BranchSet& set) noexcept {
    set_ = &set;
    ++set.running;
    header_ = &detail_release(task_).promise().make_root({});
    Executor::of_running_task().start_branch(*header_, *this);
  }
  void cancel() noexcept {
    // There is an executor, because it has started the branch.
    if (header_ != nullptr) Executor::current_if_any()->destroy(*give_up());
  }
  /// Hands the branch over to who destroys it; null if it is not running.
  TaskHeader* give_up() noexcept { return std::exchange(header_, nullptr); }

  bool ended() const noexcept { return !outcome.pending(); }

  void on_end(PromiseBase* promise) noexcept override {
    header_ = nullptr;
    outcome.take_from(promise);
    set_->note_end(outcome.threw());
  }

  const Waiter* branch_of() const noexcept override { return set_->waiter; }

  Outcome<T> outcome;

 private:
  Task<T> task_;
  TaskHeader* header_ = nullptr;
};

/// An operation as a task of its own.
template <class Op, class T>
Task<T> run_operation(Op operation) {
  co_return co_await std::move(operation);
}
template <class Op>
Task<void> run_void_operation(Op operation) {
  co_await std::move(operation);
}
template <class Source, class T>
Task<T> run_source(Source& source) {
  co_return co_await source;
}
template <class Source, class T>
Task<T> run_owned_source(Source source) {
  co_return co_await source;
}

/// What awaiting an `A` gives.
template <class A>
struct AwaitResult {
  using type = decltype(std::declval<A&>().take());
};
template <class T>
struct AwaitResult<Task<T>> {
  using type = T;
};
template <HasOperation A>
struct AwaitResult<A> {
  using type = decltype(std::declval<A&>().as_operation().take());
};
template <class A>
using AwaitResultOf = typename AwaitResult<std::remove_cvref_t<A>>::type;

/// What `co_await`, `select` and their kin accept.
template <class A>
concept IsAwaitable = is_task<std::remove_cvref_t<A>> || IsOperation<std::remove_cvref_t<A>> ||
                      HasOperation<std::remove_cvref_t<A>>;
/// The same for a static assertion, which would else list what each part of the concept lacks.
template <class A>
inline constexpr bool is_awaitable = IsAwaitable<A>;

template <class A>
Task<AwaitResultOf<A>> to_task(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  using T = AwaitResultOf<A>;
  refuse_temporary<A>();
  if constexpr (is_task<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "a task is awaited once: write std::move(task)");
    return std::forward<A>(awaitable);
  } else if constexpr (IsOperation<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "an operation is awaited once: make it here");
    static_assert(
        !requires { typename Plain::waits_for_own_waker; },
        "a branch is a task of its own, so a waker of this task would not end suspend() "
        "in it: pass a task that takes its current_waker() and then suspends");
    if constexpr (std::is_void_v<T>) {
      return run_void_operation<Plain>(std::forward<A>(awaitable));
    } else {
      return run_operation<Plain, T>(std::forward<A>(awaitable));
    }
  } else if constexpr (std::is_lvalue_reference_v<A>) {
    return run_source<Plain, T>(awaitable);
  } else {
    return run_owned_source<Plain, T>(std::forward<A>(awaitable));
  }
}

/// `void` as a value, and a reference as one.
template <class T>
struct NonVoid : Value<T> {};
template <>
struct NonVoid<void> {
  using type = std::monostate;
};
template <class T>
using NonVoidOf = typename NonVoid<T>::type;

/// The value of an outcome, with std::monostate for void.
template <class T>
NonVoidOf<T> take_non_void(Outcome<T>& outcome) {
  if constexpr (std::is_void_v<T>) {
    outcome.take();
    return {};
  } else {
    return outcome.take();
  }
}

}  // namespace eddy::detail
