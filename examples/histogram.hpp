// Counts lengths of time in buckets that are less than one percent wide.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace example {

/// Below 128 ns each nanosecond has a bucket of its own. Above, each doubling has 128 buckets of
/// equal width.
class Histogram {
 public:
  void add(eddy::Duration length) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(length.count(), 0));
    ++counts_[index_of(value)];
    ++total_;
    max_ = std::max(max_, value);
  }

  std::uint64_t total() const { return total_; }
  eddy::Duration max() const { return eddy::Duration(max_); }

  /// The length that `fraction` of the lengths do not exceed.
  eddy::Duration percentile(double fraction) const {
    const auto wanted = static_cast<std::uint64_t>(
        std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen != 0) return eddy::Duration(std::min(last_of(i), max_));
    }
    return {};
  }

 private:
  static constexpr int kBits = 7;
  static constexpr std::size_t kParts = 1U << kBits;

  static std::size_t index_of(std::uint64_t value) {
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - kBits - 1, 0);
    return static_cast<std::size_t>(shift) * kParts + static_cast<std::size_t>(value >> shift);
  }
  /// The greatest value of a bucket.
  static std::uint64_t last_of(std::size_t index) {
    if (index < 2 * kParts) return index;
    const std::size_t shift = index / kParts - 1;
    return ((index - shift * kParts + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) * kParts> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace example
