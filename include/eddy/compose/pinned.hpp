// A branch that goes on while nobody waits for it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/outcome.hpp"
#include "eddy/worker/task_owner.hpp"

#include <expected>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

class Worker;

/// The part of a `Pinned` that does not depend on the type.
class EDDY_EXPORT PinnedBase : public TaskOwner {
 public:
  PinnedBase(const PinnedBase&) = delete;
  PinnedBase& operator=(const PinnedBase&) = delete;

  /// True if what it held has ended, and nobody has taken the result.
  bool ended() const noexcept { return ended_; }
  /// True if it holds neither a task that runs nor a result.
  bool empty() const noexcept { return task_ == nullptr && !ended_; }

 protected:
  /// A wait for the end of the task. It may be moved until it begins.
  class Wait : public Operation {
   public:
    static constexpr OperationTraits kTraits{.refers_to_others = true};

    Wait& operator=(Wait&&) = delete;

    bool try_start() const noexcept { return pinned_->ended_ && pinned_->wait_ == nullptr; }
    bool begin_wait(Waiter& waiter) noexcept {
      pinned_->add(*this, waiter);
      return true;
    }
    bool advance(Waiter&) noexcept override { return pinned_ == nullptr || pinned_->ended_; }
    void abandon() noexcept override { leave(); }
    Waiting describe() const noexcept override { return {"a pinned operation", kNoSource}; }

   protected:
    explicit Wait(PinnedBase& pinned) noexcept : pinned_(&pinned) {}
    Wait(Wait&& other) noexcept : Operation(), pinned_(other.pinned_) {}
    ~Wait() { leave(); }

    void leave() noexcept {
      if (pinned_ != nullptr && pinned_->wait_ == this) pinned_->wait_ = nullptr;
    }
    /// Null if the `Pinned` was emptied or destroyed during the wait.
    PinnedBase* pinned() const noexcept { return pinned_; }

   private:
    friend class PinnedBase;

    PinnedBase* pinned_;
    Waiter* waiter_ = nullptr;
  };

  PinnedBase() noexcept = default;
  ~PinnedBase() = default;

  /// Runs `task`, which is new, up to its first wait.
  void launch(PromiseBase& task) noexcept;
  /// Cancels a task that runs, and ends a wait for it.
  void end() noexcept;
  /// The task has ended.
  void note_end() noexcept;
  /// The result was taken.
  void note_taken() noexcept { ended_ = false; }
  [[noreturn]] static void throw_cancelled();

 private:
  void add(Wait& wait, Waiter& waiter) noexcept;

  PromiseBase* task_ = nullptr;  ///< null if none runs
  Worker* home_ = nullptr;       ///< of the last task
  Wait* wait_ = nullptr;         ///< which has begun, and was neither taken nor abandoned
  bool ended_ = false;
};

/// What a `Pinned` of an `A` gives. `Pinned::set` refuses what cannot be awaited, in words.
template <class A>
struct PinnedResult {
  using type = void;
};
template <IsAwaitable A>
struct PinnedResult<A> : AwaitResult<std::remove_cvref_t<A>> {};

}  // namespace detail

