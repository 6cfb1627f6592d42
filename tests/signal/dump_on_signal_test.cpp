// SPDX-License-Identifier: MIT

#include "eddy/signal/dump_on_signal.hpp"

#include "eddy/signal/signal_set.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/dump.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using test::failed_with;
using test::run;

std::atomic<int> handled{0};
void count(int /*signal_number*/) { ++handled; }

/// Never completes, and counts how often a dump asks for its description.
class Counted final : public detail::Operation {
 public:
  explicit Counted(std::atomic<int>& dumps) noexcept : dumps_(&dumps) {}

  bool try_start() const noexcept { return false; }
  bool begin_wait(detail::Waiter&) const noexcept { return true; }
  bool advance(detail::Waiter&) noexcept override { return true; }
  detail::Waiting describe() const noexcept override {
    ++*dumps_;
    return {"a dump", kNoSource};
  }
  void take() const noexcept {}

 private:
  std::atomic<int>* dumps_;
};

TEST(DumpOnSignal, EachSignalPrintsTheTasksOfALoopThatSleeps) {
  std::atomic<int> dumps{0};
  testing::internal::CaptureStderr();
  run([&]() -> Task<> {
    EXPECT_TRUE(dump_on_signal(SIGTERM).has_value());
    const auto wait = [&]() -> Task<> { co_await Counted(dumps); };
    const JoinHandle<void> waiting = spawn(wait);
    co_await yield_now();  // so that it waits
    const Waker waker = co_await current_waker();
    std::thread asking([&] {
      for (int i = 0; i < 2; ++i) {
        std::raise(SIGTERM);
        // Not dumps.wait(i): on Windows the one of libstdc++ 12 can miss a notification.
        while (dumps == i) std::this_thread::yield();
      }
      waker.wake();
    });
    co_await suspend();
    asking.join();
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(dumps, 2);
  EXPECT_NE(said.find(" for a dump since "), std::string::npos) << said;
  EXPECT_NE(said.find(" \"dump_on_signal\" spawned at dump_on_signal_test.cpp:"), std::string::npos)
      << said;
  EXPECT_EQ(said.find("eddy: task "), 0U) << said;
}

TEST(DumpOnSignal, TheDumpLeavesOutPlacesInTheLibrarysOwnSources) {
  std::string all;
  run([&]() -> Task<> {
    EXPECT_TRUE(dump_on_signal(SIGTERM).has_value());
    co_await yield_now();
    dump_each_task([&](std::string_view line) { all += line; });
  });
  EXPECT_NE(all.find(" waits for a signal (source "), std::string::npos) << all;
}

TEST(DumpOnSignal, ItEndsWithBlockOnAndTheSignalDoesWhatItDidBefore) {
  handled = 0;
  std::signal(SIGTERM, count);
  run([]() -> Task<> {
    EXPECT_TRUE(dump_on_signal(SIGTERM).has_value());
    co_return;
  });
  std::raise(SIGTERM);
  std::signal(SIGTERM, SIG_DFL);
  EXPECT_EQ(handled, 1);
}

TEST(DumpOnSignal, ItEndsWhenItIsAborted) {
  handled = 0;
  std::signal(SIGTERM, count);
  run([]() -> Task<> {
    dump_on_signal(SIGTERM).value().abort();
    co_await yield_now();
    std::raise(SIGTERM);
  });
  std::signal(SIGTERM, SIG_DFL);
  EXPECT_EQ(handled, 1);
}

TEST(DumpOnSignal, ANumberThatIsNoSignalIsRefused) {
  EXPECT_TRUE(failed_with(dump_on_signal(1000), std::errc::invalid_argument));
}

}  // namespace
}  // namespace eddy
