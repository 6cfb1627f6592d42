// A task group: a scope that its tasks cannot outlive.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/core/wait_list.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/task_owner.hpp"
#include "eddy/worker/worker.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

template <class T, class Body>
class GroupOp;

}  // namespace detail

/// The tasks of one `with_group`. It is destroyed when its scope ends. Pass it to tasks of the
/// group by reference.
///
/// **Thread**: that of its scope.
class EDDY_EXPORT TaskGroup final : private detail::TaskOwner {
 public:
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `f(args...)`, which returns `Task<>` or `Task<Result<>>`, as a task of the group, as
  /// `eddy::spawn` does. If the task throws or gives an error, the group is cancelled, and the
  /// exception or error comes out of `with_group`. After `cancel` it starts nothing.
  template <class F>
  void spawn(F&& f, std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f)), where);
  }
  template <class F, class A>
  void spawn(F&& f, A&& a, std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f), std::forward<A>(a)), where);
  }
  template <class F, class A, class B>
  void spawn(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b)), where);
  }
  template <class F, class A, class B, class C>
  void spawn(F&& f, A&& a, B&& b, C&& c,
             std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                          std::forward<C>(c)),
        where);
  }
  template <class F, class A, class B, class C, class D>
  void spawn(F&& f, A&& a, B&& b, C&& c, D&& d,
             std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                          std::forward<C>(c), std::forward<D>(d)),
        where);
  }
  template <class F, class A, class B, class C, class D, class E>
  void spawn(F&& f, A&& a, B&& b, C&& c, D&& d, E&& e,
             std::source_location where = std::source_location::current()) {
    add(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                          std::forward<C>(c), std::forward<D>(d), std::forward<E>(e)),
        where);
  }

  /// Refused: a parameter for the place of the call cannot follow a parameter pack.
  template <class F, class A, class B, class C, class D, class E, class G, class... More>
    requires detail::IsArgument<G>
  void spawn(F&&, A&&, B&&, C&&, D&&, E&&, G&&, More&&...) {
    static_assert(
        sizeof(std::decay_t<F>) == 0,
        "spawn takes at most five arguments: group.spawn_at(place, f, ...) takes any number");
  }

  /// `spawn` with any number of arguments, for the place `where`; as `eddy::spawn_at` does.
  template <class F, class... Args>
  void spawn_at(std::source_location where, F&& f, Args&&... args) {
    add(detail::make_task(std::forward<F>(f), std::forward<Args>(args)...), where);
  }

  /// Cancels the tasks of the group, but not its body. When `idle` completes, they are destroyed.
  void cancel() noexcept;

  /// Completes when no task of the group is left.
  /// **Cancel**: nothing is lost.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] IdleOp final
      : public detail::Operation {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit IdleOp(TaskGroup& group) noexcept : group_(&group) {}

    bool try_start() const noexcept { return group_->size_ == 0; }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      group_->idle_.add(wait_, waiter);
      return true;
    }
    bool advance(detail::Waiter&) noexcept override { return wait_.refused() || try_start(); }
    void abandon() noexcept override { wait_.leave(); }
    detail::Waiting describe() const noexcept override { return {"an idle group", kNoSource}; }
    void take() const noexcept {}

   private:
    TaskGroup* group_;
    detail::WaitNode wait_;
  };
  IdleOp idle() noexcept { return IdleOp(*this); }

  /// The number of tasks of the group that have not ended.
  std::size_t size() const noexcept { return size_; }

 private:
  template <class T, class Body>
  friend class detail::GroupOp;
  friend struct detail::DebugLayout;

  /// Owns one task of the group. It is in the group's list until the task ends.
  class Member final : public detail::ListNode, public detail::TaskOwner {
   public:
    Member(TaskGroup& owner, bool result) noexcept : group(&owner), gives_result(result) {}

    static void* operator new(std::size_t size) { return detail::allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      detail::free_frame(memory, size);
    }

    void on_end(detail::PromiseBase* ended) noexcept override;
    const detail::Waiter* branch_of() const noexcept override { return group->scope_; }

    TaskGroup* group;
    detail::PromiseBase* task = nullptr;
    bool gives_result;  ///< it is a `Task<Result<>>`
  };

  TaskGroup() noexcept = default;
  ~TaskGroup() {
    destroy_all();
    if (!idle_.empty()) idle_.end(detail::Worker::current().ready);
    if (failed()) report_lost(exception_, error_);
  }

  // As the owner of tasks that are being cancelled: their members are gone.
  void on_end(detail::PromiseBase*) noexcept override {}
  const detail::Waiter* branch_of() const noexcept override { return scope_; }

  void add(Task<> task, std::source_location where);
  void add(Task<Result<>> task, std::source_location where);
  template <class T>
  void add(Task<T>, std::source_location) {
    static_assert(sizeof(T*) == 0,
                  "a task of a group is a Task<> or a Task<Result<>>: nobody would get its value");
  }
  template <class T>
  EDDY_LOCAL void adopt(Task<T>& task, std::source_location where);
  bool failed() const noexcept { return exception_.exception || error_; }
  /// Lets the group fail with an exception or an error. If it has failed before, reports that.
  EDDY_LOCAL void fail(detail::CaughtException&& caught,
                       std::optional<std::error_code> error) noexcept;
  static void report_lost(const detail::CaughtException& lost,
                          const std::optional<std::error_code>& error) noexcept;
  EDDY_LOCAL void note_end(Member& member) noexcept;
  void destroy_all() noexcept;
  /// Takes the first task out of the group, for the caller to destroy; null if there is none. From
  /// now on the group starts nothing.
  detail::PromiseBase* give_up_member() noexcept;

  detail::ListNode members_;
  detail::WaitList idle_;  ///< those who wait until the group is empty
  std::size_t size_ = 0;
  detail::Waiter* scope_ = nullptr;       ///< woken when the group is empty, or when a task fails
  detail::CaughtException exception_;     ///< the first exception, until it comes out
  std::optional<std::error_code> error_;  ///< the first error, if no exception came before it
  bool cancelled_ = false;
};

