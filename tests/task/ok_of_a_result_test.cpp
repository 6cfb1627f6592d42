// `ok` of a `Result`, not of a task or an operation.
// SPDX-License-Identifier: MIT
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/task.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace eddy {
namespace {

using test::failed_with;

Result<std::unique_ptr<int>> number(int value) {
  if (value < 0) return failure(std::errc::argument_out_of_domain);
  return std::make_unique<int>(value);
}

Task<Result<int>> twice(int value) {
  const std::unique_ptr<int> got = co_await ok(number(value));
  co_return 2 * *got;
}

TEST(OkOfAResult, GivesItsValue) { EXPECT_EQ(block_on(twice(2)), Result<int>(4)); }

TEST(OkOfAResult, ReturnsItsError) {
  EXPECT_TRUE(failed_with(block_on(twice(-1)), std::errc::argument_out_of_domain));
}

TEST(OkOfAResult, ReturnsItsErrorToAParentThatGoesOn) {
  block_on([]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await twice(-1), std::errc::argument_out_of_domain));
    EXPECT_EQ(co_await twice(1), Result<int>(2));
  });
}

TEST(OkOfAResult, PassesAnErrorOnThroughEveryTask) {
  const auto outer = [](int value) -> Task<Result<std::string>> {
    co_return std::to_string(co_await ok(twice(value)));
  };
  EXPECT_TRUE(failed_with(block_on(outer, -1), std::errc::argument_out_of_domain));
  EXPECT_EQ(block_on(outer, 1), Result<std::string>("2"));
}

TEST(OkOfAResult, GivesAReferenceToTheValueOfAVariable) {
  block_on([]() -> Task<Result<>> {
    Result<std::unique_ptr<int>> result = number(1);
    std::unique_ptr<int>& value = co_await ok(result);
    EXPECT_EQ(&value, &*result);
    const Result<std::string> text("text");
    const std::string& same = co_await ok(text);
    EXPECT_EQ(&same, &*text);
    EXPECT_EQ(*co_await ok(std::move(result)), 1);
    co_return {};
  }).value();
}

TEST(OkOfAResult, DestroysTheLocalsOfATaskThatItEnds) {
  const auto alive = std::make_shared<int>(1);
  const auto refuse = [](std::shared_ptr<int> kept) -> Task<Result<>> {
    const std::shared_ptr<int> local = kept;
    co_await ok(Result<>(failure(std::errc::io_error)));
    ADD_FAILURE() << "it went on";
    co_return {};
  };
  EXPECT_TRUE(failed_with(block_on(refuse, alive), std::errc::io_error));
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(OkOfAResult, ThrowsInATaskThatReturnsNoResult) {
  const auto open = [](int value) -> Task<int> { co_return *co_await ok(number(value)); };
  EXPECT_EQ(block_on(open, 1), 1);
  EXPECT_THROW((void)block_on(open, -1), std::system_error);
}

}  // namespace
}  // namespace eddy
