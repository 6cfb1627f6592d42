// Waits for the first of several tasks to end.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/platform/export.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace eddy {

/// The first of several tasks of one type that has ended.
template <class T>
struct FirstOf {
  std::size_t index;           ///< which one it was
  detail::NonVoidOf<T> value;  ///< what it gave; `std::monostate` for void
};

namespace detail {

[[noreturn]] EDDY_EXPORT void stop_without_branch() noexcept;

/// Which of `count` branches a fair `when_any` starts first.
EDDY_EXPORT std::size_t draw_first(std::size_t count) noexcept;

/// An operation that the user allows to lose data.
template <class Op>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] MayLose final {
 public:
  explicit MayLose(Op&& operation) noexcept(std::is_nothrow_move_constructible_v<Op>)
      : operation_(std::move(operation)) {}

  Op& as_operation() noexcept { return operation_; }

 private:
  Op operation_;
};

/// `kFair`: the branch that starts first is drawn, and those before it come last.
template <bool kFair, class... Ts>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] WhenAnyOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};
  using WhenAnyResult = std::variant<NonVoidOf<Ts>...>;

  explicit WhenAnyOp(Task<Ts>&&... tasks) noexcept : branches_(std::move(tasks)...) {}

  bool try_start() noexcept {
    bool any = false;
    if constexpr (kFair) {
      const std::size_t first = draw_first(sizeof...(Ts));
      any = start_some(first, sizeof...(Ts)) || start_some(0, first);
    } else {
      any = any_of([this](auto& branch) {
        branch.start(set_);
        return branch.ended();
      });
    }
    if (any) abandon();
    return any;
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override {
    if (!any_of([](auto& branch) { return branch.ended(); })) return false;
    abandon();
    return true;
  }
  Waiting describe() const noexcept override { return {"the first of several", kNoSource}; }
  void abandon() noexcept override {
    any_of([](auto& branch) {
      branch.cancel();
      return false;
    });
  }
  Waiter* give_up_branch() noexcept override {
    Waiter* given = nullptr;
    any_of([&](auto& branch) { return (given = branch.give_up()) != nullptr; });
    return given;
  }

  WhenAnyResult take() { return take_first(std::index_sequence_for<Ts...>()); }

 private:
  /// Calls `f` with each branch until a call returns true.
  template <class F>
  bool any_of(F f) noexcept {
    return std::apply([&](auto&... branch) { return (f(branch) || ...); }, branches_);
  }
  /// Starts the branches from `begin` to before `end`, until one ends at once.
  bool start_some(std::size_t begin, std::size_t end) noexcept {
    std::size_t index = 0;
    return any_of([&](auto& branch) {
      const std::size_t at = index++;
      if (at < begin || at >= end) return false;
      branch.start(set_);
      return branch.ended();
    });
  }
  template <std::size_t First, std::size_t... Rest>
  WhenAnyResult take_first(std::index_sequence<First, Rest...>) {
    auto& branch = std::get<First>(branches_);
    if constexpr (sizeof...(Rest) != 0) {
      if (!branch.ended()) return take_first(std::index_sequence<Rest...>());
    }
    return WhenAnyResult(std::in_place_index<First>, take_non_void(branch.outcome));
  }

  BranchSet set_{BranchSet::WakeOn::first_end};
  std::tuple<Branch<Ts>...> branches_;
};

/// The first of a vector of tasks.
template <bool kFair, class T>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] WhenAnyVectorOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  explicit WhenAnyVectorOp(std::vector<Task<T>>&& tasks) : branches_(std::move(tasks)) {
    if (branches_.branches.empty()) stop_without_branch();
  }

  bool try_start() noexcept {
    if constexpr (kFair) {
      const std::size_t count = branches_.branches.size();
      const std::size_t first = draw_first(count);
      if (!start_some(first, count)) start_some(0, first);
    } else {
      for (Branch<T>& branch : branches_.branches) {
        branch.start(set_);
        if (branch.ended()) break;
      }
    }
    return over();
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override { return over(); }
  Waiting describe() const noexcept override { return {"the first of several", kNoSource}; }
  void abandon() noexcept override {
    branches_.for_each([](auto& branch) { branch.cancel(); });
  }
  Waiter* give_up_branch() noexcept override { return branches_.give_up(); }

  FirstOf<T> take() { return {first_, take_non_void(branches_.branches[first_].outcome)}; }

 private:
  /// True if one has ended. Cancels the others then.
  bool over() noexcept {
    const auto first = std::ranges::find_if(branches_.branches, &Branch<T>::ended);
    if (first == branches_.branches.end()) return false;
    first_ = static_cast<std::size_t>(first - branches_.branches.begin());
    abandon();
    return true;
  }
  /// As that of `WhenAnyOp`.
  bool start_some(std::size_t begin, std::size_t end) noexcept {
    for (std::size_t at = begin; at != end; ++at) {
      branches_.branches[at].start(set_);
      if (branches_.branches[at].ended()) return true;
    }
    return false;
  }

  BranchSet set_{BranchSet::WakeOn::first_end};
  VectorBranches<T> branches_;
  std::size_t first_ = 0;  ///< once it is over
};

