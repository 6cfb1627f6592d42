// `block_on` of functions and operations.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/dump.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

namespace eddy {
namespace {

Task<int> add(int a, const int& b) {
  co_await yield_now();
  co_return a + b;
}

Task<> append(std::string& text, std::string_view more) {
  co_await yield_now();
  text += more;
}

TEST(BlockOnCallable, RunsAFunctionWithItsArguments) {
  EXPECT_EQ(block_on(add, 1, 2), 3);
  std::string text;
  block_on(append, std::ref(text), "more");
  EXPECT_EQ(text, "more");
}

TEST(BlockOnCallable, KeepsTheClosureOfALambdaWhileItRuns) {
  const auto length = [text = std::make_unique<std::string>("text")]() -> Task<std::size_t> {
    co_await yield_now();
    co_return text->size();
  };
  EXPECT_EQ(block_on(std::ref(length)), 4U);
  EXPECT_EQ(block_on([text = std::make_unique<std::string>("text")]() -> Task<std::size_t> {
              co_await yield_now();
              co_return text->size();
            }),
            4U);
}

TEST(BlockOnCallable, TakesFiveArguments) {
  const auto sum = [](int a, int b, int c, int d, int e) -> Task<int> {
    co_return a + b + c + d + e;
  };
  EXPECT_EQ(block_on(sum, 1, 2, 3, 4, 5), 15);
}

TEST(BlockOnCallable, RunsAnOperation) {
  block_on(yield_now());
  EXPECT_EQ(block_on(when_any(add(1, 2), add(3, 4))).index(), 0U);
}

TEST(BlockOnCallable, JoinsATask) {
  JoinHandle<int> handle = spawn(add, 1, 2);
  EXPECT_EQ(block_on(handle).value(), 3);
  EXPECT_EQ(block_on(spawn(add, 3, 4)).value(), 7);
}

TEST(BlockOnCallable, RemembersThePlaceOfTheCall) {
  std::string dumped;
  const auto dump = [&](int) -> Task<> {
    dump_tasks([&](std::string_view line) { dumped += line; });
    co_return;
  };
  block_on(dump, 1);
  EXPECT_NE(dumped.find("block_on_callable_test.cpp"), std::string::npos) << dumped;
}

TEST(BlockOnCallable, AJoinHandleWithoutATypeIsForATaskWithoutAValue) {
  std::string text;
  JoinHandle<> handle = spawn(append, std::ref(text), "more");
  EXPECT_TRUE(block_on(handle).has_value());
  EXPECT_EQ(text, "more");
}

TEST(BlockOnCallable, AtAPlaceItTakesAnyNumberOfArguments) {
  auto sum = [](int a, int b, int c, int d, int e, int f) -> Task<int> {
    co_return a + b + c + d + e + f;
  };
  EXPECT_EQ(block_on_at(std::source_location::current(), sum, 1, 2, 3, 4, 5, 6), 21);
}

}  // namespace
}  // namespace eddy
