// Tasks that return references, in every place that takes a task.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

struct Base {};
struct Derived : Base {};

Task<int&> refer_to(int& number) {
  co_await yield_now();
  co_return number;
}

Task<> never() { co_await suspend(); }

TEST(ReferenceResult, ASpawnedTaskGivesAReference) {
  int number = 1;
  block_on([&]() -> Task<> {
    auto handle = spawn(refer_to, std::ref(number));
    const JoinResult<int&> joined = co_await handle;
    EXPECT_EQ(&joined->get(), &number);
  });
}

TEST(ReferenceResult, AShieldedTaskGivesAReference) {
  int number = 1;
  EXPECT_EQ(&block_on(shield(refer_to(number))), &number);
}

TEST(ReferenceResult, WhenAnyGivesAReference) {
  int number = 1;
  block_on([&]() -> Task<> {
    const auto first = co_await when_any(refer_to(number), never());
    EXPECT_EQ(&std::get<0>(first).get(), &number);
  });
}

TEST(ReferenceResult, WhenAllGivesReferences) {
  int one = 1;
  int two = 2;
  block_on([&]() -> Task<> {
    const auto both = co_await when_all(refer_to(one), refer_to(two));
    EXPECT_EQ(&std::get<0>(both).get(), &one);
    EXPECT_EQ(&std::get<1>(both).get(), &two);
    std::vector<Task<int&>> tasks;
    tasks.push_back(refer_to(two));
    const auto all = co_await when_all(std::move(tasks));
    EXPECT_EQ(&all.at(0).get(), &two);
  });
}

TEST(ReferenceResult, AGroupGivesAReference) {
  int number = 1;
  const auto body = [&](TaskGroup& group) -> Task<int&> {
    group.spawn([&]() -> Task<> { number += co_await refer_to(number); });
    co_return number;
  };
  block_on([&]() -> Task<> { EXPECT_EQ(&co_await with_group(body), &number); });
  EXPECT_EQ(number, 2);
}

TEST(ReferenceResult, AReferenceToABaseOrAWrapperIsReturned) {
  Derived derived;
  block_on([&]() -> Task<> {
    const auto to_base = [&]() -> Task<const Base&> { co_return derived; };
    EXPECT_EQ(&co_await to_base(), &derived);
    const auto by_wrapper = [&]() -> Task<Derived&> { co_return std::ref(derived); };
    EXPECT_EQ(&co_await by_wrapper(), &derived);
  });
}

}  // namespace
}  // namespace eddy
