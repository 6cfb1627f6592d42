// Waits for all of several tasks, or for the first error.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/when_all.hpp"
#include "eddy/platform/result.hpp"

#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

namespace detail {

template <class Branches>
class TryAllBase : public AllOp<Branches, BranchSet::WakeOn::first_error> {
 public:
  using AllOp<Branches, BranchSet::WakeOn::first_error>::AllOp;

 protected:
  TryAllBase(TryAllBase&&) noexcept = default;
  ~TryAllBase() = default;

  /// The error of the branch that failed first, if one did. Throws if that branch threw.
  std::optional<std::error_code> take_failure() {
    this->take_exception();
    std::optional<std::error_code> first;
    this->branches_.for_each([&](auto& branch) {
      if (!first && branch.outcome.is_error()) first = branch.outcome.take().error();
    });
    return first;
  }
};

/// The value of a `Result` that has one, with std::monostate for void.
template <class T>
NonVoidOf<T> value_of(Result<T>&& result) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return *std::move(result);
  }
}

template <class... Ts>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] TryAllOp final
    : public TryAllBase<TupleBranches<Result<Ts>...>> {
  static constexpr bool kOfVoids = (std::is_void_v<Ts> && ...);
  using Values = std::conditional_t<kOfVoids, void, std::tuple<NonVoidOf<Ts>...>>;

 public:
  using TryAllBase<TupleBranches<Result<Ts>...>>::TryAllBase;

  Result<Values> take() {
    if (const std::optional<std::error_code> error = this->take_failure()) {
      return std::unexpected(*error);
    }
    if constexpr (kOfVoids) {
      return {};
    } else {
      return std::apply(
          [](auto&... branch) { return Values(value_of<Ts>(branch.outcome.take())...); },
          this->branches_.branches);
    }
  }
};

template <class T>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] TryAllVectorOp final
    : public TryAllBase<VectorBranches<Result<T>>> {
  using Values = std::conditional_t<std::is_void_v<T>, void, std::vector<NonVoidOf<T>>>;

 public:
  using TryAllBase<VectorBranches<Result<T>>>::TryAllBase;

  Result<Values> take() {
    if (const std::optional<std::error_code> error = this->take_failure()) {
      return std::unexpected(*error);
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      Values values;
      values.reserve(this->branches_.branches.size());
      this->branches_.for_each(
          [&](auto& branch) { values.push_back(value_of<T>(branch.outcome.take())); });
      return values;
    }
  }
};

/// The operation for branches whose results are `Results`.
template <class... Results>
using TryAllOf = TryAllOp<typename Results::value_type...>;

}  // namespace detail

/// Runs tasks and operations that give a `Result` concurrently, as branches of this task, until all
/// have ended. Gives a `Result` of a `std::tuple` of their values, with `std::monostate` for void;
/// or `Result<>` if all are void. If a branch gives an error or throws, the other branches are
/// cancelled and destroyed first. Then `try_all` gives that error, or throws that exception.
/// Branches start in order; none starts after one that fails at once.
/// **Errors**: those of the branches.
/// **Cancel**: cancels all branches.
///
///     auto both = co_await eddy::try_all(fetch(first), fetch(second));
///     if (!both) co_return eddy::failure(both.error());
///     auto& [a, b] = *both;
template <class... As>
auto try_all(As&&... branches) {
  static_assert(
      (detail::may_be_branch<As> && ...),
      "try_all takes eddy's tasks and operations, or a vector of tasks, which give a Result; "
      "and a Concurrency(n) for a limit");
  if constexpr (detail::refuse_named_vectors<As...>()) {
    constexpr bool kGiveResults = (detail::is_result<detail::AwaitResultOf<As>> && ...);
    static_assert(
        kGiveResults,
        "each branch of try_all gives an eddy::Result; one of these gives none: use when_all");
    if constexpr (kGiveResults) {
      return detail::TryAllOf<detail::AwaitResultOf<As>...>(
          detail::to_task(std::forward<As>(branches))...);
    }
  }
}

/// As above, for any number of tasks of one type. Gives a vector of their values, in the order of
/// the tasks; or `Result<>` if the values are void.
template <class T>
auto try_all(std::vector<Task<Result<T>>>&& tasks) {
  return detail::TryAllVectorOp<T>(std::move(tasks));
}
/// As above, with no more tasks at once than `limit`. After an error no other task starts.
template <class T>
auto try_all(std::vector<Task<Result<T>>>&& tasks, Concurrency limit) {
  return detail::TryAllVectorOp<T>(std::move(tasks), limit.most());
}

}  // namespace eddy
