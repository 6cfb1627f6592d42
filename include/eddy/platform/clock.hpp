// The one clock of the library: monotonic, in nanoseconds.
#pragma once

#include <chrono>

namespace eddy {

/// A monotonic clock that reads the kernel seam, so that a test or a simulator can move it. Setting
/// the wall clock does not move it.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

using Duration = Clock::duration;
using Instant = Clock::time_point;

namespace detail {

/// `start + length`, or the end of time if that cannot be represented.
constexpr Instant saturating_add(Instant start, Duration length) noexcept {
  if (length <= Duration::zero()) return start;
  return start > Instant::max() - length ? Instant::max() : start + length;
}

}  // namespace detail
}  // namespace eddy
