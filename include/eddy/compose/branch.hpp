// A branch: a task that an operation of another task owns and waits for.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/outcome.hpp"
#include "eddy/task/task.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/task_owner.hpp"
#include "eddy/worker/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

namespace eddy::detail {

/// What the branches of one operation share: which task to wake, and when.
struct BranchSet {
  /// Beside these, a branch that throws wakes the task.
  enum class WakeOn : std::uint8_t { first_end, last_end, first_error, first_success };

  explicit BranchSet(WakeOn when) noexcept : wake_on(when) {}

  void note_end(bool decides) noexcept {
    --running;
    if (decides) [[unlikely]] {
      decided = true;
    }
    if (waits && (running == 0 || decided || more || wake_on == WakeOn::first_end)) {
      // It runs next. Otherwise a ready branch could run first, and take data that would be lost.
      Worker::current().wake_next(*parent);
    }
  }

  /// The parent begins to wait: from now on an end wakes it.
  void begin_wait() noexcept { waits = true; }

  PromiseBase* parent = nullptr;  ///< the task that has started the branches
  std::size_t running = 0;
  WakeOn wake_on;
  bool waits = false;  ///< the parent waits for the branches
  bool more = false;   ///< branches wait for their turn to be started, so each end wakes the parent
  /// A branch threw; or gave an error, or with `first_success` a value, unless `last_end` is waited
  /// for.
  bool decided = false;
};

/// Around a branch that has no time limit, no value of a `TaskLocal` and no clean-up.
struct NothingAround {
  static Instant deadline(Instant) noexcept { return Instant::max(); }
  static LocalValue local() noexcept { return {}; }
  static CleanUpOrder* clean_up_order() noexcept { return nullptr; }
};

/// Owns one branch of the task that awaits it. The destructor cancels the branch, and returns when
/// its frames are destroyed. Must not move once it is started. `Around` is what the code in the
/// branch may ask for.
template <class T, class Around = NothingAround>
class Branch final : public TaskOwner {
  friend struct DebugLayout;

  BranchSet* set_ = nullptr;  // first, so that a debugger finds it whatever T is

 public:
  explicit Branch(Task<T>&& task, Around what = {}) noexcept
      : around(std::move(what)), task_(std::move(task)) {
    detail_give(task_);
  }
  /// May be moved until it is started.
  Branch(Branch&& other) noexcept : around(std::move(other.around)), task_(std::move(other.task_)) {
    EDDY_ASSERT(other.set_ == nullptr);
  }
  Branch& operator=(Branch&&) = delete;
  ~Branch() {
    cancel();
    if (outcome.unheard()) [[unlikely]] {
      outcome.clear(set_->parent);
    }
  }

  /// Runs the branch up to its first wait.
  void start(BranchSet& set) noexcept {
    Worker& worker = Worker::of_running_task();
    set_ = &set;
    set.parent = worker.running();
    ++set.running;
    header_ = &detail_release(task_).promise().make_root({});
    header_->own_owner() = this;
    header_->branch = true;
    worker.start_branch(*header_);
  }
  void cancel() noexcept {
    // There is a worker, because it has started the branch.
    if (header_ != nullptr) Worker::current_if_any()->destroy(*give_up());
  }
  void cancel_for(CancelReason why) noexcept {
    if (header_ == nullptr) return;
    const Cancelling cancelling(*Worker::current_if_any(), why);
    cancel();
  }
  /// Gives the branch to the caller, who destroys it. Null if the branch is not running.
  PromiseBase* give_up() noexcept { return std::exchange(header_, nullptr); }

  bool ended() const noexcept { return !outcome.pending(); }

  void on_end(PromiseBase* promise) noexcept override {
    header_ = nullptr;
    outcome.take_from(promise);
    set_->note_end(outcome.threw() || decides());
  }

  const Waiter* branch_of() const noexcept override { return set_->parent; }
  Instant deadline(Instant now) const noexcept override { return around.deadline(now); }
  LocalValue local() const noexcept override { return around.local(); }
  CleanUpOrder* clean_up_order() const noexcept override { return around.clean_up_order(); }

  Outcome<T> outcome;
  [[no_unique_address]] Around around;

 private:
  bool decides() const noexcept {
    if constexpr (is_result<T>) {
      if (set_->wake_on == BranchSet::WakeOn::first_success) {
        return !outcome.pending() && !outcome.is_error();
      }
      return set_->wake_on != BranchSet::WakeOn::last_end && outcome.is_error();
    } else {
      return false;
    }
  }

  Task<T> task_;
  PromiseBase* header_ = nullptr;
};

/// The type of a value, also for `void` and for references.
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
