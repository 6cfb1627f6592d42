// SPDX-License-Identifier: MIT

#include "eddy/signal/signal_set.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/descriptors.hpp"
#include "support/loop.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

SignalSet listen(std::initializer_list<int> signal_numbers) {
  return std::move(SignalSet::create(signal_numbers).value());
}

using Handler = void (*)(int);
Handler handler_of(int signal_number) {
  struct sigaction action{};
  ::sigaction(signal_number, nullptr, &action);
  return action.sa_handler;
}

/// No signal is pending for the set.
Task<> expect_none(SignalSet& set) {
  EXPECT_TRUE(failed_with(co_await timeout(5ms, set.next()), std::errc::timed_out));
}

TEST(SignalSet, ReportsASignalThatComesWhileItWaits) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    const auto raiser = []() -> Task<> {
      std::raise(SIGUSR1);
      co_return;
    };
    JoinHandle<void> raising = spawn(raiser);  // runs once this task waits
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
    (void)co_await raising;
  });
}

TEST(SignalSet, ReportsASignalThatCameBeforeTheWait) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    std::raise(SIGUSR1);
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
    co_await expect_none(set);
  });
}

TEST(SignalSet, DoesNotReportASignalFromBeforeItsCreation) {
  run([]() -> Task<> {
    const SignalSet first = listen({SIGUSR1});
    std::raise(SIGUSR1);
    SignalSet second = listen({SIGUSR1});
    co_await expect_none(second);
  });
}

// moduvex_runtime armed its wake and signal pipes once, and never again.
TEST(SignalSet, ASecondSigtermArrivesAndAThird) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGTERM});
    const auto raiser = []() -> Task<> {
      std::raise(SIGTERM);
      co_return;
    };
    for (int i = 0; i < 3; ++i) {
      JoinHandle<void> raising = spawn(raiser);
      EXPECT_EQ((co_await set.next()).value(), SIGTERM);
      (void)co_await raising;
    }
  });
}

TEST(SignalSet, ASignalThatComesSeveralTimesBeforeTheWaitIsReportedOnce) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    for (int i = 0; i < 5; ++i) std::raise(SIGUSR1);
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
    co_await expect_none(set);
  });
}

TEST(SignalSet, EachOfSeveralSignalsIsReported) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1, SIGUSR2, SIGHUP});
    std::raise(SIGHUP);
    std::raise(SIGUSR1);
    std::vector<int> got;
    for (int i = 0; i < 2; ++i) got.push_back((co_await set.next()).value());
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, (std::vector{SIGHUP, SIGUSR1}));
    co_await expect_none(set);
  });
}

TEST(SignalSet, ASignalThatIsNamedTwiceIsReportedOnce) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1, SIGUSR1});
    std::raise(SIGUSR1);
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
    co_await expect_none(set);
  });
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
}

TEST(SignalSet, AFloodOfOneSignalDoesNotHoldUpAnother) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1, SIGTERM});
    std::raise(SIGTERM);
    int calls = 0;
    for (int got = 0; got != SIGTERM && calls < 100; ++calls) {
      std::raise(SIGUSR1);
      got = (co_await set.next()).value();
    }
    EXPECT_LE(calls, 2);
  });
}

TEST(SignalSet, EachOfManySetsGetsTheSameSignal) {
  run([]() -> Task<> {
    std::vector<SignalSet> sets;
    for (int i = 0; i < 5; ++i) sets.push_back(listen({SIGUSR1, SIGUSR2}));
    const auto listener = [](SignalSet& set) -> Task<int> {
      co_return (co_await set.next()).value();
    };
    std::vector<JoinHandle<int>> listeners;
    for (SignalSet& set : sets) listeners.push_back(spawn(listener, std::ref(set)));
    co_await yield_now();
    std::raise(SIGUSR2);
    for (auto& handle : listeners) EXPECT_EQ((co_await handle).value(), SIGUSR2);
  });
}

