// Skips tests that cannot pass on a system: tests/support/*/skips.cpp lists them.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string_view>

namespace eddy::test {

struct Skip {
  std::string_view suite;  ///< or how the names of several end
  std::string_view test;   ///< empty: all of the suite
  std::string_view why;
  bool (*holds)() = [] { return true; };
};

class Skipper : public testing::EmptyTestEventListener {
 public:
  explicit Skipper(std::span<const Skip> skips) : skips_(skips) {}

  void OnTestStart(const testing::TestInfo& test) override {
    for (const Skip& skip : skips_) {
      if (!std::string_view(test.test_suite_name()).ends_with(skip.suite)) continue;
      if (!skip.test.empty() && test.name() != skip.test) continue;
      if (skip.holds()) GTEST_SKIP() << skip.why;
    }
  }

 private:
  std::span<const Skip> skips_;
};

/// Make it a constant beside `main`. `skips` must live as long.
inline bool skip_those_of(std::span<const Skip> skips) {
  testing::UnitTest::GetInstance()->listeners().Append(new Skipper(skips));
  return true;
}

}  // namespace eddy::test
