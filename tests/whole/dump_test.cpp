// SPDX-License-Identifier: MIT

#include "eddy/worker/dump.hpp"

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

using Lines = std::vector<std::string>;

Lines dump() {
  Lines lines;
  dump_each_task([&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

/// Removes the function names after the places.
std::string places_only(std::string line) {
  for (std::size_t at = 0; (at = line.find(" (", at)) != std::string::npos;) {
    if (line.compare(at, 9, " (source ") == 0) {
      ++at;
    } else {
      line.erase(at, line.find(')', at) + 1 - at);
    }
  }
  return line;
}

/// "dump_test.cpp:N", where N is the caller's line plus `offset`.
std::string line_at(int offset, std::source_location here = std::source_location::current()) {
  return "dump_test.cpp:" + std::to_string(static_cast<int>(here.line()) + offset);
}

Task<> suspend_in_vain() { co_await suspend(); }

testing::AssertionResult contains(const std::string& line, std::string_view part) {
  if (line.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in \"" << line << '"';
}

TEST(Dump, OfAThreadWithoutTasksIsEmpty) {
  EXPECT_TRUE(dump().empty());
  std::thread([] { EXPECT_TRUE(dump().empty()); }).join();
}

TEST(Dump, ShowsWhereATaskWasSpawnedAndWhereItWaitsForWhatAndHowLong) {
  run([]() -> Task<> {
    const std::string waits_at = line_at(1);
    auto sleeper = []() -> Task<> { co_await sleep_for(1h); };
    const std::string spawned_at = line_at(1);
    const JoinHandle<void> handle = spawn(sleeper);
    co_await yield_now();
    co_await sleep_for(3ms);
    const Lines lines = dump();
    EXPECT_EQ(lines.size(), 2U);
    if (lines.size() != 2) co_return;
    EXPECT_TRUE(contains(lines[0], " runs"));
    EXPECT_TRUE(contains(lines[1], "task 0x"));
    EXPECT_TRUE(contains(lines[1], "spawned at " + spawned_at));
    EXPECT_TRUE(contains(places_only(lines[1]), "waits at " + waits_at + " for a timer since 0."));
    EXPECT_FALSE(contains(lines[1], "since 0.000 s"));
    EXPECT_FALSE(contains(lines[1], "since 0.001 s"));
  });
}

TEST(Dump, ABranchThatOnlyYieldsWaitsSinceThisTurn) {
  run([]() -> Task<> {
    Lines lines;
    const auto look = [&]() -> Task<> {
      lines = dump();
      co_return;
    };
    spawn(look).detach();
    co_await when_all(yield_now(), sleep_for(1ms));
    EXPECT_EQ(lines.size(), 4U);
    if (lines.size() != 4) co_return;
    EXPECT_TRUE(contains(lines[1], " for its turn since 0."));
  });
}

TEST(Dump, ShowsTheTasksWhoseBranchesAreJustStarting) {
  run([]() -> Task<> {
    Lines lines;
    const auto look = [&]() -> Task<> {
      lines = dump();
      co_return;
    };
    const auto middle = [&]() -> Task<> { co_await when_all(look(), suspend_in_vain()); };
    const JoinHandle<void> waiting = spawn(suspend_in_vain);
    co_await yield_now();
    (void)co_await timeout(1ms, middle());
    EXPECT_EQ(lines.size(), 4U);
    if (lines.size() != 4) co_return;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(contains(lines[static_cast<std::size_t>(i)], " runs"));
    EXPECT_TRUE(contains(lines[0], "branch"));
    EXPECT_TRUE(contains(lines[1], "branch"));
    EXPECT_FALSE(contains(lines[2], "branch"));
    EXPECT_TRUE(contains(lines[3], " for a waker "));
  });
}

TEST(Dump, ShowsTheChainOfAwaitsInnermostFirst) {
  run([]() -> Task<> {
    const std::string inner_at = line_at(1);
    auto inner = []() -> Task<> { co_await suspend(); };
    const std::string middle_at = line_at(2);
    auto middle = [&]() -> Task<Result<>> {
      co_await inner();
      co_return {};
    };
    const std::string outer_at = line_at(1);
    auto outer = [&]() -> Task<> { co_await ok(middle()); };
    const JoinHandle<void> handle = spawn(outer);
    co_await yield_now();
    const Lines lines = dump();
    EXPECT_EQ(lines.size(), 2U);
    EXPECT_TRUE(contains(places_only(lines.back()), "waits at " + inner_at + " < " + middle_at +
                                                        " < " + outer_at + " for a waker since "));
  });
}

TEST(Dump, ShowsATaskThatHasNotStarted) {
  run([]() -> Task<> {
    const JoinHandle<void> handle = spawn([]() -> Task<> { co_return; });
    EXPECT_TRUE(contains(dump().back(), "has not started"));
    co_return;
  });
}

TEST(Dump, ShowsTheDescriptorThatATaskWaitsFor) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 1> byte{};
    auto reader = [&]() -> Task<> { static_cast<void>(co_await stream.read(byte)); };
    JoinHandle<void> handle = spawn(reader);
    co_await yield_now();
    EXPECT_TRUE(contains(dump().back(), " for read (source " + std::to_string(stream.raw()) + ")"));
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
  });
}

TEST(Dump, ShowsTheOperationOfTheOtherKinds) {
  run([]() -> Task<> {
    auto never = []() -> Task<> { co_await suspend(); };
    JoinHandle<void> joined = spawn(never);
    auto join = [&]() -> Task<> { static_cast<void>(co_await joined); };
    auto limit = [&]() -> Task<> { static_cast<void>(co_await timeout(1h, never())); };
    auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(never);
      co_await group.idle();
    };
    auto group = [&]() -> Task<> { co_await with_group(body); };
    const JoinHandle<void> first = spawn(join);
    const JoinHandle<void> second = spawn(limit);
    const JoinHandle<void> third = spawn(group);
    co_await yield_now();
    co_await yield_now();
    std::string all;
    for (const std::string& line : dump()) all += line + "\n";
    for (const char* what : {"for a join", "for a task with a time limit", "for a task group",
                             "for an idle group", "for a waker"}) {
      EXPECT_TRUE(contains(all, what));
    }
  });
}