/// True if `when_any` takes all `As`. Gives the compile error otherwise.
template <class... As>
consteval bool are_for_any() {
  static_assert(sizeof...(As) != 0, "when_any needs a branch");
  static_assert((may_be_branch<As> && ...),
                "when_any takes eddy's tasks and operations, or a vector of tasks");
  static_assert(!(kTraitsOf<std::remove_cvref_t<As>>.loses_progress || ...),
                "when_any would lose the bytes that read_exact or write_all has already moved when "
                "another branch is first: wrap the operation in eddy::may_lose(...) if that is "
                "what you want, keep it in an eddy::Pinned, or use read and write");
  return sizeof...(As) != 0 && refuse_named_vectors<As...>();
}

}  // namespace detail

/// Allows a `when_any` to cancel a `read_exact` or `write_all`, and to lose the bytes that it has
/// moved by then.
template <class Op>
auto may_lose(Op&& operation) {
  static_assert(!std::is_lvalue_reference_v<Op>, "an operation is awaited once: make it here");
  return detail::MayLose<std::remove_cvref_t<Op>>(std::forward<Op>(operation));
}

/// Runs tasks and operations concurrently, as branches of this task, until the first ends. Gives a
/// `std::variant` whose `index()` says which one ended, with `std::monostate` for void. The others
/// are cancelled and destroyed before `when_any` returns. If several are ready when they start, the
/// earliest argument wins; later the one that was woken first. The others lose nothing. If the
/// first to end throws, so does `when_any`. The branches start in order. If one ends at once, those
/// after it never start; but if the task has used up its budget of operations, each branch begins
/// to wait first.
/// **Cancel**: cancels all branches.
///
///     auto first = co_await eddy::when_any(stream.read(buffer), eddy::sleep_for(1s));
///     if (first.index() == 1) report();  // nothing came for a second
///
/// In a loop, an `eddy::Pinned` as a branch goes on from round to round.
template <class... As>
auto when_any(As&&... branches) {
  if constexpr (detail::are_for_any<As...>()) {
    return detail::WhenAnyOp<false, detail::AwaitResultOf<As>...>(
        detail::to_task(std::forward<As>(branches))...);
  }
}

/// As above, for any number of tasks of one type. Gives a `FirstOf<T>`. A vector without a task
/// stops the program: nothing could ever end.
///
///     auto [index, page] = co_await eddy::when_any(std::move(fetches));
template <class T>
auto when_any(std::vector<Task<T>>&& tasks) {
  return detail::WhenAnyVectorOp<false, T>(std::move(tasks));
}

/// As `when_any`, but a branch that is ready each time does not keep the later ones from ever
/// winning. The branch that starts first is drawn for each call; those after it follow in order,
/// then those before it. So of n branches each starts first in one of n calls on average. (It is
/// drawn, and not each in turn: where several loops on a thread take turns, each of them might
/// always have the same one.) Once all wait, the one that is woken first wins, as in `when_any`.
/// Each thread has the same sequence in each run.
/// **Cancel**: cancels all branches.
///
///     auto next = co_await eddy::when_any_fair(urgent.receive(), bulk.receive());
template <class... As>
auto when_any_fair(As&&... branches) {
  if constexpr (detail::are_for_any<As...>()) {
    return detail::WhenAnyOp<true, detail::AwaitResultOf<As>...>(
        detail::to_task(std::forward<As>(branches))...);
  }
}
template <class T>
auto when_any_fair(std::vector<Task<T>>&& tasks) {
  return detail::WhenAnyVectorOp<true, T>(std::move(tasks));
}

}  // namespace eddy