TEST(SignalSet, OneOfTwoTasksThatWaitOnASetGetsTheSignal) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    int heard = 0;
    const auto listener = [&]() -> Task<> {
      static_cast<void>(co_await set.next());
      ++heard;
    };
    JoinHandle<void> first = spawn(listener);
    JoinHandle<void> second = spawn(listener);
    co_await yield_now();
    std::raise(SIGUSR1);
    (void)co_await first;
    EXPECT_EQ(heard, 1);
    std::raise(SIGUSR1);
    (void)co_await second;
    EXPECT_EQ(heard, 2);
  });
}

TEST(SignalSet, TasksThatShareASetMayUseTheirBudgetsUp) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    int heard = 0;
    constexpr int kSignals = 400;
    // Each signal is ready at once, so the budget runs out now and then.
    const auto listener = [&]() -> Task<> {
      while (heard < kSignals) {
        std::raise(SIGUSR1);
        const Result<int> next = co_await timeout(20ms, set.next());
        if (next) ++heard;  // else the other task took both signals
      }
    };
    JoinHandle<void> first = spawn(listener);
    JoinHandle<void> second = spawn(listener);
    (void)co_await first;
    (void)co_await second;
    EXPECT_GE(heard, kSignals);
  });
}

// moduvex_runtime bound all signals to the first thread.
TEST(SignalSet, EachOfTwoThreadsWithASetGetsTheSignal) {
  std::atomic<test::ThreadId> id = 0;
  int heard_there = 0;
  std::thread other([&] {
    run([&]() -> Task<> {
      SignalSet set = listen({SIGUSR1});
      id = test::this_thread_id();
      heard_there = (co_await set.next()).value();
    });
  });
  run([&]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    test::wait_until_asleep(id);
    ::kill(::getpid(), SIGUSR1);  // to the process: any thread may run the handler
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
  });
  other.join();
  EXPECT_EQ(heard_there, SIGUSR1);
}

// moduvex_runtime bound all signals to the first thread.
TEST(SignalSet, WorksAfterTheThreadOfTheFirstSetHasEnded) {
  std::thread([] {
    run([]() -> Task<> {
      SignalSet set = listen({SIGUSR1});
      std::raise(SIGUSR1);
      EXPECT_TRUE(succeeded(co_await set.next()));
    });
  }).join();
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    const auto raiser = []() -> Task<> {
      std::raise(SIGUSR1);
      co_return;
    };
    JoinHandle<void> raising = spawn(raiser);
    EXPECT_TRUE(succeeded(co_await set.next()));
    (void)co_await raising;
  });
}

int previous_calls = 0;
void previous_handler(int) { ++previous_calls; }

TEST(SignalSet, ThePreviousHandlerIsBackWhenTheLastListenerIsGone) {
  previous_calls = 0;
  struct sigaction before{};
  struct sigaction own{};
  own.sa_handler = previous_handler;
  own.sa_flags = SA_NODEFER;
  ::sigaction(SIGUSR1, &own, &before);
  {
    std::optional<SignalSet> first = listen({SIGUSR1});
    std::optional<SignalSet> second = listen({SIGUSR1});
    EXPECT_NE(handler_of(SIGUSR1), previous_handler);
    std::raise(SIGUSR1);
    EXPECT_EQ(previous_calls, 0);
    first.reset();
    EXPECT_NE(handler_of(SIGUSR1), previous_handler);
    second.reset();
  }
  EXPECT_EQ(handler_of(SIGUSR1), previous_handler);
  std::raise(SIGUSR1);
  EXPECT_EQ(previous_calls, 1);
  ::sigaction(SIGUSR1, &before, nullptr);
}

/// A library that saves a handler, installs its own, and later restores the saved one.
class Library {
 public:
  explicit Library(Handler handler) {
    struct sigaction own{};
    own.sa_handler = handler;
    ::sigaction(SIGUSR1, &own, &saved_);
  }
  void put_back() const { ::sigaction(SIGUSR1, &saved_, nullptr); }

 private:
  struct sigaction saved_{};
};

TEST(SignalSet, ASignalReachesThePreviousHandlerAlsoIfALibraryPutsTheSetsHandlerBackLater) {
  previous_calls = 0;
  const Library program(previous_handler);
  for (int calls = 0; calls < 4; calls += 2) {
    std::optional<SignalSet> set = listen({SIGUSR1});
    const Library library([](int) {});
    set.reset();
    library.put_back();
    std::raise(SIGUSR1);
    EXPECT_EQ(previous_calls, calls + 1);
    EXPECT_EQ(handler_of(SIGUSR1), previous_handler);
    std::raise(SIGUSR1);
    EXPECT_EQ(previous_calls, calls + 2);
  }
  program.put_back();
}

