// Temporaries that g++ 12 destroys twice if the full expression awaits.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <cstddef>
#include <source_location>
#include <string_view>
#include <type_traits>

namespace eddy::detail {

/// True for the closure of a lambda that captures. g++ calls its type "main()::<lambda(int)>".
template <class T>
consteval bool is_capturing_closure() {
  const std::string_view name = std::source_location::current().function_name();
  return !std::is_default_constructible_v<T> && !std::is_assignable_v<T&, T> &&
         name.contains("<lambda(") && name.ends_with(")>]");
}

/// True if an argument, forwarded as `A&&`, may be a temporary that g++ 12 destroys twice. A moved
/// variable looks the same.
template <class A>
consteval bool is_destroyed_twice() {
  if constexpr (kDestroysTemporariesTwice && std::is_class_v<A>) {
    return !std::is_trivially_destructible_v<A> &&
           (std::is_aggregate_v<A> || is_capturing_closure<A>());
  } else {
    return false;
  }
}

/// True if `A` is the handle of a `spawn` that was given such a temporary.
template <class A>
inline constexpr bool is_spawned_with_temporary = requires { typename A::spawned_with_temporary; };

/// Refuses to await such a temporary. A closure cannot be awaited, so it needs no check.
template <class A>
constexpr void refuse_temporary() noexcept {
  static_assert(!(std::is_aggregate_v<A> && is_destroyed_twice<A>()),
                "g++ 12 destroys the members of this aggregate twice, because it is a temporary in "
                "a co_await. Name it first: auto source = ...; co_await source");
  static_assert(!is_spawned_with_temporary<A>,
                "g++ 12 destroys the captures or members of an argument of this spawn twice, "
                "because it is a temporary in a co_await. Name the handle first: "
                "auto handle = spawn(...); co_await handle");
}

/// True if a frame can hold a `T`. g++ 12 and clang misplace objects that are aligned more
/// strictly.
template <class T>
inline constexpr bool fits_a_frame = alignof(T) <= alignof(std::max_align_t);

}  // namespace eddy::detail
