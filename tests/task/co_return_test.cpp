// `co_return` takes what `return` takes.
// SPDX-License-Identifier: MIT
#include "eddy/task/block_on.hpp"
#include "eddy/task/task.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <vector>

namespace eddy {
namespace {

using test::failed_with;

struct Pair {
  int first;
  std::string second;
};

TEST(CoReturn, TakesAValueInBraces) {
  const auto pair = []() -> Task<Pair> { co_return {1, "one"}; };
  EXPECT_EQ(block_on(pair()).second, "one");
  const auto numbers = []() -> Task<std::vector<int>> { co_return {5}; };
  EXPECT_EQ(block_on(numbers()), std::vector<int>{5});
}

TEST(CoReturn, ConvertsImplicitly) {
  const auto text = []() -> Task<std::string> { co_return "text"; };
  EXPECT_EQ(block_on(text()), "text");
  const auto result = []() -> Task<Result<std::string>> { co_return "text"; };
  EXPECT_EQ(block_on(result()), Result<std::string>("text"));
}

TEST(CoReturn, TakesEachKindOfErrorByFailure) {
  const auto fail = [](auto error) -> Task<Result<int>> { co_return failure(error); };
  EXPECT_TRUE(failed_with(block_on(fail(std::errc::io_error)), std::errc::io_error));
  EXPECT_TRUE(failed_with(block_on(fail(Error::end_of_stream)), Error::end_of_stream));
  const auto code = std::make_error_code(std::errc::io_error);
  EXPECT_TRUE(failed_with(block_on(fail(code)), code));
}

}  // namespace
}  // namespace eddy
