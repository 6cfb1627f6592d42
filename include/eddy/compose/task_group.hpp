// A task group: a scope that its tasks cannot outlive.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/compose/spawner.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/core/wait_list.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/task_owner.hpp"
#include "eddy/worker/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

/// What a group does when its body or one of its tasks throws or gives an error.
enum class OnError : std::uint8_t {
  cancel,   ///< cancels all others; `with_group` gives the first failure
  collect,  ///< cancels nothing; `with_group` gives all failures
};

/// How a task of a group failed. It has an exception or an error, not both.
struct EDDY_EXPORT GroupError {
  /// The text of the exception or the error.
  std::string message() const;

  std::exception_ptr exception;     ///< null if the task gave an error
  std::error_code error;            ///< of no meaning if the task threw
  std::source_location spawned_at;  ///< of the body: of the task that awaits `with_group`
};

/// The failures of a group, in the order in which the tasks ended; that of the body is the last.
using GroupErrors = std::vector<GroupError>;

namespace detail {

template <class T, class Body, OnError kOnError>
class GroupOp;

}  // namespace detail

/// The tasks of one `with_group`. It is destroyed when its scope ends. Pass it to tasks of the
/// group by reference. A task of a group gives no value; for tasks that do, declare a `JoinSet` in
/// a coroutine: it is a scope too, whose tasks end with it.
///
/// **Thread**: that of its scope.
class EDDY_EXPORT TaskGroup final : public detail::Spawner<TaskGroup>,
                                    public detail::WaitingSpawner<TaskGroup>,
                                    private detail::TaskOwner {
 public:
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `f(args...)`, which returns `Task<>` or `Task<Result<>>`, as a task of the group, as
  /// `eddy::spawn` does. If the task throws or gives an error, the group is cancelled, and the
  /// exception or error comes out of `with_group`; see `OnError`. After `cancel` it starts nothing.
  /// It does not wait, so the group may have more tasks than its limit.
  using Spawner::spawn;
  using Spawner::spawn_at;

  /// Waits while the group has as many tasks as its limit, then spawns. So a producer is never
  /// ahead of its tasks. Waits end in the order in which they began; a later `spawn_when_free` does
  /// not pass them, `spawn` may. Without a limit it never waits. If all tasks of the group wait in
  /// it, they wait for ever.
  /// **Cancel**: nothing is spawned; `f` and the arguments are destroyed. If the group is cancelled
  /// or ends, the wait ends and nothing is spawned.
  ///
  ///     while (auto url = co_await urls.receive()) {
  ///       co_await group.spawn_when_free(fetch, *url);
  ///     }
  using WaitingSpawner::spawn_when_free;
  using WaitingSpawner::spawn_when_free_at;

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

  /// The number of tasks of the group that have not ended. A server can refuse clients by
  /// it.
  std::size_t size() const noexcept { return size_; }

 private:
  template <class T, class Body, OnError kOnError>
  friend class detail::GroupOp;
  friend class detail::Spawner<TaskGroup>;
  friend class detail::WaitingSpawner<TaskGroup>;
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

  /// A wait for room in the group. It is in the group's list until it completes.
  class RoomWait : public detail::Operation {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    RoomWait& operator=(RoomWait&&) = delete;

    bool try_start() const noexcept { return group_->has_room() && group_->for_room_.empty(); }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      group_->for_room_.add(wait_, waiter);
      return true;
    }
    bool advance(detail::Waiter&) noexcept override {
      if (wait_.refused()) group_ = nullptr;
      return group_ == nullptr || (group_->for_room_.is_first(wait_) && group_->has_room());
    }
    void abandon() noexcept override {
      if (!wait_.refused()) leave();
    }
    detail::Waiting describe() const noexcept override { return {"room in a group", kNoSource}; }

   protected:
    explicit RoomWait(TaskGroup& group) noexcept : group_(&group) {}
    /// May be moved until it begins to wait.
    RoomWait(RoomWait&&) noexcept = default;
    ~RoomWait() { abandon(); }

    /// Null if the group has ended.
    TaskGroup* group() const noexcept { return group_; }
    /// Waits no longer. If there is room, the next one is woken.
    void leave() noexcept {
      if (group_ == nullptr) return;
      wait_.leave();
      std::exchange(group_, nullptr)->wake_for_room();
    }

   private:
    TaskGroup* group_;
    detail::WaitNode wait_;
  };

  template <class T>
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] SpawnOp final
      : public RoomWait {
   public:
    SpawnOp(TaskGroup& group, Task<T>&& task, std::source_location where) noexcept
        : RoomWait(group), task_(std::move(task)), where_(where) {
      detail_give(task_);
    }

    void take() {
      if (this->group() == nullptr) return;
      this->group()->add(std::move(task_), where_);
      this->leave();
    }

   private:
    Task<T> task_;
    std::source_location where_;
  };

  TaskGroup(std::size_t limit, OnError on_error) noexcept
      : limit_(limit), collects_(on_error == OnError::collect) {}
  ~TaskGroup();

  // As the owner of tasks that are being cancelled: their members are gone.
  void on_end(detail::PromiseBase*) noexcept override {}
  const detail::Waiter* branch_of() const noexcept override { return scope_; }

  void add(Task<> task, std::source_location where);
  void add(Task<Result<>> task, std::source_location where);
  template <class T>
  void add(Task<T>, std::source_location) {
    static_assert(sizeof(T*) == 0,
                  "a task of a group is a Task<> or a Task<Result<>>: nobody would get its value; "
                  "a JoinSet<T> gives it");
  }
  template <class T>
  SpawnOp<T> add_when_free(Task<T>&& task, std::source_location where) noexcept {
    return SpawnOp<T>(*this, std::move(task), where);
  }
  template <class T>
  EDDY_LOCAL void adopt(Task<T>& task, std::source_location where);
  /// True if the failure of a task ends the group.
  bool failed() const noexcept { return failure_.has_value() && !collects_; }
  /// Notes that a task has failed. If that is not the first and the group does not collect them,
  /// reports the failure.
  EDDY_LOCAL void fail(GroupError&& error) noexcept;
  EDDY_LOCAL void note_end(Member& member) noexcept;
  /// After `cancel`, too: what waits for room then need not wait, and starts nothing.
  bool has_room() const noexcept { return size_ < limit_ || cancelled_; }
  void wake_for_room() noexcept;
  void destroy_all() noexcept;
  /// Takes the first task out of the group, for the caller to destroy; null if there is none. From
  /// now on the group starts nothing.
  detail::PromiseBase* give_up_member() noexcept;

  detail::ListNode members_;
  detail::WaitList idle_;      ///< those who wait until the group is empty
  detail::WaitList for_room_;  ///< those who wait to spawn. If there is room, the first is woken.
  std::size_t size_ = 0;
  std::size_t limit_;
  detail::Waiter* scope_ = nullptr;    ///< woken when the group is empty, or when a task fails
  std::optional<GroupError> failure_;  ///< the first failure, until it comes out
  GroupErrors failures_;  ///< all, if it collects them; there is room for one of each task
  bool collects_;
  bool cancelled_ = false;
};