namespace detail {

/// Runs the body of a group as a branch, then waits for the group's tasks.
template <class T, class Body>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] GroupOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  explicit GroupOp(Body&& body) : function_(std::forward<Body>(body)) {}
  GroupOp(GroupOp&& other) noexcept(std::is_nothrow_move_constructible_v<std::decay_t<Body>>)
      : function_(std::move(other.function_)) {}
  GroupOp& operator=(GroupOp&&) = delete;
  ~GroupOp() { abandon(); }

  bool try_start() noexcept {
    try {
      body_.emplace(std::invoke(function_, group_));
    } catch (...) {
      group_.exception_ = {std::current_exception(), spawn_place(*Worker::current().running())};
      return over();
    }
    body_->start(set_);
    return over();
  }
  bool begin_wait(Waiter& waiter) noexcept {
    set_.begin_wait();
    group_.scope_ = &waiter;
    return true;
  }
  bool advance(Waiter&) noexcept override { return over(); }
  Waiting describe() const noexcept override { return {"a task group", kNoSource}; }
  /// Cancels the tasks of the group, then its body: the tasks may use the body's locals.
  void abandon() noexcept override {
    group_.destroy_all();
    if (body_) body_->cancel_for(CancelReason::group);
  }
  Waiter* give_up_branch() noexcept override {
    if (Waiter* const member = group_.give_up_member()) return member;
    return body_ ? body_->give_up() : nullptr;
  }

  T take() {
    if (group_.failed() && !body_failed()) {
      if (group_.exception_.exception) {
        std::rethrow_exception(std::exchange(group_.exception_.exception, nullptr));
      }
      const std::error_code error = *std::exchange(group_.error_, std::nullopt);
      if constexpr (is_result<T>) {
        return std::unexpected(error);
      } else {
        throw std::system_error(error);
      }
    }
    return body_->outcome.take();
  }

 private:
  bool over() noexcept {
    if (group_.failed() || body_failed()) {
      abandon();
      return true;
    }
    return body_->ended() && group_.size() == 0;
  }
  bool body_failed() const noexcept { return body_ && set_.decided; }

  std::decay_t<Body> function_;
  TaskGroup group_;
  BranchSet set_{BranchSet::WakeOn::first_end};
  std::optional<Branch<T>> body_;
};

}  // namespace detail

/// Calls the coroutine `body(group)`, which may spawn tasks into the group. Waits until the body
/// and all tasks of the group have ended, and gives the result of the body. If the body or a task
/// throws or gives an error, all others are cancelled and destroyed first. Then the first exception
/// or error comes out: an error as the `Result` of the body, or as std::system_error if the body
/// gives no `Result`.
/// **Cancel**: cancels the tasks of the group and the body, in this order.
///
///     co_await eddy::with_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
///       while (auto accepted = co_await listener.accept()) {
///         group.spawn(serve, std::move(accepted->stream));
///       }
///     });
template <class Body>
auto with_group(Body&& body) {
  using BodyTask = std::invoke_result_t<std::decay_t<Body>&, TaskGroup&>;
  static_assert(detail::is_task<BodyTask>, "the body of a group is a coroutine: it returns a Task");
  static_assert(!detail::is_destroyed_twice<Body>(),
                "g++ 12 destroys the captures of this body twice, because it is made where a "
                "coroutine awaits. Name it first: auto body = ...; co_await with_group(body), or "
                "with_group(std::ref(body)) if it cannot be copied");
  static_assert(detail::fits_a_frame<std::decay_t<Body>>,
                "with_group(body): a frame cannot hold what is aligned more strictly than "
                "max_align_t; capture a pointer to it");
  return detail::GroupOp<typename BodyTask::value_type, Body>(std::forward<Body>(body));
}

}  // namespace eddy
