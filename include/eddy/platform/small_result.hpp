// Results in one register: the hot calls of the kernel seam return them, and their callers too.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/result.hpp"

#include <cstddef>
#include <expected>
#include <system_error>

namespace eddy::sys {

/// The error of the seam that has this number.
inline std::error_code error_of(int number) noexcept { return {number, std::generic_category()}; }

/// The number of an error of the seam. An error of another category, such as `eddy::Error`, must
/// not be given: only the number is kept, so it would come out as a different error.
inline int number_of(const std::error_code& error) noexcept {
  EDDY_ASSERT(error.category() == std::generic_category());
  return error.value();
}

/// A `Result<std::size_t>` in one register. The larger type is returned through memory, which costs
/// more than the rest of the function at every read and write. This type can be so small because
/// the seam's errors are all of one category, and their numbers are positive.
class [[nodiscard]] Count {
 public:
  // Both are implicit, as in std::expected: a function returns a count or an error.
  Count(std::size_t count) noexcept : value_(static_cast<std::ptrdiff_t>(count)) {}
  Count(const std::unexpected<std::error_code>& failure) noexcept
      : value_(-std::ptrdiff_t{number_of(failure.error())}) {}

  explicit operator bool() const noexcept { return value_ >= 0; }
  bool has_value() const noexcept { return value_ >= 0; }
  std::size_t operator*() const noexcept { return static_cast<std::size_t>(value_); }
  std::size_t value() const { return Result<std::size_t>(*this).value(); }
  std::size_t value_or(std::size_t other) const noexcept { return *this ? **this : other; }
  std::error_code error() const noexcept { return error_of(static_cast<int>(-value_)); }

  operator Result<std::size_t>() const noexcept {
    if (*this) return **this;
    return std::unexpected(error());
  }

 private:
  std::ptrdiff_t value_;  ///< the count, or the error's number below zero
};

/// A `Result<>` in one register, for the same reason.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(const std::unexpected<std::error_code>& failure) noexcept
      : error_(number_of(failure.error())) {}
  Status(const Result<>& result) noexcept : error_(result ? 0 : number_of(result.error())) {}

  explicit operator bool() const noexcept { return error_ == 0; }
  bool has_value() const noexcept { return error_ == 0; }
  std::error_code error() const noexcept { return error_of(error_); }

  operator Result<>() const noexcept {
    if (*this) return {};
    return std::unexpected(error());
  }

 private:
  int error_ = 0;
};

}  // namespace eddy::sys
