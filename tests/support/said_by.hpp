// What code writes to standard error.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace eddy::test {

/// What `f()` writes to standard error.
template <class F>
std::string said_by(F f) {
  testing::internal::CaptureStderr();
  f();
  return testing::internal::GetCapturedStderr();
}

}  // namespace eddy::test
