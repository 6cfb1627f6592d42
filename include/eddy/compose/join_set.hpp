// A set of tasks whose results are taken as they come.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/spawner.hpp"
#include "eddy/core/list.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/core/wait_list.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/task.hpp"
#include "eddy/worker/frame_pool.hpp"
#include "eddy/worker/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

namespace eddy {

/// Names a task of a `JoinSet`. A set never gives the same key twice, and later tasks have greater
/// keys. Keys can be compared, hashed by `std::hash`, and shown by `std::to_underlying`.
enum class JoinKey : std::uint64_t {};

/// A task of a `JoinSet` that has ended.
template <class T>
struct Joined {
  JoinKey key;           ///< which `spawn` gave
  JoinResult<T> result;  ///< its value, or a `JoinError` that tells cancelled from threw
};

namespace detail {

/// The part of a join set that does not depend on the type of its results.
class EDDY_EXPORT JoinSetBase {
 public:
  JoinSetBase(const JoinSetBase&) = delete;
  JoinSetBase& operator=(const JoinSetBase&) = delete;

  /// Asks for a task to be cancelled, as `JoinHandle::abort` does; `next` then gives it as
  /// cancelled. Does nothing if it has ended. Looks through the tasks that have not ended, in the
  /// order of their keys.
  void abort(JoinKey key) noexcept;
  /// Asks for all tasks to be cancelled. Tasks that are spawned later are not.
  void abort_all() noexcept;
  /// The number of tasks that `next` has not given yet.
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 protected:
  /// Owns a task until the task ends, and its result until `next` gives that. It is in one of the
  /// set's lists.
  class Member : public ListNode, public TaskOwner {
   public:
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    virtual ~Member() = default;

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      free_frame(memory, size);
    }

    JoinKey key{};

   protected:
    explicit Member(JoinSetBase& owner) noexcept : set_(&owner) {}
    /// The task has ended, and its result is here.
    void note_end() noexcept;

   private:
    friend class JoinSetBase;

    JoinSetBase* set_;
    PromiseBase* task_ = nullptr;
  };

  /// A wait for the next end of a task. It is in the set's list until it completes.
  class Next : public Operation {
   public:
    static constexpr OperationTraits kTraits{.refers_to_others = true};

    Next& operator=(Next&&) = delete;

    bool try_start() const noexcept {
      return set_->empty() || (set_->ended_.linked() && set_->nexts_.empty());
    }
    bool begin_wait(Waiter& waiter) noexcept {
      set_->enter(Worker::of_running_task());
      set_->nexts_.add(wait_, waiter);
      return true;
    }
    bool advance(Waiter&) noexcept override {
      if (wait_.refused()) set_ = nullptr;
      return set_ == nullptr || set_->empty() ||
             (set_->ended_.linked() && set_->nexts_.is_first(wait_));
    }
    void abandon() noexcept override {
      if (!wait_.refused()) leave();
    }
    Waiting describe() const noexcept override { return {"a task of a join set", kNoSource}; }

   protected:
    explicit Next(JoinSetBase& set) noexcept : set_(&set) {}
    /// May be moved until it begins to wait.
    Next(Next&&) noexcept = default;
    ~Next() { abandon(); }

    /// Takes the task that has ended first; null if the set is empty or gone.
    std::unique_ptr<Member> take_member() noexcept {
      if (set_ == nullptr) return nullptr;
      std::unique_ptr<Member> first = set_->take_ended();
      leave();
      return first;
    }

   private:
    /// Waits no longer. If there is another result, the next one is woken.
    void leave() noexcept {
      if (set_ == nullptr) return;
      wait_.leave();
      std::exchange(set_, nullptr)->wake_next();
    }

    JoinSetBase* set_;
    WaitNode wait_;
  };

  JoinSetBase() noexcept = default;
  ~JoinSetBase();

  JoinKey launch(std::unique_ptr<Member> member, PromiseBase& task) noexcept;

