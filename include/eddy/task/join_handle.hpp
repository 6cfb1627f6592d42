// The handle of a spawned task, to wait for the task or to cancel it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/task/outcome.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/worker.hpp"

#include <exception>
#include <expected>
#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy {

/// Why a task that was joined gave no value: it was cancelled, or it threw.
class EDDY_EXPORT JoinError {
 public:
  static JoinError cancelled() noexcept { return JoinError(nullptr); }
  static JoinError threw(std::exception_ptr exception) noexcept {
    return JoinError(std::move(exception));
  }

  bool is_cancelled() const noexcept { return exception_ == nullptr; }
  /// The exception, or null if the task was cancelled.
  const std::exception_ptr& exception() const noexcept { return exception_; }
  /// Throws the task's exception, or std::system_error(operation_canceled).
  [[noreturn]] void rethrow() const;

 private:
  explicit JoinError(std::exception_ptr exception) noexcept : exception_(std::move(exception)) {}

  std::exception_ptr exception_;
};

/// The result of a join. For a task that returns a reference it holds a `std::reference_wrapper`.
template <class T>
using JoinResult = std::expected<detail::ValueOf<T>, JoinError>;

namespace detail {

enum class Shielded : bool { no, yes };

/// The part of a join handle that does not depend on the type.
class EDDY_EXPORT JoinHandleBase : public TaskOwner {
 public:
  /// Asks for the task to be cancelled, and returns at once. The loop destroys the task soon, or if
  /// the task is running, when it suspends. A join tells when that is done. Does nothing if the
  /// task has ended.
  void abort() noexcept;
  /// A handle that only aborts, for other threads, and for use after this handle is gone.
  AbortHandle abort_handle() const;
  /// True once the task has ended, or if the handle has none.
  bool finished() const noexcept { return task_ == nullptr; }

 protected:
  /// A wait for the end of the task. It is in its handle's list from when it waits until it dies.
  class Join : public Operation, public ListNode {
   public:
    static constexpr OperationTraits kTraits{.refers_to_others = true};

    Join& operator=(Join&&) = delete;

    bool try_start() const noexcept { return handle_->finished(); }
    bool begin_wait(Waiter& waiter) noexcept {
      handle_->add(*this, waiter);
      return true;
    }
    bool advance(Waiter&) noexcept override { return handle_ == nullptr || handle_->finished(); }
    void abandon() noexcept override { unlink(); }
    Waiting describe() const noexcept override { return {"a join", kNoSource}; }

   protected:
    explicit Join(JoinHandleBase& handle) noexcept : handle_(&handle) {}
    /// A wait may be moved until it begins.
    Join(Join&& other) noexcept : Operation(), ListNode(), handle_(other.handle_) {}
    ~Join() { unlink(); }

    /// Null once the handle is gone.
    JoinHandleBase* handle() const noexcept { return handle_; }

   private:
    friend class JoinHandleBase;

    JoinHandleBase* handle_;
    Waiter* waiter_ = nullptr;
  };

  JoinHandleBase() noexcept = default;
  JoinHandleBase(JoinHandleBase&& other) noexcept { take(other); }
  JoinHandleBase& operator=(JoinHandleBase&& other) noexcept {
    if (this == &other) return *this;
    detach();
    take(other);
    return *this;
  }
  ~JoinHandleBase() { detach(); }

  void launch(Worker& home, PromiseBase& task) noexcept {
    task_ = &task;
    home_ = &home;
    home.spawn(task, this);
  }
  /// `heir` gets the outcome of the task, if the task has not ended.
  void detach(TaskOwner* heir = nullptr) noexcept {
    if (task_ != nullptr || joins_.linked()) let_go(heir);
  }
  void ended() noexcept {
    task_ = nullptr;
    for (ListNode* node = joins_.next; node != &joins_; node = node->next) {
      home_->wake(*static_cast<Join&>(*node).waiter_);
    }
  }

 private:
  void add(Join& join, Waiter& waiter) noexcept {
    if (home_ != thread_home.looping) stop_elsewhere();
    join.waiter_ = &waiter;
    joins_.push_back(join);
  }
  void let_go(TaskOwner* heir) noexcept;
  void take(JoinHandleBase& other) noexcept;
  void check_thread() const noexcept {
    if (home_ != Worker::current_if_any()) stop_on_another_thread();
  }
  [[noreturn]] static void stop_moved() noexcept;
  [[noreturn]] static void stop_on_another_thread() noexcept;
  [[noreturn]] void stop_elsewhere() const noexcept;

  PromiseBase* task_ = nullptr;
  Worker* home_ = nullptr;
  ListNode joins_;  ///< of `Join`
};

/// Reports the error of a detached task that gives a `Result`. It has no state, so one object
/// serves all tasks of a type.
template <class T>
class ErrorReporter final : public TaskOwner {
 public:
  static TaskOwner* get() noexcept {
    static constinit ErrorReporter reporter;
    return &reporter;
  }

