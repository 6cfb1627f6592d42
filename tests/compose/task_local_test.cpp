// SPDX-License-Identifier: MIT

#include "eddy/compose/task_local.hpp"

#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/dump.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

constinit TaskLocal<int> number;
constinit TaskLocal<std::string> request("request");

/// The value that the calling code finds; -1 for none.
int found() { return number.get() != nullptr ? *number.get() : -1; }

Task<int> find_at_once() { co_return found(); }
Task<int> find_later() {
  co_await yield_now();
  co_return found();
}
Task<int> find_in_child() { co_return co_await find_later(); }

/// Notes in its destructor what that finds.
class NoteAtEnd {
 public:
  explicit NoteAtEnd(int& noted) noexcept : noted_(&noted) {}
  NoteAtEnd(const NoteAtEnd&) = delete;
  NoteAtEnd& operator=(const NoteAtEnd&) = delete;
  ~NoteAtEnd() { *noted_ = found(); }

 private:
  int* noted_;
};
Task<> note_at_end(int* noted) {
  const NoteAtEnd note(*noted);
  co_await suspend();
}

TEST(TaskLocal, IsFoundInTheScopeAndNowhereElse) {
  EXPECT_EQ(number.get(), nullptr) << "without a task";
  run([]() -> Task<> {
    EXPECT_EQ(number.get(), nullptr);
    EXPECT_EQ(co_await number.scope(1, find_at_once), 1);
    EXPECT_EQ(co_await number.scope(2, find_later), 2);
    EXPECT_EQ(co_await number.scope(3, find_in_child), 3);
    EXPECT_EQ(number.get(), nullptr);
  });
  EXPECT_EQ(number.get(), nullptr);
}

TEST(TaskLocal, OfAnInnerScopeHidesTheOuterOne) {
  run([]() -> Task<> {
    auto inner = []() -> Task<> {
      EXPECT_EQ(found(), 1);
      EXPECT_EQ(co_await number.scope(2, find_later), 2);
      EXPECT_EQ(found(), 1);
    };
    co_await number.scope(1, inner);
  });
}

TEST(TaskLocal, IsFoundInBranchesFromTheirFirstRunOn) {
  int noted = 0;
  run([&]() -> Task<> {
    auto body = [&]() -> Task<> {
      const auto [first, second] = co_await when_all(find_at_once(), find_later());
      EXPECT_EQ(first, 7);
      EXPECT_EQ(second, 7);
      const auto any = co_await when_any(note_at_end(&noted), find_in_child());
      EXPECT_EQ(std::get<1>(any), 7);
      EXPECT_EQ(noted, 7);
      const Result<int> timed = co_await timeout(1h, find_later());
      EXPECT_EQ(timed.value_or(0), 7);
    };
    co_await number.scope(7, body);
  });
}

TEST(TaskLocal, IsFoundInTheTasksOfAGroupInTheScope) {
  std::vector<int> seen;
  run([&]() -> Task<> {
    auto note = [&]() -> Task<> {
      seen.push_back(found());
      co_await yield_now();
      seen.push_back(found());
    };
    auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(note);
      // A scope in the body is not around the tasks that are spawned in it.
      auto spawn_one = [&]() -> Task<> {
        group.spawn(note);
        co_return;
      };
      co_await number.scope(9, spawn_one);
    };
    auto all = [&]() -> Task<> { co_await with_group(body); };
    co_await number.scope(4, all);
  });
  EXPECT_EQ(seen, (std::vector<int>{4, 4, 4, 4}));
}

TEST(TaskLocal, IsNotInheritedByASpawnedTaskUnlessItIsBound) {
  run([]() -> Task<> {
    std::optional<JoinHandle<int>> bound;
    auto body = [&]() -> Task<> {
      auto plain = spawn(find_later);
      EXPECT_EQ((co_await plain).value_or(0), -1);
      const int shielded = co_await shield(find_later());
      EXPECT_EQ(shielded, -1) << "it may outlive the scope";
      bound.emplace(spawn(number.bind(find_later)));
    };
    co_await number.scope(5, body);
    EXPECT_EQ((co_await *bound).value_or(0), 5) << "after the scope has ended";
    auto unbound = spawn(number.bind(find_later));
    EXPECT_EQ((co_await unbound).value_or(0), -1) << "bound where there was no value";
  });
}