TEST(Dump, NamesTheTaskOfABranch) {
  run([]() -> Task<> {
    auto selecting = []() -> Task<> { co_await when_any(sleep_for(2h), sleep_for(1h)); };
    const JoinHandle<void> first = spawn(selecting);
    const JoinHandle<void> second = spawn(selecting);
    co_await yield_now();
    const Lines lines = dump();
    EXPECT_EQ(lines.size(), 7U);
    int branches = 0;
    for (const std::string& task : lines) {
      if (!contains(task, "for the first of several")) continue;
      const std::string name = task.substr(0, task.find(' ', 5));
      int of_this = 0;
      for (const std::string& branch : lines) {
        of_this += contains(branch, " branch of " + name + " ") ? 1 : 0;
      }
      EXPECT_EQ(of_this, 2) << task;
      branches += of_this;
    }
    EXPECT_EQ(branches, 4);
  });
}

TEST(Dump, OfATaskWhoseSourceIsGoneDoesNotTouchTheSource) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    auto stream = std::make_unique<TcpStream>(std::move(sockets.server));
    auto reader = [&]() -> Task<> {
      std::array<std::byte, 1> byte{};
      const Result<std::size_t> count = co_await stream->read(byte);
      EXPECT_FALSE(count.has_value());
    };
    JoinHandle<void> handle = spawn(reader);
    co_await yield_now();
    stream.reset();
    EXPECT_TRUE(contains(dump().back(), " for what is gone"));
    EXPECT_TRUE((co_await handle).has_value());
  });
}

TEST(Dump, OfACompleteOperationDoesNotTouchItsSource) {
  run([]() -> Task<> {
    auto stream = std::make_unique<TcpStream>(Fd());
    auto reader = [&]() -> Task<Result<>> {
      std::array<std::byte, 1> byte{};
      for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(0s);
      co_await ok(stream->read(byte));  // fails; then the task yields
      co_return {};
    };
    JoinHandle<Result<>> handle = spawn(reader);
    co_await yield_now();
    stream.reset();
    EXPECT_TRUE(contains(dump().front(), " runs"));
    EXPECT_TRUE(contains(dump().back(), " for its turn"));
    const JoinResult<Result<>> joined = co_await handle;
    EXPECT_TRUE(joined && test::failed_with(*joined, std::errc::operation_canceled));
  });
}

TEST(Dump, ShowsATaskThatWakesItselfAsRunning) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    waker.wake();
    EXPECT_TRUE(contains(dump().front(), " runs"));
    co_await suspend();
  });
}

TEST(Dump, DumpTasksToStderrPrintsTheRunningTask) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    dump_tasks_to_stderr();
    co_return;
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(said, "eddy: task 0x"));
}

}  // namespace
}  // namespace eddy
