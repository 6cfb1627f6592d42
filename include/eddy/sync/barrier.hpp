// A place where tasks wait for each other, round after round.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <cstddef>

namespace eddy {

/// A place where a number of tasks wait for each other. The last to arrive lets all of them go on,
/// and the next round begins.
///
/// It must outlive the tasks that use it. If it is destroyed while a task of this thread waits,
/// that wait ends with operation_canceled; a wait of another thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::Barrier round(players.size());
///     const auto arrival = co_await round.arrive_and_wait();
///     if (arrival && arrival->last) report();  // once a round
class Barrier final {
 public:
  /// `count` tasks wait for each other. Zero stops the program.
  EDDY_EXPORT explicit Barrier(std::size_t count) noexcept;
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier() { waits_.end(flag_, "a Barrier"); }

  /// What a task learns that has waited.
  struct Arrival {
    bool last;  ///< it came last: one task of each round does
  };

  /// Arrives, and waits until all have arrived. Gives an `Arrival`.
  /// **Errors**: operation_canceled if the barrier was destroyed.
  /// **Cancel**: the task has not arrived, so the round waits for another one. If all had arrived,
  /// the round has ended.
  class EDDY_EXPORT [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED ArriveOp final
      : public detail::Operation,
        private detail::SharedWait {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit ArriveOp(Barrier& barrier) noexcept : barrier_(&barrier) {}
    ArriveOp(ArriveOp&&) noexcept = default;
    ArriveOp& operator=(ArriveOp&&) = delete;
    ~ArriveOp() { abandon(); }

    bool try_start() noexcept;
    bool begin_wait(detail::Waiter& waiter) noexcept;
    bool advance(detail::Waiter& waiter) noexcept override;
    void abandon() noexcept override;
    detail::Waiting describe() const noexcept override { return {"a barrier", kNoSource}; }
    Result<Arrival> take() noexcept;

   private:
    /// With the flag held. True: it was the last.
    bool arrive_last(detail::SharedLock& held) noexcept;

    Barrier* barrier_;
    std::size_t round_ = 0;  ///< in which it waits
    bool last_ = false;
  };
  ArriveOp arrive_and_wait() noexcept { return ArriveOp(*this); }

 private:
  detail::SpinFlag<> flag_;
  detail::SharedWaits waits_;
  std::size_t missing_;    ///< in this round; guarded by the flag
  std::size_t round_ = 0;  ///< counts them; guarded by the flag
  std::size_t count_;
};

}  // namespace eddy
