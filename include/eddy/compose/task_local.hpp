// A value that a task and all that it awaits can find, without passing it on.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/compose/branch.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"
#include "eddy/worker/task_local_base.hpp"

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eddy {

template <class T>
class TaskLocal;

namespace detail {

/// Around the branch of a scope.
struct ScopeAround : NothingAround {
  LocalValue local() const noexcept { return given; }

  LocalValue given;
};

/// Runs a task as a branch in which a task-local has a value.
template <class T, class R>
class [[nodiscard("nothing happens until it is awaited: write co_await")]] ScopeOp final
    : public Operation {
 public:
  static constexpr OperationTraits kTraits{.abandons = true};

  /// Copies the value before it moves an argument: the value may be part of an argument.
  template <class U, class F, class... Args>
  ScopeOp(const TaskLocalBase& key, U&& value, F&& f, Args&&... args)
      : value_(std::forward<U>(value)),
        key_(&key),
        branch_(make_task(std::forward<F>(f), std::forward<Args>(args)...)) {}

  bool try_start() noexcept {
    branch_.around.given = {key_, std::addressof(value_)};
    branch_.start(set_);
    return branch_.ended();
  }
  bool begin_wait(Waiter&) noexcept {
    set_.begin_wait();
    return true;
  }
  bool advance(Waiter&) noexcept override { return branch_.ended(); }
  Waiting describe() const noexcept override { return {"the scope of a task-local", kNoSource}; }
  void abandon() noexcept override { branch_.cancel(); }
  Waiter* give_up_branch() noexcept override { return branch_.give_up(); }

  R take() { return branch_.outcome.take(); }

 private:
  T value_;  // before the branch, which uses it
  const TaskLocalBase* key_;
  BranchSet set_{BranchSet::WakeOn::first_end};
  Branch<R, ScopeAround> branch_;
};

/// A coroutine function that runs another one in the scope of a value that it owns. It may be
/// called again.
template <class T, class F>
class Bound {
 public:
  Bound(const TaskLocal<T>& local, const T* value, F&& function)
      : local_(&local), function_(std::move(function)) {
    if (value != nullptr) value_.emplace(*value);
  }

  template <class... Args>
    requires std::invocable<F&, Args...>
  SpawnedTaskOf<F, Args...> operator()(Args... args) {
    if (!value_) co_return co_await make_task(function(), std::move(args)...);
    using R = typename SpawnedTaskOf<F, Args...>::value_type;
    // Not `scope`: what it refuses may be a parameter here, which is destroyed once.
    co_return co_await ScopeOp<T, R>(*local_, *value_, function(), std::move(args)...);
  }

 private:
  /// One that cannot be copied is good for one call.
  F function() {
    if constexpr (std::is_copy_constructible_v<F>) {
      return function_;
    } else {
      return std::move(function_);
    }
  }

  const TaskLocal<T>* local_;
  std::optional<T> value_;
  F function_;
};

/// The text of a value that has one without the program's help.
template <class T>
std::string plain_text(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(static_cast<std::string_view>(value));
  } else {
    return std::to_string(value);
  }
}

}  // namespace detail

/// A value for all code that a task runs below some point: the identity of a request, a tracer, the
/// user. The object is the key, so it is a variable of a namespace or a static one. Each scope has
/// a value of its own:
///
///     eddy::TaskLocal<std::string> request_id("request");
///
///     eddy::Task<> serve(Request request) {
///       log("new request");  // -: new request
///       co_await request_id.scope(request.id, handle, request);
///     }
///     void log(const char* text) {
///       const std::string* const id = request_id.get();  // in whatever `handle` calls or awaits
///       std::printf("%s: %s\n", id != nullptr ? id->c_str() : "-", text);
///     }
///
/// A task outside all scopes pays nothing for the existence of task-locals; `get` looks through the
/// branches around the running task.
///
/// **Thread**: any. The values are those of the calling thread's tasks.
template <class T>
class TaskLocal final : private detail::TaskLocalBase {
  template <class, class>
  friend class detail::Bound;

  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "a TaskLocal has values: TaskLocal<T*> for what is somewhere else");
  static_assert(detail::fits_a_frame<T>,
                "TaskLocal<T>: a frame cannot hold what is aligned more strictly than max_align_t; "
                "use a TaskLocal<std::shared_ptr<T>>");

 public:
  using Text = std::string (*)(const T& value);

  constexpr TaskLocal() noexcept : TaskLocalBase({}) {}
  /// The dumps show the value of each task that is in a scope, as `name=value`. `text` makes the
  /// text of a value, at each dump; it must not spawn or wake. `name` is not copied: a literal.
  constexpr TaskLocal(std::string_view name, Text text) noexcept
      : TaskLocalBase(name), text_(text) {}
  /// As above, for a number or what converts to std::string_view.
  constexpr explicit TaskLocal(std::string_view name) noexcept
    requires(std::is_arithmetic_v<T> || std::is_convertible_v<const T&, std::string_view>)
      : TaskLocal(name, detail::plain_text<T>) {}

  /// Runs `f(args...)`, a coroutine, as a branch of this task, and gives its result. In `f`, and in
  /// all that `f` awaits, also in branches and groups, `get` finds `value`. An inner scope hides
  /// the value of an outer one. A task that `f` spawns is outside: see `bind`. `f` and the
  /// arguments are kept as by `spawn`.
  /// **Cancel**: cancels `f(args...)`.
  template <class U = T, class F, class... Args>
    requires std::constructible_from<T, U&&>
  auto scope(U&& value, F&& f, Args&&... args) const {
    static_assert(!detail::is_destroyed_twice<U>() && !detail::is_destroyed_twice<F>() &&
                      !(detail::is_destroyed_twice<Args>() || ...),
                  "g++ 12 destroys an argument of this scope twice, because it is made where a "
                  "coroutine awaits. Name it first: auto body = ...; co_await local.scope(value, "
                  "body); or give its type a constructor");
    using R = typename detail::SpawnedTaskOf<F, Args...>::value_type;
    return detail::ScopeOp<T, R>(*this, std::forward<U>(value), std::forward<F>(f),
                                 std::forward<Args>(args)...);
  }

  /// The value of the innermost scope around the running task; null if there is none. It stays
  /// where it is until what runs in the scope has ended. Destructors of a task that is cancelled
  /// find it too.
  T* get() const noexcept { return static_cast<T*>(find()); }

  /// `f` as a coroutine function that runs in the scope of a copy of the value of now; if there is
  /// none, in none. It may be called again, if `f` can be copied. So a task that is spawned
  /// inherits the value:
  ///
  ///     eddy::spawn(request_id.bind(write_audit_log), entry).detach();
  template <class F>
  auto bind(F&& f) const {
    static_assert(std::is_copy_constructible_v<T>,
                  "bind copies the value for a task that may outlive the scope; this type cannot "
                  "be copied: use a TaskLocal<std::shared_ptr<T>>");
    static_assert(!detail::is_destroyed_twice<F>(),
                  "g++ 12 may destroy the captures of this lambda twice. Name it first: auto body "
                  "= ...; local.bind(body)");
    if constexpr (std::is_copy_constructible_v<T>) {
      return detail::Bound<T, std::decay_t<F>>(*this, get(), std::decay_t<F>(std::forward<F>(f)));
    } else {
      return std::decay_t<F>(std::forward<F>(f));  // so that this is the only error
    }
  }

 private:
  std::string text_of(const void* value) const override {
    return text_ != nullptr ? text_(*static_cast<const T*>(value)) : std::string();
  }

  Text text_ = nullptr;
};

}  // namespace eddy
