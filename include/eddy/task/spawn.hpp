// Starting tasks.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/awaitable.hpp"
#include "eddy/task/join_handle.hpp"

#include <exception>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

/// True if a parameter `P` owns its value: it has the type `A` of the argument, or is a number.
/// Otherwise the argument is converted, and the result may be a view of something that dies.
template <class P, class A>
inline constexpr bool is_kept =
    std::is_same_v<P, A> || std::is_arithmetic_v<P> || std::is_enum_v<P>;

/// The parameters of a function.
template <class... P>
struct Parameters {
  template <class... Args>
  static consteval bool keep() {
    if constexpr (sizeof...(P) == sizeof...(Args)) {
      return (is_kept<P, Args> && ...);
    } else {
      return false;
    }
  }
};

template <class Call>
struct ParametersOf : Parameters<void> {};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> : Parameters<P...> {};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> : Parameters<P...> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const> : Parameters<P...> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const noexcept> : Parameters<P...> {};

/// True if the coroutine `F(Args...)` owns all that it uses: it has no captures, and takes neither
/// references nor views. So its frame may outlive the call. False for a pointer to a member
/// function, which takes its object by reference.
template <class F, class... Args>
inline constexpr bool owns_all = false;
template <class F, class... Args>
  requires std::is_empty_v<F> && requires { &F::operator(); }
inline constexpr bool owns_all<F, Args...> =
    ParametersOf<decltype(&F::operator())>::template keep<Args...>();
template <class F, class... Args>
inline constexpr bool owns_all<F*, Args...> = ParametersOf<F*>::template keep<Args...>();

/// The type of the task `f(args...)`. It is `Task<>` if the call is refused, so that the refusal is
/// the only error.
template <class F, class... Args>
struct SpawnedTask {
  static_assert(
      !is_task<F>,
      "this takes a function and its arguments, (f, x), not a task, (f(x)): it moves both "
      "into the task, so that a capturing lambda lives as long as it");
  static_assert(is_task<F> || std::is_invocable_v<F&, Args...>,
                "a task is f(args...): f cannot be called with copies of these arguments; use "
                "std::ref for an argument that f takes by non-const reference");
  using type = Task<>;
  static constexpr bool kFits = false;
};
template <class F, class... Args>
  requires std::is_invocable_v<F&, Args...>
struct SpawnedTask<F, Args...> {
  using Given = std::invoke_result_t<F&, Args...>;
  static constexpr bool kFits = is_task<Given>;
  static_assert(kFits, "a task is f(args...): f must return an eddy::Task");
  static_assert(fits_a_frame<F> && (fits_a_frame<Args> && ...),
                "f(args...): a frame cannot hold what is aligned more strictly than "
                "max_align_t; pass a std::unique_ptr to it");
  using type = std::conditional_t<kFits, Given, Task<>>;
};
template <class F, class... Args>
using SpawnedTaskOf = typename SpawnedTask<std::decay_t<F>, std::decay_t<Args>...>::type;

/// Keeps the closure and its arguments in a frame around that of the coroutine that uses them.
/// Calls without std::invoke, in which what an argument is converted to would die.
template <class T, class F, class... Args>
Task<T> call_in_frame(F function, Args... args) {
  co_return co_await function(std::move(args)...);
}

template <class T>
T& object_of(T& object) noexcept {
  return object;
}
template <class T>
T& object_of(T*& object) noexcept {
  return *object;
}
template <class T>
T& object_of(std::reference_wrapper<T>& object) noexcept {
  return object;
}
template <class T>
  requires requires(T& pointer) {
    *pointer;
    pointer.get();
  }
auto& object_of(T& pointer) noexcept {
  return *pointer;
}

/// As above, for a pointer to a member function.
template <class T, class F, class Object, class... Args>
Task<T> call_member_in_frame(F function, Object object, Args... args) {
  co_return co_await (object_of(object).*function)(std::move(args)...);
}