/// Holds an operation or a task that goes on from one `when_any` to the next, where `when_any`
/// would cancel what is given to it alone. `T` is what it gives, and is deduced.
///
/// It runs as a task of its own, from when it is made: first up to its first wait, then also while
/// nobody waits for it. `co_await accepting` and `when_any(accepting, ...)` wait for its end, and
/// move its result out, or throw its exception. Then the `Pinned` is empty, and `set` starts the
/// next one. What has ended between two waits is found at once. `when_all`, `timeout` and the rest
/// take it too: `timeout(1s, accepting)` waits for a second, and cancels nothing.
///
/// `read_exact` and `write_all` are allowed, because a `when_any` that another branch wins leaves
/// them running. Their buffers must outlive the `Pinned`: declare them before it.
///
/// To await an empty one stops the program: a loop that has forgotten `set` would wait for ever, in
/// silence. Two waits at once stop it too. The destructor, `reset` and `set` cancel what runs. Then
/// the bytes that a `read_exact` or `write_all` has moved are lost, and so is a result that nobody
/// has taken, such as an accepted connection. An exception that nobody has taken is reported on
/// standard error.
///
/// It cannot be moved, and is made in a task, for its scope: a local variable, or a member of one.
/// Where what it holds has a `Pinned` of its own, and so on, they are destroyed by recursion: tens
/// of thousands overflow the stack.
/// **Errors**: those of what it holds. If the destructor, `reset`, `set` or the end of `block_on`
/// cancels that during a wait of another task, `operation_canceled`: as the error of a `Result`,
/// else thrown as std::system_error.
/// **Cancel**: what is held goes on, and a later wait gets its result.
/// **Thread**: that of the task in which it was made. To wait or to cancel on another one stops the
/// program.
///
///     eddy::Pinned accepting(listener.accept());
///     for (;;) {
///       auto first = co_await eddy::when_any(accepting, eddy::sleep_for(1s));
///       if (first.index() == 1) {
///         report();  // no connection for a second; the accept goes on
///       } else {
///         auto accepted = std::get<0>(std::move(first));
///         if (!accepted) break;  // the listener is closed
///         serve(std::move(accepted->stream));
///         accepting.set(listener.accept());
///       }
///     }
template <class T>
class [[nodiscard("its destructor cancels what it holds: give it a name")]] Pinned final
    : public detail::PinnedBase {
 public:
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] PinnedOp final
      : public detail::PinnedBase::Wait {
   public:
    explicit PinnedOp(Pinned& pinned) noexcept : Wait(pinned) {}

    T take() {
      detail::Outcome<T> outcome;
      if (this->pinned() != nullptr) outcome = static_cast<Pinned*>(this->pinned())->give();
      this->leave();
      if (outcome.pending() || outcome.state() == decltype(outcome)::State::cancelled) {
        if constexpr (detail::is_result<T>) {
          return std::unexpected(std::make_error_code(std::errc::operation_canceled));
        } else {
          throw_cancelled();
        }
      }
      return outcome.take();
    }
  };

  /// An empty one. Name its type then: `Pinned<Result<Accepted>>`.
  Pinned() noexcept = default;
  /// Starts `awaitable`, which is an operation or a task.
  template <class A>
    requires(!std::is_same_v<std::remove_cvref_t<A>, Pinned>)
  explicit Pinned(A&& awaitable, std::source_location where = std::source_location::current()) {
    set(std::forward<A>(awaitable), where);
  }
  ~Pinned() { end(); }

  /// Empties it, then starts `awaitable`. In a dump its task is spawned at `where`.
  template <class A>
  void set(A&& awaitable, std::source_location where = std::source_location::current()) {
    static_assert(detail::is_awaitable<A>, "a Pinned holds one of eddy's tasks or operations");
    if constexpr (detail::is_awaitable<A>) {
      static_assert(std::is_same_v<detail::AwaitResultOf<A>, T>,
                    "a Pinned<T> holds what gives a T; this gives another type");
      Task<T> task = detail::to_task(std::forward<A>(awaitable));
      detail_give(task);
      reset();
      launch(detail_release(task).promise().make_root(where));
    }
  }
  /// Empties it: cancels what runs, and drops a result.
  void reset() noexcept {
    end();
    outcome_.clear();
  }

  PinnedOp as_operation() noexcept { return PinnedOp(*this); }

 private:
  void on_end(detail::PromiseBase* ended) noexcept override {
    outcome_.take_from(ended);
    note_end();
  }
  detail::Outcome<T> give() noexcept {
    note_taken();
    return std::move(outcome_);
  }

  detail::Outcome<T> outcome_;
};

template <class A>
Pinned(A&&, std::source_location = std::source_location::current())
    -> Pinned<typename detail::PinnedResult<A>::type>;

}  // namespace eddy
