// Signals of every platform, raised in this process.
// SPDX-License-Identifier: MIT
#include "eddy/signal/signal_set.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <utility>

namespace eddy {
namespace {

using test::failed_with;
using test::run;
using test::succeeded;

TEST(SignalRaise, EachSetGetsEachSignal) {
  run([]() -> Task<> {
    SignalSet one = std::move(SignalSet::create({SIGINT, SIGTERM}).value());
    SignalSet other = std::move(SignalSet::create({SIGTERM}).value());
    for (int i = 0; i < 3; ++i) {
      const auto raise = [&]() -> Task<> {
        std::raise(SIGTERM);
        co_return;
      };
      JoinHandle<void> raising = spawn(raise);
      EXPECT_EQ((co_await one.next()).value(), SIGTERM);
      EXPECT_EQ((co_await other.next()).value(), SIGTERM);
      (void)co_await raising;
    }
  });
}

TEST(SignalRaise, ASignalThatComesBeforeTheWaitIsNotLost) {
  run([]() -> Task<> {
    SignalSet set = std::move(SignalSet::create({SIGINT}).value());
    std::raise(SIGINT);
    std::raise(SIGINT);
    EXPECT_EQ((co_await set.next()).value(), SIGINT);
    const auto raise = [&]() -> Task<> {
      std::raise(SIGINT);
      co_return;
    };
    JoinHandle<void> raising = spawn(raise);
    EXPECT_EQ((co_await set.next()).value(), SIGINT);
    (void)co_await raising;
  });
}

TEST(SignalRaise, ANumberThatIsNoSignalIsRefused) {
  for (const int number : {0, -1, 1000}) {
    EXPECT_TRUE(failed_with(SignalSet::create({SIGINT, number}), std::errc::invalid_argument))
        << number;
  }
}

int handled = 0;

TEST(SignalRaise, ThePreviousHandlerIsBackWhenTheLastSetIsGone) {
  handled = 0;
  std::signal(SIGTERM, [](int) { ++handled; });
  {
    const SignalSet set = std::move(SignalSet::create({SIGTERM}).value());
    std::raise(SIGTERM);
    EXPECT_EQ(handled, 0);
  }
  std::raise(SIGTERM);
  EXPECT_EQ(handled, 1);
  std::signal(SIGTERM, SIG_DFL);
}

TEST(SignalRaise, AHandlerThatSomebodyInstalledMeanwhileStaysWhenTheLastSetIsGone) {
  handled = 0;
  {
    const SignalSet set = std::move(SignalSet::create({SIGTERM}).value());
    std::signal(SIGTERM, [](int) { ++handled; });
  }
  std::raise(SIGTERM);
  EXPECT_EQ(handled, 1);
  std::signal(SIGTERM, SIG_DFL);
}

TEST(SignalRaise, NextOfASetThatWasMovedFromIsCancelled) {
  run([]() -> Task<> {
    SignalSet set = std::move(SignalSet::create({SIGTERM}).value());
    const SignalSet other = std::move(set);
    EXPECT_TRUE(failed_with(co_await set.next(), std::errc::operation_canceled));
  });
}

TEST(SignalRaise, CtrlCIsAnInterrupt) {
  run([]() -> Task<> {
    const auto raise = [&]() -> Task<> {
      std::raise(SIGINT);
      co_return;
    };
    JoinHandle<void> raising = spawn(raise);
    EXPECT_TRUE(succeeded(co_await ctrl_c()));
    (void)co_await raising;
  });
}

}  // namespace
}  // namespace eddy
