// The dump for programs: it is valid JSON for every task name, and has the members of its schema.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <regex>
#include <string>
#include <string_view>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

/// Reads one value of JSON (RFC 8259).
class Json {
 public:
  static bool is_valid(std::string_view text) {
    Json json(text);
    return json.value() && json.rest_.empty();
  }

 private:
  explicit Json(std::string_view text) : rest_(text) {}

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool value() {
    for (const std::string_view word : {"null", "true", "false"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return true;
    }
    if (rest_.starts_with('{')) return members('{', '}', true);
    if (rest_.starts_with('[')) return members('[', ']', false);
    if (rest_.starts_with('"')) return string();
    const std::size_t before = rest_.size();
    while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front())) != 0) {
      rest_.remove_prefix(1);
    }
    return rest_.size() < before;
  }
  bool members(char open, char close, bool named) {
    take(open);
    if (take(close)) return true;
    do {
      if (named && !(string() && take(':'))) return false;
      if (!value()) return false;
    } while (take(','));
    return take(close);
  }
  bool string() {
    if (!take('"')) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      if (static_cast<unsigned char>(rest_.front()) < 0x20) return false;
      if (!take('\\')) {
        rest_.remove_prefix(1);
        continue;
      }
      constexpr std::string_view kEscapes = "\"\\/bfnrtu";
      if (rest_.empty() || kEscapes.find(rest_.front()) == std::string_view::npos) return false;
      rest_.remove_prefix(1);
    }
    return take('"');
  }

  std::string_view rest_;
};

std::string dump() {
  std::string all;
  dump_tasks_as_json([&](std::string_view line) { all += line; });
  return all;
}

testing::AssertionResult has(const std::string& text, const char* pattern) {
  if (std::regex_search(text, std::regex(pattern))) return testing::AssertionSuccess();
  return testing::AssertionFailure() << pattern << " is not in " << text;
}

TEST(DumpJson, OfAThreadWithoutTasksListsNone) { EXPECT_EQ(dump(), R"({"schema":1,"tasks":[]})"); }

TEST(DumpJson, HasEveryMemberForEveryTask) {
  run([]() -> Task<> {
    const auto selecting = []() -> Task<> {
      name_task("chooser");
      co_await when_any(sleep_for(2h), sleep_for(1h));
    };
    const JoinHandle<void> waiting = spawn(selecting);
    co_await yield_now();
    const JoinHandle<void> fresh = spawn(selecting);
    const std::string all = dump();
    EXPECT_TRUE(Json::is_valid(all)) << all;
    const std::string place =
        R"(\{"file":"[^"]*dump_json_test\.cpp","line":\d+,"function":"[^"]+"\})";
    EXPECT_TRUE(has(
        all,
        R"(^\{"schema":1,"tasks":\[\{"task":"0x\w+","name":null,"locals":\{\},"branch":false,)"));
    EXPECT_TRUE(
        has(all, R"("state":"runs","awaits":\[\],"for":null,"source":null,"waited_ms":null\})"));
    EXPECT_TRUE(has(all, R"("state":"not started",)"));
    EXPECT_TRUE(has(
        all,
        ("\"name\":\"chooser\",\"locals\":\\{\\},\"branch\":false,\"parent\":null,\"spawned\":" +
         place + ",\"state\":\"waits\",\"awaits\":\\[" + place +
         R"(\],"for":"the first of several","source":null,"waited_ms":\d+\})")
            .c_str()));
    EXPECT_TRUE(
        has(all, R"("branch":true,"parent":"0x\w+","spawned":null,"state":"waits","awaits":\[\],)"
                 R"("for":"a timer")"));
  });
}

TEST(DumpJson, IsValidWhateverTheNameOfATask) {
  for (const char* name :
       {"\"quoted\"", "back\\slash", "a\x01 b\n", "\xff\xc3", "\xed\xa0\x80", "\xc0\xaf"}) {
    run([name]() -> Task<> {
      name_task(name);
      const std::string all = dump();
      EXPECT_TRUE(Json::is_valid(all)) << all;
      co_return;
    });
  }
}

TEST(DumpJson, KeepsValidCharactersAndReplacesInvalidBytes) {
  run([]() -> Task<> {
    name_task("\u00e9 \u20ac \U0001F600 \xc3( \xed\xa0\x80");
    const std::string all = dump();
    EXPECT_NE(all.find("\"name\":\"\u00e9 \u20ac \U0001F600 \\ufffd( \\ufffd\\ufffd\\ufffd\""),
              std::string::npos)
        << all;
    co_return;
  });
}

}  // namespace
}  // namespace eddy