TEST(TaskLocal, BindPassesArgumentsAndResults) {
  run([]() -> Task<> {
    auto add = [](std::unique_ptr<int> to, const std::string& text) -> Task<Result<int>> {
      co_await yield_now();
      co_return *to + static_cast<int>(text.size()) + found();
    };
    auto body = [&]() -> Task<> {
      auto handle = spawn(number.bind(add), std::make_unique<int>(1), std::string("ab"));
      const auto joined = co_await handle;
      EXPECT_EQ(joined.value().value_or(0), 103);
    };
    co_await number.scope(100, body);
  });
}

struct Request {
  explicit Request(std::string name) : id(std::move(name)) {}

  std::string id;
};

Task<std::string> id_of(Request moved) {
  co_await yield_now();
  EXPECT_EQ(moved.id, "a long enough name of a request");
  co_return request.get() != nullptr ? *request.get() : "";
}

TEST(TaskLocal, ScopeCopiesAPartOfAnArgumentBeforeItIsMoved) {
  run([]() -> Task<> {
    Request made("a long enough name of a request");
    const std::string seen = co_await request.scope(made.id, id_of, std::move(made));
    EXPECT_EQ(seen, "a long enough name of a request");
  });
}

struct Entry {
  std::string text;
};

Task<std::string> text_of(Entry entry) { co_return entry.text + std::to_string(found()); }

TEST(TaskLocal, BindsLambdasWithCapturesAndPassesAggregates) {
  run([]() -> Task<> {
    const auto in_scope = []() -> Task<std::string> {
      const auto shared = std::make_shared<int>(7);
      const auto body = [shared]() -> Task<int> { co_return *shared + found(); };
      JoinHandle<int> first = spawn(number.bind(body));
      const Entry entry{"entry of a length that needs memory "};
      JoinHandle<std::string> second = spawn(number.bind(text_of), entry);
      const int sum = (co_await first).value_or(0);
      EXPECT_EQ(shared.use_count(), 2) << "of shared and body";
      co_return (co_await second).value_or("") + std::to_string(sum);
    };
    EXPECT_EQ(co_await number.scope(3, in_scope), "entry of a length that needs memory 310");
  });
}

TEST(TaskLocal, WhatIsBoundMayBeCalledAgain) {
  run([]() -> Task<> {
    const auto bind_in_scope = []() -> Task<std::string> {
      const auto twice = [](auto bound) -> Task<std::string> {
        std::string both = co_await bound();
        both += co_await bound();
        co_return both;
      };
      const auto body = []() -> Task<std::string> { co_return *request.get(); };
      co_return co_await twice(request.bind(body));
    };
    const std::string id = "an id of a length that needs memory ";
    EXPECT_EQ(co_await request.scope(id, bind_in_scope), id + id);
  });
}

TEST(TaskLocal, TwoOfAnEmptyTypeAreDistinct) {
  struct Empty {};
  static constinit TaskLocal<Empty> one;
  static constinit TaskLocal<Empty> other;
  run([]() -> Task<> {
    auto body = []() -> Task<> {
      EXPECT_NE(one.get(), nullptr);
      EXPECT_EQ(other.get(), nullptr);
      co_return;
    };
    co_await one.scope(Empty(), body);
  });
}

TEST(TaskLocal, KeepsItsPlaceAndMayBeChanged) {
  static constinit TaskLocal<std::unique_ptr<int>> owned;
  run([]() -> Task<> {
    auto set = []() -> Task<> {
      co_await yield_now();
      **owned.get() = 8;
    };
    auto body = [&]() -> Task<> {
      std::unique_ptr<int>* const place = owned.get();
      co_await when_all(set(), set());
      EXPECT_EQ(owned.get(), place);
      EXPECT_EQ(**place, 8);
    };
    co_await owned.scope(std::make_unique<int>(1), body);
  });
}

