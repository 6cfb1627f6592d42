// Bytes that can be checked when they come back.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace example {

/// The bytes that are sent. The period is prime, so all bytes after a lost, repeated or foreign
/// byte are wrong.
class Pattern {
 public:
  Pattern() : bytes_(kPeriod + kLongest) {
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = i < kPeriod ? static_cast<std::byte>(random() >> 8) : bytes_[i - kPeriod];
    }
  }

  /// At most `count` bytes from `offset` on.
  std::span<const std::byte> at(std::uint64_t offset, std::uint64_t count) const {
    return std::span(bytes_).subspan(offset % kPeriod, std::min<std::uint64_t>(count, kLongest));
  }

  static constexpr std::size_t kPeriod = 65'521;
  static constexpr std::size_t kLongest = std::size_t{64} << 10;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace example
