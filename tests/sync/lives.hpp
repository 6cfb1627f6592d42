// Values that count their lives, on any thread.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace eddy::test {

/// How many values were made, how many have ended, and what went wrong.
struct Lives {
  std::atomic<long> made{0};
  std::atomic<long> ended{0};
  std::atomic<long> objects{0};  ///< with those that were moved from
  std::atomic<long> broken{0};   ///< destroyed twice, or never made

  long alive() const { return made - ended; }
  /// EXPECT_TRUE(lives.all_ended_once()): a failure prints the counts.
  testing::AssertionResult all_ended_once() const {
    if (made == ended && objects == 0 && broken == 0) return testing::AssertionSuccess();
    return testing::AssertionFailure() << made << " made, " << ended << " ended, " << objects
                                       << " objects left, " << broken << " broken";
  }
};

/// A number that is moved, and not copied.
class Value {
 public:
  Value(int number, Lives& lives) noexcept : lives_(&lives), number_(number) {
    ++lives_->made;
    ++lives_->objects;
  }
  Value(Value&& other) noexcept
      : lives_(other.lives_), number_(other.number_), owns_(std::exchange(other.owns_, false)) {
    ++lives_->objects;
  }
  Value& operator=(Value&& other) noexcept {
    if (this != &other) {
      if (owns_) ++lives_->ended;
      lives_ = other.lives_;
      number_ = other.number_;
      owns_ = std::exchange(other.owns_, false);
    }
    return *this;
  }
  ~Value() {
    if (mark_ != kAlive) {
      ++lives_->broken;
      return;
    }
    mark_ = 0;
    --lives_->objects;
    if (owns_) ++lives_->ended;
  }

  int number() const noexcept { return number_; }
  bool owns() const noexcept { return owns_; }

 private:
  static constexpr std::uint32_t kAlive = 0xa11fe;

  Lives* lives_;
  int number_;
  bool owns_ = true;  ///< false once it was moved from
  volatile std::uint32_t mark_ = kAlive;
};

}  // namespace eddy::test
