// Tells a waiting task that something has happened.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <atomic>
#include <utility>

namespace eddy {

namespace detail {

/// What `Notify` and `Condition` have in common.
class Notifications {
 public:
  /// `name` is what a message calls the owner: "a Notify".
  explicit Notifications(const char* name) noexcept : name_(name) {}
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;
  EDDY_EXPORT ~Notifications();

  /// Ends the oldest wait. If there is none, that is remembered if `remembers`.
  EDDY_EXPORT void notify_one(bool remembers) noexcept;
  EDDY_EXPORT void notify_all() noexcept;

 private:
  friend class NotifyWait;

  SpinFlag<> flag_;
  SharedWaits waits_;
  std::atomic<bool> remembered_{false};  ///< written with the flag held
  const char* name_;
};

/// Waits for a notification. Until `take_notification` is called, the end of this passes the
/// notification on.
class NotifyWait : private SharedWait {
 public:
  NotifyWait(Notifications& notifications, bool remembers) noexcept
      : notifications_(&notifications), remembers_(remembers) {}
  NotifyWait(NotifyWait&&) noexcept = default;
  NotifyWait& operator=(NotifyWait&&) = delete;
  ~NotifyWait() { give_up(); }

  /// Takes a notification that was remembered, if there is one.
  EDDY_EXPORT bool try_take() noexcept;
  /// False: one was remembered, and is taken.
  EDDY_EXPORT bool begin(Waiter& waiter) noexcept;
  bool ended() const noexcept { return !waits(); }
  bool refused() const noexcept { return state() == WaitState::refused; }
  /// Takes the outcome of the wait: `granted` or `refused`.
  WaitState take_notification() noexcept { return finish(notifications_->flag_); }
  void give_up() noexcept {
    if (state() != WaitState::none) [[unlikely]] {
      give_up_slowly();
    }
  }

 private:
  friend class Notifications;

  bool take_remembered(SharedLock& held) noexcept;
  EDDY_EXPORT void give_up_slowly() noexcept;

  Notifications* notifications_;
  bool remembers_;
};

}  // namespace detail

/// Tells tasks that something has happened; what it is they find elsewhere. `notify_one` without a
/// waiting task is remembered, once, for the next one that waits. So a task that looks, finds
/// nothing and waits misses nothing that happens between the look and the wait.
///
/// It must outlive the tasks that use it. If it is destroyed while a task of this thread waits,
/// that wait ends with operation_canceled; a wait of another thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     while (queue.empty()) (void)co_await filled.wait();  // another task: filled.notify_one()
class Notify final {
 public:
  Notify() noexcept : notifications_("a Notify") {}

  /// Ends the wait that began first; if there is none, the next wait ends at once.
  void notify_one() noexcept { notifications_.notify_one(true); }
  /// Ends all waits that have begun. Nothing is remembered.
  void notify_all() noexcept { notifications_.notify_all(); }

  /// Waits for a notification.
  /// **Errors**: operation_canceled if the `Notify` was destroyed.
  /// **Cancel**: nothing is lost. If `notify_one` has chosen this task, it chooses another.
  class EDDY_EXPORT [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED WaitOp final
      : public detail::Operation {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit WaitOp(detail::Notifications& notifications) noexcept : wait_(notifications, true) {}

    bool try_start() noexcept { return wait_.try_take(); }
    bool begin_wait(detail::Waiter& waiter) noexcept { return wait_.begin(waiter); }
    bool advance(detail::Waiter& waiter) noexcept override;
    void abandon() noexcept override { wait_.give_up(); }
    detail::Waiting describe() const noexcept override { return {"a notification", kNoSource}; }
    Result<> take() noexcept { return detail::result_of_wait(wait_.take_notification()); }

   private:
    detail::NotifyWait wait_;
  };
  WaitOp wait() noexcept { return WaitOp(notifications_); }

 private:
  detail::Notifications notifications_;
};

}  // namespace eddy
