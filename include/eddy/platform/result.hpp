// Errors are values: what every fallible operation of eddy returns.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <expected>
#include <system_error>

namespace eddy {

/// A value, or the reason why there is none.
template <class T = void>
using Result = std::expected<T, std::error_code>;

/// Failures that no operating system has a number for.
enum class Error {
  end_of_stream = 1,  ///< the peer ended the stream in the middle of what was asked for
  bad_address,        ///< the text is not an address of the form IPV4:PORT or [IPV6]:PORT
  /// A limit that the program set has passed (`timeout`, `with_deadline`). Compares equal to
  /// `std::errc::timed_out`, as does the time-out of the system, which is another error.
  deadline_exceeded,
  closed,  ///< somebody has closed what was asked for; the other side of a channel is gone
  full,    ///< a channel has no room, and `try_send` does not wait for one
  empty,   ///< a channel has no value, and `try_receive` does not wait for one
  lagged,  ///< a receiver of a broadcast was too slow, and has missed values
};

/// The category of `Error`; its name is "eddy".
EDDY_EXPORT const std::error_category& error_category() noexcept;

inline std::error_code make_error_code(Error error) noexcept {
  return {static_cast<int>(error), error_category()};
}

/// The error branch of a `Result`: `co_return eddy::failure(std::errc::timed_out)`.
inline std::unexpected<std::error_code> failure(std::errc code) noexcept {
  return std::unexpected(std::make_error_code(code));
}
inline std::unexpected<std::error_code> failure(Error error) noexcept {
  return std::unexpected(make_error_code(error));
}
inline std::unexpected<std::error_code> failure(const std::error_code& error) noexcept {
  return std::unexpected(error);
}

}  // namespace eddy

template <>
struct std::is_error_code_enum<eddy::Error> : std::true_type {};
