// A result whose move throws: the exception comes out in place of the result.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

/// Thrown by the copy that is chosen to fail.
struct Refused {};

/// How many copies may still be made until one throws.
int copies_left = 0;
int alive = 0;

/// A move copies it, as it does a class with a const member.
class Legacy {
 public:
  explicit Legacy(int number) : number_(number) { ++alive; }
  Legacy(const Legacy& other) : number_(other.number_) {
    if (copies_left-- == 0) throw Refused();
    ++alive;
  }
  Legacy& operator=(const Legacy&) = delete;
  ~Legacy() { --alive; }

  int number() const { return number_; }

 private:
  const int number_;
};

Task<Legacy> make() {
  const Legacy made(7);
  co_return made;
}

Task<Legacy> make_later() {
  const Legacy made(7);
  co_await yield_now();
  co_return made;
}

/// Calls `f`, which gives a number, again and again: the k-th call lets the k-th copy throw. Then
/// `f` must throw `Refused`, and leave nothing alive. In the last call no copy throws.
template <class F>
void expect_each_copy_may_throw(F f) {
  int refused = 0;
  for (int allowed = 0; allowed < 100; ++allowed) {
    copies_left = allowed;
    alive = 0;
    try {
      EXPECT_EQ(f(), 7);
      EXPECT_EQ(alive, 0);
      EXPECT_GT(refused, 0);
      return;
    } catch (const Refused&) {
      ++refused;
    }
    EXPECT_EQ(alive, 0) << allowed;
  }
  ADD_FAILURE() << "it has thrown to the end";
}

TEST(ExceptionOfAMove, ComesOutOfBlockOn) {
  expect_each_copy_may_throw([] { return block_on(make()).number(); });
  expect_each_copy_may_throw([] { return block_on(make_later()).number(); });
}

TEST(ExceptionOfAMove, ComesOutOfAChild) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const Legacy child = co_await make();
      const Legacy later = co_await make_later();
      EXPECT_EQ(child.number(), later.number());
      co_return child.number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfAJoin) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      JoinHandle<Legacy> handle = spawn(make_later);
      const JoinResult<Legacy> joined = co_await handle;
      if (!joined) joined.error().rethrow();
      co_return joined->number();
    });
  });
}

TEST(ExceptionOfAMove, DoesNotComeOutOfAMoveOfTheHandle) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      JoinHandle<Legacy> handle = spawn(make);
      co_await yield_now();
      std::vector<JoinHandle<Legacy>> handles;
      handles.push_back(std::move(handle));
      for (int i = 0; i < 3; ++i) handles.push_back(spawn(make));  // moves the first, too
      const JoinResult<Legacy> joined = co_await handles.front();
      for (std::size_t i = 1; i < handles.size(); ++i) handles[i].abort();
      if (!joined) joined.error().rethrow();
      co_return joined->number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfAWhenAny) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const auto first = co_await when_any(sleep_for(1h), make_later());
      co_return std::get<1>(first).number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfAWhenAll) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const auto all = co_await when_all(make_later(), make());
      EXPECT_EQ(std::get<1>(all).number(), 7);
      co_return std::get<0>(all).number();
    });
  });
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      std::vector<Task<Legacy>> tasks;
      for (int i = 0; i < 3; ++i) tasks.push_back(make_later());
      const std::vector<Legacy> all = co_await when_all(std::move(tasks));
      co_return all[2].number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfATimeout) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const Result<Legacy> timed = co_await timeout(1h, make_later());
      co_return timed.value().number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfAGroup) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      auto body = [](TaskGroup&) { return make_later(); };
      const Legacy given = co_await with_group(body);
      co_return given.number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfAShield) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const Legacy given = co_await shield(make_later());
      co_return given.number();
    });
  });
}

TEST(ExceptionOfAMove, ComesOutOfOk) {
  expect_each_copy_may_throw([] {
    auto child = []() -> Task<Result<Legacy>> { co_return co_await timeout(1h, make_later()); };
    auto task = [&]() -> Task<Result<int>> {
      const Legacy timed = co_await ok(timeout(1h, make_later()));
      const Legacy given = co_await ok(child());
      EXPECT_EQ(timed.number(), given.number());
      co_return given.number();
    };
    return block_on(task()).value();
  });
}

TEST(ExceptionOfAMove, OfAClosureComesOutOfSpawnAndTheLike) {
  expect_each_copy_may_throw([] {
    return run([]() -> Task<int> {
      const Legacy kept(7);
      auto give = [kept]() -> Task<int> { co_return kept.number(); };
      auto body = [kept](TaskGroup&) -> Task<int> { co_return kept.number(); };
      const int grouped = co_await with_group(body);
      const Result<int> timed = co_await timeout(1h, with_group(body));
      EXPECT_EQ(timed.value(), grouped);
      JoinHandle<int> handle = spawn(give);
      co_return (co_await handle).value();
    });
  });
}

}  // namespace
}  // namespace eddy