TEST(SignalSet, AnotherSetDoesNotTakeTheHandlerOfAnOlderOneForThePreviousHandler) {
  previous_calls = 0;
  const Library program(previous_handler);
  std::optional<SignalSet> set = listen({SIGUSR1});
  const Library library([](int) {});
  set.reset();
  library.put_back();
  set = listen({SIGUSR1});
  std::raise(SIGUSR1);
  EXPECT_EQ(previous_calls, 0);
  set.reset();
  EXPECT_EQ(handler_of(SIGUSR1), previous_handler);
  std::raise(SIGUSR1);
  EXPECT_EQ(previous_calls, 1);
  program.put_back();
}

Handler called_by_library = nullptr;
int library_calls = 0;

TEST(SignalSet, AHandlerThatOnlyCallsThatOfASetThatIsGoneStays) {
  library_calls = 0;
  const Handler before = handler_of(SIGUSR1);
  std::optional<SignalSet> set = listen({SIGUSR1});
  called_by_library = handler_of(SIGUSR1);
  const Library library([](int number) {
    ++library_calls;
    called_by_library(number);
  });
  set.reset();
  std::raise(SIGUSR1);
  std::raise(SIGUSR1);
  EXPECT_EQ(library_calls, 2);
  std::signal(SIGUSR1, before);
}

TEST(SignalSet, MovingItKeepsListening) {
  run([]() -> Task<> {
    SignalSet first = listen({SIGUSR1});
    SignalSet second = std::move(first);
    std::raise(SIGUSR1);
    SignalSet third = listen({SIGUSR2});
    third = std::move(second);  // `third` stops listening to its old signal
    EXPECT_EQ(handler_of(SIGUSR2), SIG_DFL);
    EXPECT_EQ((co_await third.next()).value(), SIGUSR1);
    SignalSet& same = third;
    third = std::move(same);
    EXPECT_NE(handler_of(SIGUSR1), SIG_DFL);
  });
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
}

// moduvex_runtime always took SIGINT and SIGTERM over.
TEST(SignalSet, LeavesTheHandlersOfOtherSignals) {
  const Handler sigint = handler_of(SIGINT);  // a shell starts background jobs with it ignored
  const Handler sigterm = handler_of(SIGTERM);
  const SignalSet set = listen({SIGUSR1});
  EXPECT_EQ(handler_of(SIGINT), sigint);
  EXPECT_EQ(handler_of(SIGTERM), sigterm);
}

// moduvex_runtime remembered a failed set-up as a success.
TEST(SignalSet, ASignalThatCannotBeCaughtIsRefusedEachTime) {
  for (const int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, 65, 100'000}) {
    for (int again = 0; again < 2; ++again) {
      EXPECT_TRUE(failed_with(SignalSet::create({SIGUSR1, number}), std::errc::invalid_argument))
          << number;
    }
  }
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);  // the earlier signals are released
  EXPECT_TRUE(succeeded(SignalSet::create({SIGUSR1})));
}

TEST(SignalSet, WithoutFreeDescriptorsCreateIsAnErrorAndWorksLater) {
  {
    const test::NoDescriptorsLeft none;
    EXPECT_TRUE(failed_with(SignalSet::create({SIGUSR1}), std::errc::too_many_files_open));
  }
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
  EXPECT_TRUE(succeeded(SignalSet::create({SIGUSR1})));
}

TEST(SignalSet, OfNoSignalsReportsNone) {
  run([]() -> Task<> {
    SignalSet set = listen({});
    co_await expect_none(set);
  });
}