TEST(TaskLocal, ScopeGivesWhatItsTaskGivesAndThrowsWhatItThrows) {
  run([]() -> Task<Result<>> {
    auto fail = [](bool wait) -> Task<Result<int>> {
      if (wait) co_await yield_now();
      co_return failure(Error::closed);
    };
    for (const bool wait : {false, true}) {
      const Result<int> failed = co_await number.scope(1, fail, wait);
      EXPECT_TRUE(test::failed_with(failed, Error::closed));
    }
    auto fail_with = []() -> Task<> {
      co_await yield_now();
      throw std::runtime_error("on purpose");
    };
    bool caught = false;
    try {
      co_await number.scope(1, fail_with);
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    static int kept = 3;
    auto refer = []() -> Task<int&> { co_return kept; };
    EXPECT_EQ(&(co_await number.scope(1, refer)), &kept);
    co_return {};
  }).value();
}

TEST(TaskLocal, ScopeWithATimeLimitIsCancelledAndDestroysItsValue) {
  static constinit TaskLocal<std::shared_ptr<int>> shared;
  const auto value = std::make_shared<int>(1);
  run([&]() -> Task<> {
    auto for_ever = []() -> Task<> { co_await suspend(); };
    EXPECT_FALSE((co_await timeout(1ms, shared.scope(value, for_ever))).has_value());
    EXPECT_EQ(value.use_count(), 1);
    auto quick = []() -> Task<int> { co_return *shared.get() != nullptr ? 4 : 0; };
    EXPECT_EQ((co_await timeout(1h, shared.scope(value, quick))).value_or(0), 4);
    co_await when_any(shared.scope(value, for_ever), yield_now());
    {
      const auto never_awaited = shared.scope(value, for_ever);
    }
    EXPECT_EQ(value.use_count(), 1);
  });
}

TEST(TaskLocal, IsFoundByTheDestructorsOfACancelledTask) {
  int in_branch = 0;
  int in_member = 0;
  int in_aborted = 0;
  run([&]() -> Task<> {
    auto body = [&](TaskGroup& group) -> Task<> {
      auto inner = [&]() -> Task<> {
        co_await when_all(note_at_end(&in_branch), note_at_end(&in_branch));
      };
      group.spawn(note_at_end, &in_member);
      co_await number.scope(2, inner);
    };
    auto all = [&]() -> Task<> { co_await with_group(body); };
    EXPECT_FALSE((co_await timeout(1ms, number.scope(1, all))).has_value());

    auto cancels = [&](TaskGroup& group) -> Task<> {
      group.spawn(note_at_end, &in_aborted);
      co_await yield_now();
      group.cancel();
    };
    auto outer = [&]() -> Task<> { co_await with_group(cancels); };
    co_await number.scope(3, outer);
  });
  EXPECT_EQ(in_branch, 2);
  EXPECT_EQ(in_member, 1);
  EXPECT_EQ(in_aborted, 3);
}

TEST(TaskLocal, IsShownInTheDumpIfItHasAName) {
  static constinit TaskLocal<int> retries("retries",
                                          [](const int& n) { return "x" + std::to_string(n); });
  std::vector<std::string> lines;
  std::string json;
  run([&]() -> Task<> {
    auto wait = []() -> Task<> { co_await suspend(); };
    auto inner = [&]() -> Task<> {
      co_await when_any(request.scope("b\n", wait), retries.scope(3, wait), number.scope(1, wait));
    };
    auto outer = [&]() -> Task<> { co_await request.scope("a", inner); };
    const auto handle = spawn(outer);
    co_await yield_now();
    dump_each_task([&](std::string_view line) { lines.emplace_back(line); });
    dump_tasks_as_json([&](std::string_view line) { json += line; });
  });
  const auto count = [&](std::string_view part) {
    int n = 0;
    for (const std::string& line : lines) n += line.contains(part) ? 1 : 0;
    return n;
  };
  EXPECT_EQ(count(" request=b? branch of task"), 1);
  EXPECT_EQ(count(" retries=x3 request=a branch of task"), 1);
  EXPECT_EQ(count(" request=a branch of task"), 6)
      << "the inner task, the branches, and two in them";
  EXPECT_EQ(count("="), 7);
  EXPECT_TRUE(json.contains(R"("locals":{"retries":"x3","request":"a"})")) << json;
  EXPECT_TRUE(json.contains(R"("locals":{})")) << json;
}

}  // namespace
}  // namespace eddy
