// Waits for all of several tasks.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

namespace detail {

[[noreturn]] EDDY_EXPORT void stop_no_concurrency() noexcept;

}  // namespace detail

/// How many tasks run at once: of a vector (`when_all`, `try_all`), or of a group before
/// `spawn_when_free` waits (`with_group`). Zero stops the program.
class Concurrency {
 public:
  explicit Concurrency(std::size_t most) noexcept : most_(most) {
    if (most == 0) detail::stop_no_concurrency();
  }

  std::size_t most() const noexcept { return most_; }

 private:
  std::size_t most_;
};

namespace detail {

/// Waits for a set of branches, which `Branches` holds and visits.
template <class Branches, BranchSet::WakeOn kWakeOn = BranchSet::WakeOn::last_end>
class AllOp : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  template <class... Args>
  explicit AllOp(Args&&... args) : branches_(std::forward<Args>(args)...) {}
  AllOp& operator=(AllOp&&) = delete;

  bool try_start() noexcept {
    branches_.start(set_);
    return over();
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override {
    if (set_.more) {
      set_.waits = false;  // else a branch that ends at once would wake this task
      branches_.start(set_);
      set_.waits = true;
    }
    return over();
  }
  Waiting describe() const noexcept override { return {"all of several", kNoSource}; }
  void abandon() noexcept override {
    branches_.for_each([](auto& branch) { branch.cancel(); });
  }
  Waiter* give_up_branch() noexcept override { return branches_.give_up(); }

 private:
  /// True if all have ended, or if one has decided. Cancels the others then.
  bool over() noexcept {
    if (set_.decided) abandon();
    return set_.decided || (set_.running == 0 && !set_.more);
  }

  BranchSet set_{kWakeOn};

 protected:
  AllOp(AllOp&&) noexcept = default;
  ~AllOp() = default;

  /// Throws the exception of the branch that threw, if one did.
  void take_exception() {
    branches_.for_each([](auto& branch) {
      if (branch.outcome.threw()) static_cast<void>(branch.outcome.take());
    });
  }

  Branches branches_;
};

template <class... Ts>
class TupleBranches {
 public:
  explicit TupleBranches(Task<Ts>&&... tasks) noexcept : branches(std::move(tasks)...) {}

  /// Starts the branches in order, until one decides.
  void start(BranchSet& set) noexcept {
    for_each([&](auto& branch) {
      if (!set.decided) branch.start(set);
    });
  }
  template <class F>
  void for_each(F f) {
    std::apply([&](auto&... branch) { (f(branch), ...); }, branches);
  }
  PromiseBase* give_up() noexcept {
    PromiseBase* given = nullptr;
    for_each([&](auto& branch) {
      if (given == nullptr) given = branch.give_up();
    });
    return given;
  }

  std::tuple<Branch<Ts>...> branches;
};

template <class T>
class VectorBranches {
 public:
  explicit VectorBranches(std::vector<Task<T>>&& tasks,
                          std::size_t concurrency = std::numeric_limits<std::size_t>::max())
      : most(concurrency) {
    branches.reserve(tasks.size());
    for (Task<T>& task : tasks) branches.emplace_back(std::move(task));
  }

  /// Starts the next branches in order, as many as may run, until one decides.
  void start(BranchSet& set) noexcept {
    while (started < branches.size() && set.running < most && !set.decided) {
      branches[started++].start(set);
    }
    set.more = started < branches.size() && !set.decided;
  }
  template <class F>
  void for_each(F f) {
    for (Branch<T>& branch : branches) f(branch);
  }
  PromiseBase* give_up() noexcept {
    while (given_up < branches.size()) {
      if (PromiseBase* const given = branches[given_up++].give_up()) return given;
    }
    return nullptr;
  }

  std::vector<Branch<T>> branches;
  std::size_t most;          ///< that run at once
  std::size_t started = 0;   ///< branches from this index on are not started
  std::size_t given_up = 0;  ///< branches before this index are not running
};

template <class... Ts>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] WhenAllOp final
    : public AllOp<TupleBranches<Ts...>> {
 public:
  using AllOp<TupleBranches<Ts...>>::AllOp;

  auto take() {
    this->take_exception();
    return std::apply(
        [](auto&... branch) {
          if constexpr ((std::is_void_v<Ts> && ...)) {
            (branch.outcome.take(), ...);
          } else {
            return std::tuple<NonVoidOf<Ts>...>(take_non_void(branch.outcome)...);
          }
        },
        this->branches_.branches);
  }
};

template <class T>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] WhenAllVectorOp final
    : public AllOp<VectorBranches<T>> {
 public:
  using AllOp<VectorBranches<T>>::AllOp;

  auto take() {
    this->take_exception();
    if constexpr (!std::is_void_v<T>) {
      std::vector<NonVoidOf<T>> values;
      values.reserve(this->branches_.branches.size());
      this->branches_.for_each([&](auto& branch) { values.push_back(branch.outcome.take()); });
      return values;
    }
  }
};

/// True for a vector of tasks that was given by its name.
template <class A>
inline constexpr bool is_named_vector = false;
template <class T>
inline constexpr bool is_named_vector<std::vector<Task<T>>&> = true;
template <class T>
inline constexpr bool is_named_vector<const std::vector<Task<T>>&> = true;

template <class... As>
consteval bool refuse_named_vectors() {
  static_assert(!(is_named_vector<As> || ...),
                "the tasks of a vector are awaited once: write std::move(tasks)");
  return (is_awaitable<As> && ...);
}
/// True if `A` may be a branch, or is refused otherwise.
template <class A>
inline constexpr bool may_be_branch = is_awaitable<A> || is_named_vector<A>;

}  // namespace detail

/// Runs tasks and operations concurrently, as branches of this task, until all have ended. Gives a
/// `std::tuple` of their values, with `std::monostate` for void; or void if all are void. If one
/// throws, the others are cancelled and destroyed, then `when_all` throws that exception.
/// **Cancel**: cancels all branches.
template <class... As>
auto when_all(As&&... branches) {
  static_assert(
      (detail::may_be_branch<As> && ...),
      "when_all takes eddy's tasks and operations, or a vector of tasks and, for a limit, "
      "a Concurrency(n)");
  if constexpr (detail::refuse_named_vectors<As...>()) {
    return detail::WhenAllOp<detail::AwaitResultOf<As>...>(
        detail::to_task(std::forward<As>(branches))...);
  }
}

/// As above, for any number of tasks of one type. Gives a vector of their values, in the order of
/// the tasks.
template <class T>
auto when_all(std::vector<Task<T>>&& tasks) {
  return detail::WhenAllVectorOp<T>(std::move(tasks));
}
/// As above, with no more tasks at once than `limit`. After an exception no other task starts. A
/// `timeout` around it may start one more in the turn in which the limit passes, which is then
/// cancelled where it first waits.
///
///     auto pages = co_await eddy::when_all(std::move(fetches), eddy::Concurrency(16));
template <class T>
auto when_all(std::vector<Task<T>>&& tasks, Concurrency limit) {
  return detail::WhenAllVectorOp<T>(std::move(tasks), limit.most());
}

}  // namespace eddy
