// Expectations about results, also those of the kernel seam.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <system_error>

namespace eddy::test {

/// EXPECT_TRUE(succeeded(result)): a failure prints the error.
template <class R>
testing::AssertionResult succeeded(const R& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error() << ": " << result.error().message();
}

/// EXPECT_TRUE(failed_with(result, std::errc::file_exists)).
template <class R, class Code>
testing::AssertionResult failed_with(const R& result, Code code) {
  if (result) return testing::AssertionFailure() << "it succeeded";
  if (result.error() == code) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error() << ": " << result.error().message();
}

}  // namespace eddy::test
