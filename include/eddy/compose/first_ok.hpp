// Waits for the first of several tasks that succeeds.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/result.hpp"

#include <cstddef>
#include <expected>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

namespace detail {

template <class T>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] FirstOkOp final
    : public Operation {
  using Values = std::expected<T, std::vector<std::error_code>>;

 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  explicit FirstOkOp(std::vector<Task<Result<T>>>&& tasks) : branches_(std::move(tasks)) {
    if (branches_.branches.empty()) stop_without_branch();
  }

  bool try_start() noexcept {
    branches_.start(set_);
    return over();
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override { return over(); }
  Waiting describe() const noexcept override { return {"the first success", kNoSource}; }
  void abandon() noexcept override {
    branches_.for_each([](auto& branch) { branch.cancel(); });
  }
  Waiter* give_up_branch() noexcept override { return branches_.give_up(); }

  Values take() {
    std::vector<std::error_code> errors;
    for (Branch<Result<T>>& branch : branches_.branches) {
      if (!branch.ended()) continue;
      Result<T> result = branch.outcome.take();
      if (result) {
        if constexpr (std::is_void_v<T>) {
          return {};
        } else {
          return *std::move(result);
        }
      }
      errors.push_back(result.error());
    }
    return std::unexpected(std::move(errors));
  }

 private:
  /// True if one has succeeded or thrown, or all have failed. Cancels the others then.
  bool over() noexcept {
    if (!set_.decided && set_.running != 0) return false;
    abandon();
    return true;
  }

  BranchSet set_{BranchSet::WakeOn::first_success};
  VectorBranches<Result<T>> branches_;
};

template <class First, class... Rest>
std::vector<Task<First>> vector_of(Task<First>&& first, Task<Rest>&&... rest) {
  std::vector<Task<First>> tasks;
  tasks.reserve(1 + sizeof...(Rest));
  tasks.push_back(std::move(first));
  (tasks.push_back(std::move(rest)), ...);
  return tasks;
}

/// True if there is a branch, and each gives a `Result`.
template <class... As>
consteval bool give_results() {
  if constexpr (sizeof...(As) != 0 && (is_awaitable<As> && ...)) {
    return (is_result<AwaitResultOf<As>> && ...);
  } else {
    return false;
  }
}

}  // namespace detail

/// Runs tasks that give a `Result<T>` concurrently, as branches of this task, until the first one
/// succeeds: for servers of which any can answer, or addresses of which any can be connected to.
/// Gives its value, as `std::expected<T, std::vector<std::error_code>>`. The others that run are
/// cancelled and destroyed first. If all fail, gives all errors, in the order of the tasks. If one
/// throws before another succeeds, `first_ok` throws that. A vector without a task stops the
/// program. The tasks start in order; none starts after one that succeeds at once.
/// **Cancel**: cancels all branches.
///
///     auto later = [&]() -> eddy::Task<eddy::Result<Page>> {
///       co_await eddy::sleep_for(50ms);
///       co_return co_await fetch(second);
///     };
///     auto page = co_await eddy::first_ok(fetch(first), later());
template <class T>
auto first_ok(std::vector<Task<Result<T>>>&& tasks) {
  return detail::FirstOkOp<T>(std::move(tasks));
}
template <class... As>
auto first_ok(As&&... branches) {
  static_assert(sizeof...(As) != 0, "first_ok needs a branch");
  static_assert(
      (detail::may_be_branch<As> && ...),
      "first_ok takes eddy's tasks and operations, or a vector of tasks, which give a Result");
  if constexpr (detail::refuse_named_vectors<As...>()) {
    static_assert((detail::is_result<detail::AwaitResultOf<As>> && ...),
                  "each branch of first_ok gives an eddy::Result; one of these gives none");
  }
  static_assert(
      !(detail::kTraitsOf<std::remove_cvref_t<As>>.loses_progress || ...),
      "first_ok would lose the bytes that read_exact or write_all has already moved when "
      "another branch succeeds: wrap the operation in eddy::may_lose(...) if that is what "
      "you want, or use read and write");
  if constexpr (detail::give_results<As...>()) {
    using First = std::tuple_element_t<0, std::tuple<detail::AwaitResultOf<As>...>>;
    static_assert((std::is_same_v<First, detail::AwaitResultOf<As>> && ...),
                  "the branches of first_ok give the same eddy::Result");
    return first_ok(detail::vector_of(detail::to_task(std::forward<As>(branches))...));
  }
}

}  // namespace eddy
