// The one clock of the library: monotonic, in nanoseconds.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace eddy {

/// A monotonic clock that reads the kernel seam, so that a test or a simulator can move it. Setting
/// the wall clock does not move it.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  EDDY_EXPORT static time_point now() noexcept;
};

using Duration = Clock::duration;
using Instant = Clock::time_point;

namespace detail {

/// `start + length`, or the end of time if that cannot be represented.
constexpr Instant saturating_add(Instant start, Duration length) noexcept {
  if (length <= Duration::zero()) return start;
  return start > Instant::max() - length ? Instant::max() : start + length;
}

/// `count` units of `Unit` as nanoseconds, rounded up, so that no wait for it is early. Too long a
/// length is `Duration::max()`, one too far below zero is `Duration::min()`, and what is not a
/// number is zero.
template <class Unit, class Rep>
constexpr Duration saturating_nanoseconds(Rep count) noexcept {
  using Each = std::ratio_divide<Unit, std::nano>;
  if constexpr (std::is_floating_point_v<Rep>) {
    using Float = std::common_type_t<Rep, double>;
    constexpr auto kBeyond = static_cast<Float>(0x1p63);
    constexpr auto kNum = static_cast<Float>(Each::num);
    constexpr auto kDen = static_cast<Float>(Each::den);
    constexpr Float kTooLong = kBeyond / kNum * kDen;
    if (count >= kTooLong) return Duration::max();
    if (count <= -kTooLong) return Duration::min();
    if (!(count < kTooLong)) return Duration::zero();
    const Float exact = static_cast<Float>(count) * kNum / kDen;
    if (exact >= kBeyond) return Duration::max();
    if (exact <= -kBeyond) return Duration::min();
    const auto whole = static_cast<Clock::rep>(exact);
    const bool round_up =
        static_cast<Float>(whole) < exact && whole != std::numeric_limits<Clock::rep>::max();
    return Duration(round_up ? whole + 1 : whole);
  } else {
    using Wide = std::conditional_t<std::is_signed_v<Rep>, std::int64_t, std::uint64_t>;
    const Wide units = count;
    constexpr Wide kDen = Each::den;
    const Clock::rep rest = static_cast<Clock::rep>(units % kDen) * Each::num;
    const Clock::rep part = rest / Each::den + (rest % Each::den > 0 ? 1 : 0);
    Clock::rep whole = 0;
    if (__builtin_mul_overflow(units / kDen, Each::num, &whole) ||
        __builtin_add_overflow(whole, part, &whole)) {
      return units > Wide{0} ? Duration::max() : Duration::min();
    }
    return Duration(whole);
  }
}

/// A length of time of any unit, as eddy's functions take it. `std::chrono::hours::max()` is for
/// ever; a conversion to nanoseconds would overflow.
class AnyDuration {
 public:
  /// No time.
  constexpr AnyDuration() noexcept = default;
  // Implicit, as the conversion between units is.
  constexpr AnyDuration(Duration length) noexcept : length_(length) {}
  template <class Rep, class Period>
    requires std::is_arithmetic_v<Rep>
  constexpr AnyDuration(const std::chrono::duration<Rep, Period>& length) noexcept
      : length_(saturating_nanoseconds<Period>(length.count())) {}

  constexpr operator Duration() const noexcept { return length_; }
  friend constexpr bool operator==(const AnyDuration&, const AnyDuration&) noexcept = default;

 private:
  Duration length_{};
};

/// The same of an instant of `Clock`.
class AnyInstant {
 public:
  constexpr AnyInstant(Instant at) noexcept : at_(at) {}
  template <class Length>
    requires std::is_arithmetic_v<typename Length::rep>
  constexpr AnyInstant(const std::chrono::time_point<Clock, Length>& at) noexcept
      : at_(AnyDuration(at.time_since_epoch())) {}

  constexpr operator Instant() const noexcept { return at_; }

 private:
  Instant at_;
};

}  // namespace detail
}  // namespace eddy