/// The task `f(args...)`, which owns `f` and the arguments.
template <class F, class... Args>
SpawnedTaskOf<F, Args...> make_task(F&& function, Args&&... args) {
  using T = typename SpawnedTaskOf<F, Args...>::value_type;
  if constexpr (!SpawnedTask<std::decay_t<F>, std::decay_t<Args>...>::kFits) {
    std::terminate();
  } else if constexpr (owns_all<std::decay_t<F>, std::decay_t<Args>...>) {
    return std::invoke(std::forward<F>(function),
                       static_cast<std::decay_t<Args>>(std::forward<Args>(args))...);
  } else if constexpr (std::is_member_function_pointer_v<std::decay_t<F>>) {
    return call_member_in_frame<T, std::decay_t<F>, std::decay_t<Args>...>(
        std::forward<F>(function), std::forward<Args>(args)...);
  } else {
    return call_in_frame<T, std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(function),
                                                                    std::forward<Args>(args)...);
  }
}

/// The handle that `spawn` gives if g++ 12 may destroy an argument twice: it does so if the handle
/// is awaited in the same full expression. `co_await` refuses this type as a temporary. A variable
/// of it is an ordinary handle.
template <class T>
class [[nodiscard("dropping the handle detaches the task; say so with detach()")]] HandleOfTemporary
    : public JoinHandle<T> {
 public:
  using spawned_with_temporary = void;
  using JoinHandle<T>::JoinHandle;
};

template <class F>
concept SpawnFunction = !is_task<std::remove_cvref_t<F>>;

/// An argument of a task, as opposed to the place of the call.
template <class A>
concept IsArgument = !std::is_same_v<std::remove_cvref_t<A>, std::source_location>;

template <class F, class... Args>
using SpawnHandle =
    std::conditional_t<is_destroyed_twice<F>() || (is_destroyed_twice<Args>() || ...),
                       HandleOfTemporary<typename SpawnedTaskOf<F, Args...>::value_type>,
                       JoinHandle<typename SpawnedTaskOf<F, Args...>::value_type>>;

}  // namespace detail

/// `spawn(f, args...)` with any number of arguments, for the place `where`, which `dump_tasks` and
/// reports name: `std::source_location::current()`, or that of the caller of a function of your
/// own.
template <class F, class... Args>
auto spawn_at(std::source_location where, F&& function, Args&&... args) {
  return detail::SpawnHandle<F, Args...>(
      detail::make_task(std::forward<F>(function), std::forward<Args>(args)...), where);
}

/// Starts `f(args...)`, a coroutine, as a task of its own on this thread; it runs when the loop
/// comes to it. `f` and the arguments are moved or copied into the task first, so a lambda may
/// capture, and a parameter may be a reference to its argument. At most five arguments, so that the
/// place of the call can be remembered for `dump_tasks`; `spawn_at` takes any number.
///
/// Outside `block_on` the task waits for the next `block_on` of this thread. A thread that ends
/// without one says on standard error where the tasks were spawned that it has not run.
template <detail::SpawnFunction F>
auto spawn(F&& f, std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f));
}
template <detail::SpawnFunction F, class A>
auto spawn(F&& f, A&& a, std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f), std::forward<A>(a));
}
template <detail::SpawnFunction F, class A, class B>
auto spawn(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
}
template <detail::SpawnFunction F, class A, class B, class C>
auto spawn(F&& f, A&& a, B&& b, C&& c,
           std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                        std::forward<C>(c));
}
template <detail::SpawnFunction F, class A, class B, class C, class D>
auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d,
           std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                        std::forward<C>(c), std::forward<D>(d));
}
template <detail::SpawnFunction F, class A, class B, class C, class D, class E>
auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d, E&& e,
           std::source_location where = std::source_location::current()) {
  return eddy::spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                        std::forward<C>(c), std::forward<D>(d), std::forward<E>(e));
}

/// Refused: a parameter for the place of the call cannot follow a parameter pack.
template <detail::SpawnFunction F, class A, class B, class C, class D, class E, class G,
          class... More>
  requires detail::IsArgument<G>
JoinHandle<void> spawn(F&&, A&&, B&&, C&&, D&&, E&&, G&&, More&&...) {
  static_assert(sizeof(std::decay_t<F>) == 0,
                "spawn takes at most five arguments: spawn_at(place, f, ...) takes any number");
  std::terminate();
}

/// Refused: the closure of a lambda would be destroyed before its task runs.
template <class T>
JoinHandle<T> spawn(Task<T>&&, std::source_location = {}) {
  static_assert(sizeof(T*) == 0,
                "spawn takes a function and its arguments, spawn(f, x), not a task, spawn(f(x)): "
                "it moves both into the task, so that a capturing lambda lives as long as it");
  std::terminate();
}

}  // namespace eddy