  void on_end(PromiseBase* ended) noexcept override {
    if (ended == nullptr) return;
    if (ended->threw) {
      report_lost_exception(*ended);
    } else if (const T& result = static_cast<PromiseOf<T>&>(*ended).stored.peek(); !result) {
      report_lost_error(result.error(), *ended);
    }
  }
};

/// An outcome that reports the error of a `Result` too, if nobody has taken it.
template <class T>
class ErrorOutcome : public Outcome<T> {
 public:
  ErrorOutcome() noexcept = default;
  ErrorOutcome(ErrorOutcome&&) noexcept = default;
  ErrorOutcome& operator=(ErrorOutcome&& other) noexcept {
    if (this == &other) return *this;
    report();
    Outcome<T>::operator=(std::move(other));
    spawned_at_ = other.spawned_at_;
    return *this;
  }
  ~ErrorOutcome() { report(); }

  void take_from(PromiseBase* ended) noexcept {
    if (ended != nullptr) spawned_at_ = ended->spawned_at();
    Outcome<T>::take_from(ended);
  }

 private:
  void report() noexcept {
    if (this->is_error()) [[unlikely]] {
      report_lost_error(this->take().error(), spawned_at_);
    }
  }

  std::source_location spawned_at_;
};

template <class T>
using HeardOutcome = std::conditional_t<is_result<T>, ErrorOutcome<T>, Outcome<T>>;

/// What a join gives of an outcome that is neither pending nor taken.
template <class T>
JoinResult<T> join_result(Outcome<T>& outcome) {
  if (outcome.state() != Outcome<T>::State::value) [[unlikely]] {
    return std::unexpected(outcome.threw() ? JoinError::threw(outcome.hear())
                                           : JoinError::cancelled());
  }
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return outcome.take();
  }
}

}  // namespace detail

/// The owner of a spawned task's outcome. `co_await handle` gives `JoinResult<T>`: the value, or a
/// `JoinError` that tells cancelled from threw. A value is given once: to await the handle again
/// stops the program. To await a handle that was moved from or detached does so too. An exception,
/// a cancellation and the end of a `Task<void>` are told to every join.
///
/// Dropping the handle, or assigning another to it, detaches the task, which runs on. An exception
/// that no join has given is reported on standard error, whether the task ends before or after; and
/// so is the error of a task that gives a `Result`.
/// A handle may not be moved while somebody awaits it, as a vector that grows does: that stops the
/// program. To destroy it then, or to assign to it, ends the join as cancelled.
/// **Cancel**: a join that is cancelled leaves the task running.
/// **Thread**: the task's; `abort_handle()` gives what other threads may use. Another use on
/// another thread stops the program.
template <class T = void>
class [[nodiscard("dropping the handle detaches the task; say so with detach()")]] JoinHandle
    : public detail::JoinHandleBase {
 public:
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] JoinOp final
      : public detail::JoinHandleBase::Join {
   public:
    explicit JoinOp(JoinHandle& joined) noexcept : Join(joined) {}

    JoinResult<T> take() {
      if (this->handle() == nullptr) return std::unexpected(JoinError::cancelled());
      return static_cast<JoinHandle*>(this->handle())->take_result();
    }
  };

  explicit JoinHandle(Task<T>&& task, std::source_location where,
                      detail::Shielded shielded = detail::Shielded::no) noexcept {
    // First, so that no call comes between making the header and filling it in.
    detail::Worker& home = detail::Worker::current();
    detail::PromiseBase& header = detail_release(task).promise().make_root(where);
    if (shielded == detail::Shielded::yes) home.shield(header);
    launch(home, header);
  }
  JoinHandle(JoinHandle&&) noexcept = default;
  JoinHandle& operator=(JoinHandle&& other) noexcept {
    if (this == &other) return *this;
    let_outcome_go();
    JoinHandleBase::operator=(std::move(other));
    outcome_ = std::move(other.outcome_);
    return *this;
  }
  /// Virtual, because `spawn` may give a derived handle.
  virtual ~JoinHandle() { let_outcome_go(); }

  /// Lets the task run on without a handle.
  void detach() && noexcept {
    let_outcome_go();
    JoinHandleBase::detach();
    outcome_ = detail::HeardOutcome<T>();
  }

  JoinOp as_operation() noexcept { return JoinOp(*this); }

 private:
  void on_end(detail::PromiseBase* ended) noexcept final {
    outcome_.take_from(ended);
    JoinHandleBase::ended();
  }
  /// Detaches the task. The error of a task that runs on is reported, not given to this handle.
  void let_outcome_go() noexcept {
    if constexpr (detail::is_result<T>) JoinHandleBase::detach(detail::ErrorReporter<T>::get());
  }
  JoinResult<T> take_result() {
    using State = typename detail::Outcome<T>::State;
    if (outcome_.state() != State::value) [[unlikely]] {
      if (outcome_.state() == State::pending) detail::stop_no_task();
      if (outcome_.state() == State::taken) detail::stop_value_taken();
    }
    return detail::join_result<T>(outcome_);
  }

  detail::HeardOutcome<T> outcome_;
};

}  // namespace eddy