 private:
  /// Stops the program if the set has tasks of, or is awaited on, another thread than `worker`'s.
  void enter(Worker& worker) noexcept {
    if (running_.linked() || !nexts_.empty()) {
      if (home_ != &worker) stop_on_another_thread();
    }
    home_ = &worker;
  }
  std::unique_ptr<Member> take_ended() noexcept;
  /// Wakes the first of those who wait if there is a result for it; all if the set is empty.
  void wake_next() noexcept {
    if (!nexts_.empty()) wake_waiting();
  }
  void wake_waiting() noexcept;
  EDDY_LOCAL void destroy_running() noexcept;
  [[noreturn]] static void stop_on_another_thread() noexcept;

  ListNode running_;  ///< members whose tasks have not ended, in the order of their keys
  ListNode ended_;    ///< the others, in the order of the ends of their tasks
  WaitList nexts_;    ///< those who wait. If there is a result, the first is woken.
  std::size_t size_ = 0;
  std::uint64_t last_key_ = 0;
  Worker* home_ = nullptr;  ///< of the tasks that run, and of those who wait
};

}  // namespace detail

/// Tasks that give a `T`, whose results are taken as they come. The destructor cancels and destroys
/// the tasks that are left, one after another, before it returns. So a set in a coroutine is a
/// scope: its tasks end with it, also if the coroutine is cancelled. Declare it after what its
/// tasks refer to. An exception, or the error of a task that gives a `Result`, that `next` has not
/// given by then is reported on standard error. A task that throws cancels nothing.
///
/// It cannot be moved: a `std::unique_ptr` to it can. If it is destroyed while somebody waits in
/// `next`, that wait ends as if the set were empty. To be destroyed by one of its own tasks stops
/// the program. The end of `block_on` cancels the tasks as it does other spawned tasks; `next` of a
/// set that outlives it gives them as cancelled.
///
/// Where a task of a set has a set of its own, and so on, they are destroyed by recursion: tens of
/// thousands overflow the stack.
///
/// **Thread**: that of its tasks. To wait, spawn or abort on another thread stops the program.
///
///     eddy::JoinSet<eddy::Result<Page>> fetches;
///     for (const Url& url : urls) {
///       if (fetches.size() == 16) use(co_await fetches.next());
///       fetches.spawn(fetch, url);
///     }
///     while (auto joined = co_await fetches.next()) use(std::move(joined));
template <class T = void>
class JoinSet final : public detail::JoinSetBase, public detail::Spawner<JoinSet<T>> {
 public:
  JoinSet() noexcept = default;

  /// Starts `f(args...)`, which returns a `Task<T>`, as a task of the set, as `eddy::spawn` does.
  /// Gives the `JoinKey` of the task.
  using detail::Spawner<JoinSet>::spawn;
  using detail::Spawner<JoinSet>::spawn_at;

  /// Gives the next task that has ended, as `std::optional<Joined<T>>`; waits if none has. Results
  /// come in the order in which the tasks ended. Empty if the set is empty. Tasks that wait get
  /// results in the order in which they asked. An exception from moving the value comes out.
  /// **Cancel**: nothing is lost: the result stays in the set, for the next call.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] JoinNextOp final
      : public detail::JoinSetBase::Next {
   public:
    explicit JoinNextOp(JoinSet& set) noexcept : Next(set) {}

    std::optional<Joined<T>> take() {
      const auto first = this->take_member();
      if (first == nullptr) return std::nullopt;
      return Joined<T>{first->key, static_cast<Member&>(*first).take_result()};
    }
  };
  JoinNextOp next() noexcept { return JoinNextOp(*this); }

 private:
  friend class detail::Spawner<JoinSet>;

  class Member final : public detail::JoinSetBase::Member {
   public:
    explicit Member(JoinSet& owner) noexcept : detail::JoinSetBase::Member(owner) {}

    void on_end(detail::PromiseBase* ended) noexcept override {
      outcome_.take_from(ended);
      this->note_end();
    }
    JoinResult<T> take_result() { return detail::join_result(outcome_); }

   private:
    detail::HeardOutcome<T> outcome_;
  };

  JoinKey add(Task<T>&& task, std::source_location where) {
    // Before `task` gives up its frame, because this may throw.
    auto member = std::make_unique<Member>(*this);
    return launch(std::move(member), detail_release(task).promise().make_root(where));
  }
  template <class U>
  JoinKey add(Task<U>&&, std::source_location) {
    static_assert(sizeof(U*) == 0, "a task of a JoinSet<T> is a Task<T>");
    return {};
  }
};

}  // namespace eddy
