// The `spawn` of what owns tasks: a group, a join set.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/spawn.hpp"

#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy::detail {

/// Gives `Owner` its `spawn` and `spawn_at`, which call `owner.add(task, where)` and give what that
/// gives. There is an overload for each number of arguments, because a parameter for the place of
/// the call cannot follow a parameter pack.
template <class Owner>
class Spawner {
 public:
  template <class F>
  auto spawn(F&& f, std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f));
  }
  template <class F, class A>
  auto spawn(F&& f, A&& a, std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f), std::forward<A>(a));
  }
  template <class F, class A, class B>
  auto spawn(F&& f, A&& a, B&& b, std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
  }
  template <class F, class A, class B, class C>
  auto spawn(F&& f, A&& a, B&& b, C&& c,
             std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                    std::forward<C>(c));
  }
  template <class F, class A, class B, class C, class D>
  auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d,
             std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                    std::forward<C>(c), std::forward<D>(d));
  }
  template <class F, class A, class B, class C, class D, class E>
  auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d, E&& e,
             std::source_location where = std::source_location::current()) {
    return spawn_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                    std::forward<C>(c), std::forward<D>(d), std::forward<E>(e));
  }

  /// Refused: see above.
  template <class F, class A, class B, class C, class D, class E, class G, class... More>
    requires IsArgument<G>
  void spawn(F&&, A&&, B&&, C&&, D&&, E&&, G&&, More&&...) {
    static_assert(sizeof(std::decay_t<F>) == 0,
                  "spawn takes at most five arguments: spawn_at(place, f, ...) takes any number");
  }

  /// `spawn` with any number of arguments, for the place `where`; as `eddy::spawn_at` does.
  template <class F, class... Args>
  auto spawn_at(std::source_location where, F&& f, Args&&... args) {
    return static_cast<Owner&>(*this).add(
        make_task(std::forward<F>(f), std::forward<Args>(args)...), where);
  }

 private:
  friend Owner;

  Spawner() noexcept = default;
  ~Spawner() = default;
};

/// As `Spawner`, for `spawn_when_free`, which calls `owner.add_when_free(task, where)`.
template <class Owner>
class WaitingSpawner {
 public:
  template <class F>
  auto spawn_when_free(F&& f, std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f));
  }
  template <class F, class A>
  auto spawn_when_free(F&& f, A&& a, std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f), std::forward<A>(a));
  }
  template <class F, class A, class B>
  auto spawn_when_free(F&& f, A&& a, B&& b,
                       std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b));
  }
  template <class F, class A, class B, class C>
  auto spawn_when_free(F&& f, A&& a, B&& b, C&& c,
                       std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                              std::forward<C>(c));
  }
  template <class F, class A, class B, class C, class D>
  auto spawn_when_free(F&& f, A&& a, B&& b, C&& c, D&& d,
                       std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                              std::forward<C>(c), std::forward<D>(d));
  }
  template <class F, class A, class B, class C, class D, class E>
  auto spawn_when_free(F&& f, A&& a, B&& b, C&& c, D&& d, E&& e,
                       std::source_location where = std::source_location::current()) {
    return spawn_when_free_at(where, std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
                              std::forward<C>(c), std::forward<D>(d), std::forward<E>(e));
  }

  /// Refused: see `Spawner`.
  template <class F, class A, class B, class C, class D, class E, class G, class... More>
    requires IsArgument<G>
  void spawn_when_free(F&&, A&&, B&&, C&&, D&&, E&&, G&&, More&&...) {
    static_assert(sizeof(std::decay_t<F>) == 0,
                  "spawn_when_free takes at most five arguments: spawn_when_free_at(place, f, ...) "
                  "takes any number");
  }

  /// `spawn_when_free` with any number of arguments, for the place `where`.
  template <class F, class... Args>
  auto spawn_when_free_at(std::source_location where, F&& f, Args&&... args) {
    static_assert(!is_destroyed_twice<F>() && !(is_destroyed_twice<Args>() || ...),
                  "g++ 12 destroys the captures or members of an argument of this "
                  "spawn_when_free twice, because it is made where a coroutine awaits. Name it "
                  "first: auto f = ...; co_await group.spawn_when_free(f); or, for a moved "
                  "variable, give its type a constructor");
    return static_cast<Owner&>(*this).add_when_free(
        make_task(std::forward<F>(f), std::forward<Args>(args)...), where);
  }

 private:
  friend Owner;

  WaitingSpawner() noexcept = default;
  ~WaitingSpawner() = default;
};

}  // namespace eddy::detail
