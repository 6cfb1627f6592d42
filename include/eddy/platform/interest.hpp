// The set of directions in which a source is watched.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <cstdint>

namespace eddy {

/// A set of directions: `Interest::readable | Interest::writable`.
class Interest {
 public:
  static const Interest none;
  static const Interest readable;
  static const Interest writable;
  static const Interest priority;  ///< out-of-band data

  constexpr Interest() noexcept = default;

  friend constexpr Interest operator|(Interest a, Interest b) noexcept {
    return Interest(static_cast<std::uint8_t>(a.bits_ | b.bits_));
  }
  friend constexpr bool operator==(Interest, Interest) noexcept = default;

  constexpr bool contains(Interest other) const noexcept {
    return (bits_ & other.bits_) == other.bits_;
  }
  constexpr bool empty() const noexcept { return bits_ == 0; }

 private:
  constexpr explicit Interest(std::uint8_t bits) noexcept : bits_(bits) {}

  std::uint8_t bits_ = 0;
};

inline constexpr Interest Interest::none{};
inline constexpr Interest Interest::readable{1};
inline constexpr Interest Interest::writable{2};
inline constexpr Interest Interest::priority{4};

}  // namespace eddy