TEST(SignalSet, SetsComeAndGoWithoutLeaks) {
  static_cast<void>(listen({SIGUSR1}));  // opens the bell, once for the process
  const std::size_t before = test::count_descriptors_with_loop();
  for (int i = 0; i < 100; ++i) static_cast<void>(listen({SIGUSR1, SIGUSR2}));
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(SignalSet, ErrnoIsSavedAroundTheHandler) {
  const SignalSet set = listen({SIGUSR1});
  errno = ENOTTY;
  std::raise(SIGUSR1);
  EXPECT_EQ(errno, ENOTTY);
}

TEST(SignalSet, AStormIsNeitherLostNorCountedTwice) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    std::atomic<bool> stop = false;
    std::thread storm([&] {
      while (!stop) ::kill(::getpid(), SIGUSR1);
    });
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
    }
    stop = true;
    storm.join();
    static_cast<void>(co_await timeout(1ms, set.next()));
    co_await expect_none(set);
  });
}

TEST(SignalSet, ACancelledWaitLosesNothing) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    const auto listener = [&]() -> Task<> { static_cast<void>(co_await set.next()); };
    JoinHandle<void> while_it_waits = spawn(listener);
    co_await yield_now();
    while_it_waits.abort();
    (void)co_await while_it_waits;
    JoinHandle<void> after_its_wake = spawn(listener);
    co_await yield_now();
    std::raise(SIGUSR1);
    test::poll_until_woken();
    after_its_wake.abort();
    after_its_wake.abort();
    (void)co_await after_its_wake;
    EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
  });
}

TEST(SignalSet, DestroyingItEndsItsWaits) {
  run([]() -> Task<> {
    for (const bool woken : {false, true}) {
      auto set = std::make_unique<SignalSet>(listen({SIGUSR1}));
      std::optional<Result<int>> outcome;
      const auto listener = [&]() -> Task<> { outcome = co_await set->next(); };
      JoinHandle<void> handle = spawn(listener);
      co_await yield_now();
      if (woken) {
        std::raise(SIGUSR1);
        test::poll_until_woken();
      }
      set.reset();
      (void)co_await handle;
      EXPECT_TRUE(outcome && failed_with(*outcome, std::errc::operation_canceled));
    }
  });
}

// In moduvex_runtime the token of signals was also that of a worker's wake.
TEST(SignalSet, SignalsAndWakesOfOtherThreadsAreNotConfused) {
  run([]() -> Task<> {
    SignalSet set = listen({SIGUSR1});
    for (int i = 0; i < 50; ++i) {
      const Waker waker = co_await current_waker();
      std::thread other([waker] {
        ::kill(::getpid(), SIGUSR1);
        waker.wake();
      });
      EXPECT_EQ((co_await set.next()).value(), SIGUSR1);
      other.join();
    }
    co_await expect_none(set);
  });
}

/// Gives SIGINT its default action, even if this process was started with it ignored.
class CtrlC : public testing::Test {
 protected:
  CtrlC() : before_(std::signal(SIGINT, SIG_DFL)) {}
  ~CtrlC() override { std::signal(SIGINT, before_); }

 private:
  Handler before_;
};

using CtrlCDeathTest = CtrlC;

TEST_F(CtrlC, CompletesAtSigintAndRestoresTheHandler) {
  run([]() -> Task<> {
    const auto raiser = []() -> Task<> {
      std::raise(SIGINT);
      co_return;
    };
    for (int i = 0; i < 2; ++i) {
      JoinHandle<Result<>> pressed = spawn([]() -> Task<Result<>> { co_return co_await ctrl_c(); });
      co_await yield_now();
      JoinHandle<void> raising = spawn(raiser);
      EXPECT_TRUE((co_await pressed).value().has_value());
      EXPECT_EQ(handler_of(SIGINT), SIG_DFL);
      (void)co_await raising;
    }
  });
}

TEST_F(CtrlC, RestoresTheHandlerIfItIsCancelled) {
  run([]() -> Task<> {
    const auto first = co_await when_any(ctrl_c(), sleep_for(1ms));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(handler_of(SIGINT), SIG_DFL);
  });
}

TEST_F(CtrlCDeathTest, ASecondCtrlCEndsAProgramThatHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto press_twice = [] {
    run([]() -> Task<> {
      const auto raiser = []() -> Task<> {
        std::raise(SIGINT);
        co_return;
      };
      JoinHandle<void> raising = spawn(raiser);
      static_cast<void>(co_await ctrl_c());
      (void)co_await raising;
    });
    std::raise(SIGINT);
  };
  EXPECT_EXIT(press_twice(), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace eddy
