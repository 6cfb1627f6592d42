// A time limit to a task that returns a reference.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/waker.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace eddy {
namespace {

Task<int&> refer_to(int& number) {
  co_await yield_now();
  co_return number;
}

TEST(TimedReference, ATaskWithATimeLimitGivesAReference) {
  int number = 1;
  block_on([&]() -> Task<> {
    const auto timed = co_await timeout(std::chrono::hours(1), refer_to(number));
    EXPECT_EQ(&timed.value().get(), &number);
  });
}

}  // namespace
}  // namespace eddy
