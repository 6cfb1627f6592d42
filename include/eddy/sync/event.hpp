// A fact that tasks wait for: once it is set, nobody waits.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <atomic>

namespace eddy {

/// A fact. Tasks wait until it is set; then all of them go on, and later ones do not wait. Whoever
/// finds it set sees everything that came before `set`.
///
/// It may be destroyed once it is set and no task is still going to wait. If it is destroyed
/// before, the wait of a task of this thread ends with operation_canceled; a wait of another
/// thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     (void)co_await ready.wait();  // another task: ready.set()
class Event final {
 public:
  Event() noexcept = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { waits_.end(flag_, "an Event"); }

  /// Ends all waits.
  EDDY_EXPORT void set() noexcept;
  /// From now on tasks wait again. Waits that `set` has ended have ended.
  void reset() noexcept { set_.store(false, std::memory_order_relaxed); }
  bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }

  /// Waits until it is set.
  /// **Errors**: operation_canceled if the event was destroyed.
  /// **Cancel**: nothing is lost.
  class EDDY_EXPORT [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED WaitOp final
      : public detail::Operation,
        private detail::SharedWait {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit WaitOp(Event& event) noexcept : event_(&event) {}
    WaitOp(WaitOp&&) noexcept = default;
    WaitOp& operator=(WaitOp&&) = delete;
    ~WaitOp() { abandon(); }

    bool try_start() noexcept {
      if (!event_->is_set()) return false;
      set(detail::WaitState::granted);
      return true;
    }
    bool begin_wait(detail::Waiter& waiter) noexcept;
    bool advance(detail::Waiter& waiter) noexcept override;
    void abandon() noexcept override;
    detail::Waiting describe() const noexcept override { return {"an event", kNoSource}; }
    Result<> take() noexcept { return detail::result_of_wait(finish()); }

   private:
    Event* event_;
  };
  WaitOp wait() noexcept { return WaitOp(*this); }

 private:
  detail::SpinFlag<> flag_;
  detail::SharedWaits waits_;
  std::atomic<bool> set_{false};
};

}  // namespace eddy
