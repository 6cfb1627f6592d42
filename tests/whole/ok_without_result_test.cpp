// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <system_error>

namespace eddy {
namespace {

Task<Result<int>> refused() { co_return failure(std::errc::connection_refused); }

Task<> use_operation() {
  TcpStream closed{Fd()};
  std::array<std::byte, 1> buffer{};
  co_await ok(closed.write_all(buffer));
  ADD_FAILURE() << "went on without a value";
}

Task<int> use_child() { co_return co_await ok(refused()); }

TEST(Ok, ThrowsTheErrorOfAnOperationInATaskThatReturnsNothing) {
  try {
    block_on(use_operation());
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::operation_canceled);
  }
}

TEST(Ok, ThrowsTheErrorOfAChildInATaskThatReturnsAPlainValue) {
  try {
    (void)block_on(use_child());
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::connection_refused);
  }
}

}  // namespace
}  // namespace eddy
