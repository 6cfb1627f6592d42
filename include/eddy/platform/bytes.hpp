// What bytes are read into and written from: any contiguous range of bytes or characters.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

template <class T>
inline constexpr bool is_byte = std::is_same_v<T, std::byte> || std::is_same_v<T, char> ||
                                std::is_same_v<T, unsigned char> || std::is_same_v<T, char8_t>;

/// What `data` of a range points to; void if it has none.
template <class R>
struct ElementOf {
  using type = void;
};
template <class R>
  requires requires(R& range) {
    std::size(range);
    *std::data(range);
  }
struct ElementOf<R> {
  using type = std::remove_reference_t<decltype(*std::data(std::declval<R&>()))>;
};

/// True of a contiguous range of bytes or characters.
template <class R>
inline constexpr bool has_bytes =
    is_byte<std::remove_cv_t<typename ElementOf<std::remove_reference_t<R>>::type>>;
/// True if the elements may be changed.
template <class R>
inline constexpr bool has_writable_bytes =
    has_bytes<R> && !std::is_const_v<typename ElementOf<std::remove_reference_t<R>>::type>;
/// True if `R&&` is a temporary that takes its bytes with it. <span> has what this needs; <ranges>
/// would make each file that includes eddy compile a fifth longer.
template <class R>
inline constexpr bool dies_with_its_bytes =
    !std::is_lvalue_reference_v<R> && !std::ranges::enable_borrowed_range<std::remove_cv_t<R>>;

/// True of the type of a string literal. Its last zero is no part of the text.
template <class R>
inline constexpr bool is_literal = false;
template <std::size_t N>
inline constexpr bool is_literal<const char[N]> = true;
template <std::size_t N>
inline constexpr bool is_literal<const char8_t[N]> = true;

/// The bytes of a range that is to be written.
template <class R>
std::span<const std::byte> bytes_to_write(R&& data) noexcept {
  static_assert(has_bytes<R>,
                "a write takes a contiguous range of std::byte, char or unsigned char: a "
                "std::string, an array, a std::vector, a std::span; for a pointer give its length "
                "too, std::string_view(pointer, length)");
  if constexpr (has_bytes<R>) {
    std::size_t size = std::size(data);
    if constexpr (is_literal<std::remove_reference_t<R>>) {
      if (data[size - 1] == 0) --size;
    }
    return {reinterpret_cast<const std::byte*>(std::data(data)), size};
  } else {
    return {};
  }
}

/// The bytes of a range that is to be read into.
template <class R>
std::span<std::byte> bytes_to_fill(R&& buffer) noexcept {
  static_assert(has_bytes<R>,
                "a read fills a contiguous range of std::byte, char or unsigned char: an array, a "
                "std::vector, a std::string, a std::span");
  static_assert(!has_bytes<R> || has_writable_bytes<R>,
                "a read cannot fill a const buffer: make it non-const");
  static_assert(!has_bytes<R> || !dies_with_its_bytes<R>,
                "a read cannot fill a temporary, whose bytes would be gone: give it a name");
  if constexpr (has_writable_bytes<R>) {
    return {reinterpret_cast<std::byte*>(std::data(buffer)), std::size(buffer)};
  } else {
    return {};
  }
}

}  // namespace detail

/// The bytes of any contiguous range of `std::byte`, `char`, `unsigned char` or `char8_t`, for
/// `write_vectored`. Functions that write a single range call it themselves. A string literal gives
/// its bytes without the zero. An array of `const char` counts as a literal: if its last element is
/// zero, that is left out.
template <class Range>
std::span<const std::byte> bytes_of(Range&& range) noexcept {
  static_assert(!detail::dies_with_its_bytes<Range>,
                "the bytes of a temporary would be gone: give it a name");
  return detail::bytes_to_write(range);
}

/// The same for a range that is to be read into, for `read_vectored`.
template <class Range>
std::span<std::byte> writable_bytes_of(Range&& range) noexcept {
  return detail::bytes_to_fill(std::forward<Range>(range));
}

}  // namespace eddy
