// Random steps of tasks that may be cancelled at each point, for tests against a model.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/timeout.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/worker.hpp"

#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>

namespace eddy::test {

/// The same numbers on every machine. `--gtest_random_seed=N` gives others.
class Dice {
 public:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_()) % limit; }
  /// True once in `often` times.
  bool once_in(std::size_t often) { return below(often) == 0; }

  static unsigned seed() { return static_cast<unsigned>(GTEST_FLAG_GET(random_seed)) + 12; }

 private:
  std::mt19937 engine_{seed()};
};

/// After so many rounds of the ready queue every task has run that can: one may wake another.
inline constexpr std::size_t kSettled = 12;

/// Takes `count` steps: `steps_of_one` on average of a `Steps`, then of another one. `take_step`
/// gives the number of rounds for which other tasks run then. Here is no child that the clock could
/// put off, so the steps are the same each time.
template <class Steps>
Task<> check(int count, std::size_t steps_of_one) {
  Dice dice;
  for (int step = 0; step < count && !testing::Test::HasFailure();) {
    Steps steps(dice);
    do {
      const std::size_t rounds = steps.take_step();
      for (std::size_t i = 0; i < rounds; ++i) co_await yield_now();
      steps.compare();
      if (rounds == kSettled) steps.look();
      ++step;
    } while (!dice.once_in(steps_of_one) && !testing::Test::HasFailure());
    steps.end_a_side();
    for (std::size_t i = 0; i < kSettled; ++i) co_await yield_now();
    steps.look();
    steps.abort_all();
    for (std::size_t i = 0; i < kSettled; ++i) co_await yield_now();
    steps.end();
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "by step " << step << " with --gtest_random_seed=" << Dice::seed() - 12;
    }
  }
}

/// Uses up the budget of the running task, so that its next operation yields first.
inline Task<> use_up_budget() {
  for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(std::chrono::seconds(0));
}

/// When a wait ends before its time, and who looks at it meanwhile.
struct Limit {
  void forget() {
    waiter = nullptr;
    passed = false;
    before_advance = nullptr;
  }
  /// Wakes the task that waits; its wait ends if `passes`, else the wake is for nothing.
  void wake(bool passes) {
    if (waiter == nullptr) return;
    passed = passes;
    detail::Worker::current().wake(*waiter);
  }

  detail::Waiter* waiter = nullptr;
  bool passed = false;
  std::function<void()> before_advance;  ///< is called when the task looks how its wait stands
};

/// As `timeout(limit, op)`, without a clock.
template <class Op>
class [[nodiscard]] LimitedOp final : public detail::Operation {
 public:
  static constexpr detail::OperationTraits kTraits = Op::kTraits;
  using Output = detail::TimedResult<detail::AwaitResultOf<Op>>;

  LimitedOp(Limit& limit, Op&& operation) : operation_(std::move(operation)), limit_(&limit) {}
  ~LimitedOp() { limit_->forget(); }

  bool try_start() noexcept { return operation_.try_start(); }
  bool begin_wait(detail::Waiter& waiter) noexcept {
    limit_->waiter = &waiter;
    return operation_.begin_wait(waiter);
  }
  bool advance(detail::Waiter& waiter) noexcept override {
    if (limit_->before_advance) limit_->before_advance();
    if (operation_.advance(waiter)) return true;
    if (!limit_->passed) return false;
    operation_.abandon();
    expired_ = true;
    return true;
  }
  detail::Waiting describe() const noexcept override { return operation_.describe(); }
  void abandon() noexcept override { operation_.abandon(); }
  Output take() {
    if (expired_) return failure(Error::deadline_exceeded);
    if constexpr (std::is_void_v<detail::AwaitResultOf<Op>>) {
      operation_.take();
      return {};
    } else {
      return operation_.take();
    }
  }

 private:
  Op operation_;
  Limit* limit_;
  bool expired_ = false;
};

template <class R>
bool is_late(const R& result) {
  return !result && result.error() == Error::deadline_exceeded;
}

/// Tasks of which each does one thing at a time.
template <std::size_t kCount>
class Actors {
 public:
  bool busy(std::size_t i) const { return tasks_[i].has_value() && !tasks_[i]->finished(); }
  template <class F>
  void start(std::size_t i, F f) {
    tasks_[i].emplace(spawn(std::move(f)));
  }
  /// The task is cancelled before any other task runs, but not at once.
  void abort(std::size_t i) {
    if (tasks_[i].has_value()) tasks_[i]->abort();
  }
  void abort_all() {
    for (std::size_t i = 0; i < kCount; ++i) abort(i);
  }
  bool all_ended() const {
    for (std::size_t i = 0; i < kCount; ++i) {
      if (busy(i)) return false;
    }
    return true;
  }

 private:
  std::array<std::optional<JoinHandle<>>, kCount> tasks_;
};

}  // namespace eddy::test
