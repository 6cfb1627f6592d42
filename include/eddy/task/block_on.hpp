// Runs tasks from ordinary code.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/awaitable.hpp"
#include "eddy/task/outcome.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/worker/worker.hpp"

#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

template <class T>
class RootOwner final : public TaskOwner {
 public:
  void on_end(PromiseBase* ended) noexcept override {
    outcome.take_from(ended);
    done = true;
  }

  Outcome<T> outcome;
  bool done = false;
};

}  // namespace detail

/// Runs `task`, and the tasks that it spawns, on this thread until `task` has ended. Then cancels
/// the tasks that are left, in no particular order; their destructors run inside `block_on`. But
/// shielded tasks, and tasks that these have spawned, run on: `block_on` waits for the shielded
/// ones, then cancels the rest. Returns the value of `task`, or throws its exception.
/// A call inside a task stops the program.
template <class T>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] T
block_on(Task<T> task, std::source_location where = std::source_location::current()) {
  detail::RootOwner<T> owner;
  detail::Worker& worker = detail::Worker::current();
  worker.spawn(detail_release(task).promise().make_root(where), &owner);
  worker.run_until(owner.done);
  return owner.outcome.take();
}

/// As above, for the coroutine `f(args...)`, with at most five arguments; `block_on_at` takes any
/// number. `f` and the arguments are moved or copied into the task first, as by `spawn`, so a
/// lambda may capture. Or for an operation or a join handle: `block_on(handle)`.
template <detail::SpawnFunction F>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, std::source_location where = std::source_location::current()) {
  constexpr bool kCallable = std::is_invocable_v<std::decay_t<F>&>;
  static_assert(kCallable || detail::is_awaitable<F>,
                "block_on takes a task, a coroutine function and its arguments, or an operation");
  if constexpr (detail::is_awaitable<F>) {
    return block_on(detail::to_task(std::forward<F>(f)), where);
  } else if constexpr (kCallable) {
    return block_on(detail::make_task(std::forward<F>(f)), where);
  }
}
template <detail::SpawnFunction F, class A>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, A&& a, std::source_location where = std::source_location::current()) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<A>(a)), where);
}
template <detail::SpawnFunction F, class A, class B>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b)),
                  where);
}
template <detail::SpawnFunction F, class A, class B, class C>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, A&& a, B&& b, C&& c, std::source_location where = std::source_location::current()) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                                    std::forward<C>(c)),
                  where);
}
template <detail::SpawnFunction F, class A, class B, class C, class D>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, A&& a, B&& b, C&& c, D&& d,
         std::source_location where = std::source_location::current()) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                                    std::forward<C>(c), std::forward<D>(d)),
                  where);
}
template <detail::SpawnFunction F, class A, class B, class C, class D, class E>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on(F&& f, A&& a, B&& b, C&& c, D&& d, E&& e,
         std::source_location where = std::source_location::current()) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                                    std::forward<C>(c), std::forward<D>(d), std::forward<E>(e)),
                  where);
}

/// `block_on(f, args...)` with any number of arguments. `where` stands for the place of the call,
/// as in `spawn_at`.
template <class F, class... Args>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] auto
block_on_at(std::source_location where, F&& f, Args&&... args) {
  return block_on(detail::make_task(std::forward<F>(f), std::forward<Args>(args)...), where);
}

/// Refused: a parameter for the place of the call cannot follow a parameter pack.
template <detail::SpawnFunction F, class A, class B, class C, class D, class E, class G,
          class... More>
  requires detail::IsArgument<G>
void block_on(F&&, A&&, B&&, C&&, D&&, E&&, G&&, More&&...) {
  static_assert(
      sizeof(std::decay_t<F>) == 0,
      "block_on takes at most five arguments: block_on_at(place, f, ...) takes any number");
}

/// Before this thread's loop sleeps, it polls for `length` without sleeping. This lowers latency,
/// and keeps a whole core busy. With zero, the default, the loop sleeps at once.
inline void busy_poll(detail::AnyDuration length) {
  detail::Worker::current().set_busy_poll(length);
}

}  // namespace eddy
