// SPDX-License-Identifier: MIT

#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/waker.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace eddy {
namespace {

using test::Guard;
using test::run;
using test::Tally;

/// The most stack that was in use, measured from the place of the first call.
class StackWatch {
 public:
  void look() {
    // The frame's own address: under AddressSanitizer locals may live elsewhere.
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest_ = std::min(lowest_, here);
    highest_ = std::max(highest_, here);
  }
  std::uintptr_t depth() const { return highest_ - lowest_; }

 private:
  std::uintptr_t lowest_ = UINTPTR_MAX;
  std::uintptr_t highest_ = 0;
};

constexpr std::uintptr_t kConstant = 16 << 10;

Task<int> one() { co_return 1; }

Task<int> one_that_looks(StackWatch& stack) {
  stack.look();
  co_return 1;
}

TEST(TaskDepth, AMillionAwaitsThatEndAtOnceRunInConstantStack) {
  constexpr long kAwaits = 1'000'000;
  StackWatch stack;
  long sum = 0;
  run([&]() -> Task<> {
    for (long i = 0; i < kAwaits; ++i) {
      sum += (i & 0xffff) == 0 ? co_await one_that_looks(stack) : co_await one();
    }
  });
  EXPECT_EQ(sum, kAwaits);
  EXPECT_LT(stack.depth(), kConstant);
}

TEST(TaskDepth, ManyAwaitsThatEndAfterAWaitRunInConstantStack) {
  StackWatch stack;
  auto wait = [&]() -> Task<> {
    co_await yield_now();
    stack.look();
  };
  run([&]() -> Task<> {
    for (int i = 0; i < 200'000; ++i) co_await wait();
  });
  EXPECT_LT(stack.depth(), kConstant);
}

TEST(TaskDepth, AMillionOkAwaitsRunInConstantStack) {
  StackWatch stack;
  auto child = [&](int i) -> Task<Result<int>> {
    if (i % 1024 == 0) stack.look();
    if (i % 4096 == 0) co_await yield_now();
    co_return 1;
  };
  long sum = 0;
  auto loop = [&]() -> Task<Result<>> {
    for (int i = 0; i < 1'000'000; ++i) sum += co_await ok(child(i));
    co_return {};
  };
  EXPECT_TRUE(block_on(loop()).has_value());
  EXPECT_EQ(sum, 1'000'000);
  EXPECT_LT(stack.depth(), kConstant);
}

TEST(TaskDepth, ManyWhenAnysThatEndAtOnceRunInConstantStack) {
  StackWatch stack;
  run([&]() -> Task<> {
    for (int i = 0; i < 200'000; ++i) {
      co_await when_any(one_that_looks(stack), yield_now());
    }
  });
  EXPECT_LT(stack.depth(), kConstant);
}

Task<int> nest(int depth, bool wait, Guard) {
  if (depth == 0) {
    if (wait) co_await yield_now();
    co_return 0;
  }
  Tally unused;
  co_return 1 + co_await nest(depth - 1, wait, Guard(unused));
}

constexpr int kDeep = 2000;

TEST(TaskDepth, TasksNestDeeply) {
  Tally tally;
  run([&]() -> Task<> {
    EXPECT_EQ(co_await nest(kDeep, false, Guard(tally)), kDeep);
    EXPECT_EQ(co_await nest(kDeep, true, Guard(tally)), kDeep);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

Task<> nest_for_ever(int depth, Tally& tally) {
  const Guard guard(tally);
  if (depth == 0) {
    co_await suspend();
  } else {
    co_await nest_for_ever(depth - 1, tally);
  }
}

TEST(TaskDepth, AChainOfDeeplyNestedFramesIsDestroyedWhole) {
  Tally tally;
  run([&]() -> Task<> {
    // On a slow machine some children are put off, to let other tasks run.
    const auto until_all_wait = [&]() -> Task<> {
      while (tally.made <= kDeep) co_await yield_now();
    };
    co_await when_any(nest_for_ever(kDeep, tally), until_all_wait());
    EXPECT_EQ(tally.gone, kDeep + 1);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

Task<Result<int>> nest_error(int depth, bool wait, Tally& tally) {
  const Guard guard(tally);
  if (depth == 0) {
    if (wait) co_await yield_now();
    co_return failure(std::errc::timed_out);
  }
  co_return 1 + co_await ok(nest_error(depth - 1, wait, tally));
}

TEST(TaskDepth, AnErrorEndsADeepChainOfOkAwaits) {
  Tally tally;
  for (const bool wait : {false, true}) {
    const Result<int> result = block_on(nest_error(kDeep, wait, tally));
    EXPECT_EQ(result.error(), std::errc::timed_out);
  }
  EXPECT_EQ(tally.made, 2 * (kDeep + 1));
  EXPECT_TRUE(tally.all_gone_once());
}

}  // namespace
}  // namespace eddy