namespace detail {

/// The type of the value of a body that gives a `T`, without its error.
template <class T>
struct BodyValue : Value<T> {};
template <class T>
struct BodyValue<Result<T>> {
  using type = T;
};

/// Runs the body of a group as a branch, then waits for the group's tasks.
template <class T, class Body, OnError kOnError>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] GroupOp final
    : public Operation {
  static constexpr bool kCollects = kOnError == OnError::collect;
  using Output =
      std::conditional_t<kCollects, std::expected<typename BodyValue<T>::type, GroupErrors>, T>;

 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  GroupOp(std::size_t limit, Body&& body)
      : function_(std::forward<Body>(body)), group_(limit, kOnError) {}
  /// May be moved until it is started.
  GroupOp(GroupOp&& other) noexcept(std::is_nothrow_move_constructible_v<std::decay_t<Body>>)
      : function_(std::move(other.function_)), group_(other.group_.limit_, kOnError) {}
  GroupOp& operator=(GroupOp&&) = delete;
  ~GroupOp() {
    abandon();
    if constexpr (kCollects && is_result<T>) report_error_of_body();
  }

  bool try_start() noexcept {
    try {
      body_.emplace(std::invoke(function_, group_));
    } catch (...) {
      group_.failure_ = {std::current_exception(), {}, place()};
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

  Output take() {
    if constexpr (kCollects) {
      return take_all();
    } else {
      return take_first();
    }
  }

 private:
  bool over() noexcept {
    if (!kCollects && (group_.failed() || body_failed())) {
      abandon();
      return true;
    }
    return (!body_ || body_->ended()) && group_.size() == 0;
  }
  bool body_failed() const noexcept { return body_ && set_.decided; }
  static std::source_location place() noexcept { return spawn_place(*Worker::current().running()); }

  T take_first() {
    if (group_.failed() && !body_failed()) {
      const GroupError first = *std::exchange(group_.failure_, std::nullopt);
      if (first.exception) std::rethrow_exception(first.exception);
      if constexpr (is_result<T>) {
        return std::unexpected(first.error);
      } else {
        throw std::system_error(first.error);
      }
    }
    return body_->outcome.take();
  }

  Output take_all() {
    // First, because this may throw: then the failures are still the group's.
    group_.failures_.reserve(group_.failures_.size() + 1);
    GroupErrors failures = std::exchange(group_.failures_, {});
    if (group_.failure_) {
      failures.push_back(*std::exchange(group_.failure_, std::nullopt));
    } else if (body_->outcome.threw()) {
      failures.push_back({body_->outcome.hear(), {}, place()});
    } else if constexpr (is_result<T>) {
      if (body_->outcome.is_error()) {
        failures.push_back({nullptr, body_->outcome.take().error(), place()});
      }
    }
    if (!failures.empty()) return std::unexpected(std::move(failures));
    if constexpr (is_result<T>) {
      if constexpr (std::is_void_v<typename T::value_type>) {
        body_->outcome.take();
        return {};
      } else {
        return *body_->outcome.take();
      }
    } else if constexpr (std::is_void_v<T>) {
      body_->outcome.take();
      return {};
    } else {
      return Output(std::in_place, body_->outcome.take());
    }
  }

  /// The scope was cancelled after its body had ended.
  void report_error_of_body() noexcept {
    if (body_ && body_->outcome.is_error()) {
      report_lost_error(body_->outcome.take().error(), spawn_place(*set_.parent));
    }
  }

  std::decay_t<Body> function_;
  TaskGroup group_;
  BranchSet set_{BranchSet::WakeOn::first_end};
  std::optional<Branch<T>> body_;
};

template <OnError kOnError, class Body>
auto group_of(Concurrency limit, Body&& body) {
  using BodyTask = std::invoke_result_t<std::decay_t<Body>&, TaskGroup&>;
  static_assert(is_task<BodyTask>, "the body of a group is a coroutine: it returns a Task");
  static_assert(!is_destroyed_twice<Body>(),
                "g++ 12 destroys the captures of this body twice, because it is made where a "
                "coroutine awaits. Name it first: auto body = ...; co_await with_group(body), or "
                "with_group(std::ref(body)) if it cannot be copied");
  static_assert(fits_a_frame<std::decay_t<Body>>,
                "with_group(body): a frame cannot hold what is aligned more strictly than "
                "max_align_t; capture a pointer to it");
  return GroupOp<typename BodyTask::value_type, Body, kOnError>(limit.most(),
                                                                std::forward<Body>(body));
}

}  // namespace detail

/// Calls the coroutine `body(group)`, which may spawn tasks into the group. Waits until the body
/// and all tasks of the group have ended, and gives the result of the body. If the body or a task
/// throws or gives an error, all others are cancelled and destroyed first. Then the first exception
/// or error comes out: an error as the `Result` of the body, or as std::system_error if the body
/// gives no `Result`. A failure that comes after the first is reported on standard error.
/// **Cancel**: cancels the tasks of the group and the body, in this order.
///
///     co_await eddy::with_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
///       while (auto accepted = co_await listener.accept()) {
///         group.spawn(serve, std::move(accepted->stream));
///       }
///     });
///
/// `with_group<OnError::collect>(body)` is for tasks that do not need each other, such as the pages
/// of a crawl. No failure cancels anything, also not that of the body, which may call
/// `group.cancel()`. It gives a `std::expected` of the body's value, or of `GroupErrors`: all that
/// has failed, if anything has.
/// **Cancel**: as above. Failures until then are reported on standard error.
///
///     const auto done = co_await eddy::with_group<eddy::OnError::collect>(body);
///     if (!done) std::printf("%zu tasks failed\n", done.error().size());
template <OnError kOnError = OnError::cancel, class Body>
auto with_group(Body&& body) {
  return with_group<kOnError>(Concurrency(std::numeric_limits<std::size_t>::max()),
                              std::forward<Body>(body));
}
/// As above, with a limit for `TaskGroup::spawn_when_free`. The body does not count.
///
///     auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
///       for (const Url& url : urls) co_await group.spawn_when_free(fetch, url);
///     };
///     co_await eddy::with_group(eddy::Concurrency(16), body);
template <OnError kOnError = OnError::cancel, class Body>
auto with_group(Concurrency limit, Body&& body) {
  constexpr bool kFits = std::is_invocable_v<std::decay_t<Body>&, TaskGroup&>;
  static_assert(kFits,
                "with_group(body): the body is a coroutine function that takes a TaskGroup&");
  if constexpr (kFits) return detail::group_of<kOnError>(limit, std::forward<Body>(body));
}

}  // namespace eddy
