// A value that is made when it is first needed.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"

#include <atomic>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy {

/// A value that the first task that needs it makes, while the others wait. If that fails, throws or
/// is cancelled, the next task tries, with what it has passed; so ten tasks may fail one after
/// another. What makes the value must not ask for it.
///
/// It must outlive the tasks that use it, as a `Mutex`.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::OnceCell<Config> config;  // load_config() gives a Task<Result<Config>>
///     auto found = co_await config.get_or_init(load_config);
template <class T>
class OnceCell final {
 public:
  OnceCell() noexcept = default;
  OnceCell(const OnceCell&) = delete;
  OnceCell& operator=(const OnceCell&) = delete;

  /// The value; null if it is not made yet.
  T* get() noexcept { return made_.load(std::memory_order_acquire); }

  /// Gives the value. If there is none yet, makes it of `co_await make()`, which gives a `T` or a
  /// `Result<T>`, unless another task is doing that.
  /// **Errors**: that of `make`.
  /// **Cancel**: cancels `make()`; then the next task that waits calls its own.
  template <class F>
  Task<Result<T*>> get_or_init(F&& make) {
    static_assert(!detail::is_destroyed_twice<F>(),
                  "g++ 12 destroys the captures of this lambda twice, because it is made where a "
                  "coroutine awaits. Name it first: auto make = ...; co_await "
                  "cell.get_or_init(make)");
    static_assert(std::is_invocable_v<std::decay_t<F>&>,
                  "get_or_init takes a coroutine and calls it: get_or_init(make), not "
                  "get_or_init(make())");
    return get_or_call<std::decay_t<F>>(std::forward<F>(make));
  }

 private:
  template <class F>
  Task<Result<T*>> get_or_call(F make) {
    if (T* const made = get()) co_return made;
    const auto value = co_await value_.lock();
    if (T* const made = get()) co_return made;
    if constexpr (detail::is_result<detail::AwaitResultOf<std::invoke_result_t<F&>>>) {
      auto result = co_await make();
      if (!result) co_return failure(result.error());
      value->emplace(std::move(*result));
    } else {
      value->emplace(co_await make());
    }
    made_.store(&**value, std::memory_order_release);
    co_return get();
  }

  Mutex<std::optional<T>> value_;
  std::atomic<T*> made_{nullptr};
};

}  // namespace eddy
