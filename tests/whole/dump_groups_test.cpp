// The dump as users read it: with functions and names, and one line for tasks that do the same.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/run.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace app {
namespace {

using namespace std::chrono_literals;

eddy::Task<> wait() { co_await eddy::suspend(); }

struct Server {
  eddy::Task<int> serve(int /*client*/, const std::string& /*name*/) const {
    co_await eddy::suspend();
    co_return 0;
  }
};

template <class T>
eddy::Task<> ask(std::vector<T> /*questions*/) {
  const Server server;
  static_cast<void>(co_await server.serve(7, "name"));
}

eddy::Task<> read_one(eddy::TcpStream stream) {
  std::array<std::byte, 1> byte{};
  static_cast<void>(co_await stream.read(byte));
}

}  // namespace
}  // namespace app

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

std::vector<std::string> dump() {
  std::vector<std::string> lines;
  dump_tasks([&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  return all;
}

testing::AssertionResult matches(const std::string& line, const char* pattern) {
  if (std::regex_match(line, std::regex(pattern))) return testing::AssertionSuccess();
  return testing::AssertionFailure() << '"' << line << "\" is not " << pattern;
}

TEST(DumpGroups, APlaceShowsItsFunctionWithoutTypes) {
  run([]() -> Task<> {
    const auto lambda = [](double number) -> Task<> {
      static_cast<void>(number);
      co_await app::ask(std::vector<std::string>());
    };
    const JoinHandle<void> handle = spawn(lambda, 3.0);
    co_await yield_now();
    EXPECT_TRUE(matches(
        dump().back(), R"(task 0x\w+ spawned at dump_groups_test\.cpp:\d+ \(.*TestBody::<lambda>\))"
                       R"( waits at dump_groups_test\.cpp:\d+ \(app::Server::serve\))"
                       R"( < dump_groups_test\.cpp:\d+ \(app::ask\))"
                       R"( < dump_groups_test\.cpp:\d+ \(.*TestBody::<lambda>::<lambda>\))"
                       R"( for a waker since \d+\.\d{3} s)"));
  });
}

TEST(DumpGroups, PlacesInTheLibraryAreLeftOut) {
  run([]() -> Task<> {
    int captured = 0;
    const auto closure = [&captured]() -> Task<> {
      ++captured;
      co_await when_any(sleep_for(1h), timeout(1h, app::wait()));
    };
    const JoinHandle<void> handle = spawn(closure);
    const JoinHandle<int> member = spawn(&app::Server::serve, app::Server(), 1, "name");
    co_await yield_now();
    const std::string all = joined(dump());
    for (const char* header : {"spawn.hpp", "outcome.hpp", "when_any.hpp"}) {
      EXPECT_EQ(all.find(header), std::string::npos) << all;
    }
    EXPECT_EQ(all.find("eddy::detail"), std::string::npos) << all;
    EXPECT_TRUE(std::regex_search(all, std::regex(R"(task 0x\w+ branch of task 0x\w+ waits for )")))
        << all;
  });
}

TEST(DumpGroups, TasksThatDoTheSameAreOneLineWithTheOldestOfThem) {
  run([]() -> Task<> {
    std::vector<JoinHandle<void>> handles;
    std::vector<test::SocketPair> sockets;
    const auto start = [&] {
      sockets.push_back(test::connected_sockets());
      TcpStream stream(std::move(sockets.back().server));
      const RawSource source = stream.raw();
      handles.push_back(spawn(app::read_one, std::move(stream)));
      return source;
    };
    const RawSource oldest = start();
    co_await sleep_for(3ms);
    start();
    start();
    handles.push_back(spawn(app::wait));
    co_await sleep_for(1ms);
    const std::vector<std::string> lines = dump();
    EXPECT_EQ(lines.size(), 3U) << joined(lines);
    if (lines.size() != 3) co_return;
    EXPECT_TRUE(
        matches(lines[1], R"(task 0x\w+ spawned at \S+ \(.*\) waits at .* for a waker .*)"));
    const std::string pattern =
        R"(3 tasks spawned at dump_groups_test\.cpp:\d+ \(.*\))"
        R"( wait at dump_groups_test\.cpp:\d+ \(app::read_one\) for read, the oldest,)"
        R"( task 0x\w+ \(source )" +
        std::to_string(oldest) + R"(\), since \d+\.\d{3} s)";
    EXPECT_TRUE(matches(lines[2], pattern.c_str()));
    EXPECT_EQ(lines[2].find("since 0.000"), std::string::npos) << lines[2];
  });
}

TEST(DumpGroups, TasksThatHaveNotStartedAndBranchesAreGroupedToo) {
  run([]() -> Task<> {
    const auto selecting = []() -> Task<> { co_await when_any(sleep_for(2h), sleep_for(1h)); };
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 2; ++i) handles.push_back(spawn(selecting));
    co_await yield_now();
    for (int i = 0; i < 3; ++i) handles.push_back(spawn(selecting));
    const std::vector<std::string> lines = dump();
    EXPECT_EQ(lines.size(), 4U) << joined(lines);
    const std::string all = joined(lines);
    for (const char* pattern :
         {R"(3 tasks spawned at \S+ \(.*\) have not started)",
          R"(2 tasks spawned at .* wait at .* for the first of several, the oldest, task 0x\w+,)",
          R"(4 branches wait for a timer, the oldest, task 0x\w+, since )"}) {
      EXPECT_TRUE(std::regex_search(all, std::regex(pattern))) << pattern << " in\n" << all;
    }
  });
}

TEST(DumpGroups, ATaskHasTheLastNameThatItGaveItself) {
  run([]() -> Task<> {
    const auto client = [](int number) -> Task<> {
      name_task("nobody");
      name_task("client " + std::to_string(number));
      co_await suspend();
    };
    std::vector<JoinHandle<void>> handles;
    for (const int number : {7, 8, 8}) handles.push_back(spawn(client, number));
    co_await yield_now();
    const std::string all = joined(dump());
    EXPECT_TRUE(std::regex_search(all, std::regex(R"(task 0x\w+ "client 7" spawned at )"))) << all;
    EXPECT_NE(all.find("2 tasks \"client 8\" spawned at "), std::string::npos) << all;
    EXPECT_EQ(all.find("nobody"), std::string::npos) << all;
  });
}

TEST(DumpGroups, ANameIsCutBetweenCharactersAndStaysOnItsLine) {
  run([]() -> Task<> {
    name_task(std::string(kTaskNameLimit - 1, 'x') + "\u00e9");
    EXPECT_NE(dump().back().find(" \"" + std::string(kTaskNameLimit - 1, 'x') + "\" "),
              std::string::npos)
        << dump().back();
    name_task("two\nlines\x7f");
    EXPECT_NE(dump().back().find(" \"two?lines?\" "), std::string::npos) << dump().back();
    name_task("");
    EXPECT_EQ(dump().back().find('"'), std::string::npos) << dump().back();
    co_return;
  });
}

TEST(DumpGroups, ANamedTaskIsWokenAndAbortedByHandlesOfBeforeAndAfter) {
  for (const bool before : {true, false}) {
    run([before]() -> Task<> {
      bool woken = false;
      std::vector<Waker> wakers;
      const auto waiting = [&]() -> Task<> {
        if (before) wakers.push_back(co_await current_waker());
        name_task("waiting");
        if (!before) wakers.push_back(co_await current_waker());
        while (!woken) co_await suspend();
        co_await suspend();
      };
      JoinHandle<void> handle = spawn(waiting);
      co_await yield_now();
      woken = true;
      wakers.front().wake();
      co_await yield_now();
      handle.abort_handle().abort();
      const JoinResult<void> result = co_await handle;
      EXPECT_TRUE(!result && result.error().is_cancelled());
      wakers.front().wake();  // its task has ended
    });
  }
}

TEST(DumpGroups, ANamedTaskGivesItsResult) {
  const int given = run([]() -> Task<int> {
    const auto task = []() -> Task<int> {
      name_task("seven");
      co_await yield_now();
      co_return 7;
    };
    JoinHandle<int> handle = spawn(task);
    co_return (co_await handle).value();
  });
  EXPECT_EQ(given, 7);
}

int lines_seen = 0;
void see_line(std::string_view /*line*/) { ++lines_seen; }

TEST(DumpGroups, ASinkMayBeAFunctionOrAConstantObject) {
  run([]() -> Task<> {
    lines_seen = 0;
    dump_tasks(see_line);
    dump_each_task(see_line);
    dump_tasks_as_json(see_line);
    EXPECT_EQ(lines_seen, 1 + 1 + 3);
    const auto sink = [](std::string_view line) { see_line(line); };
    dump_tasks(sink);
    EXPECT_EQ(lines_seen, 6);
    co_return;
  });
}

TEST(DumpGroups, NameTaskOutsideATaskDoesNothing) {
  name_task("nobody");
  run([]() -> Task<> {
    EXPECT_EQ(dump().back().find("nobody"), std::string::npos);
    co_return;
  });
}

}  // namespace
}  // namespace eddy
