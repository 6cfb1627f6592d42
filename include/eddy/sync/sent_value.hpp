// What the type of a value must be like, for one task to send it to another.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/temporaries.hpp"

#include <type_traits>

namespace eddy::detail {

/// Refuses a kind of type that cannot be sent. The type need not be complete: a value may hold a
/// sender of its own type.
template <class T>
struct SentKind {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>,
                "tasks send values: instead of a reference send a pointer or a "
                "std::reference_wrapper, instead of an array a std::array, instead of void a "
                "std::monostate, and nothing const");
  static constexpr bool kFits = true;
};

/// Refuses a type that cannot be sent.
template <class T>
struct SentValue : SentKind<T> {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "the value is moved while other threads wait for the channel, so its move "
                "constructor must not throw: declare it noexcept, or send a std::unique_ptr to the "
                "value");
  static_assert(
      fits_a_frame<T>,
      "a coroutine frame cannot hold what is aligned more strictly than max_align_t: send "
      "a std::unique_ptr to the value");
};

/// Refuses to await a send of such a temporary.
template <class U>
constexpr void refuse_sent_temporary() noexcept {
  static_assert(std::is_lvalue_reference_v<U> || !is_destroyed_twice<U>(),
                "g++ 12 destroys the members of this value twice, if it is a temporary in a "
                "co_await, and std::move(value) looks like one. Give its type a constructor; or "
                "wait for the room alone: auto permit = "
                "co_await sender.reserve(), then permit->send(...)");
}

}  // namespace eddy::detail
