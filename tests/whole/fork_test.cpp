// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/child_process.hpp"
#include "support/descriptors.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::passes_in_child;
using test::run;
using test::succeeded;

class Fork : public testing::Test {
 protected:
  /// Waits for a byte, which is sent after the wait has begun.
  void read_one() {
    run([&]() -> Task<> {
      const auto write = [&]() -> Task<> {
        EXPECT_TRUE(succeeded(sys::write(pipe_.writer.raw(), test::bytes_of("x"))));
        co_return;
      };
      JoinHandle<void> writing = spawn(write);
      EXPECT_TRUE(succeeded(co_await source_.readable()));
      std::array<std::byte, 8> buffer{};
      EXPECT_EQ(sys::read(source_.raw(), buffer).value(), 1U);
      (void)co_await writing;
    });
  }

  static void rebuild() {
    EXPECT_TRUE(succeeded(with_reactor_mut([](Reactor& reactor) { return reactor.rebuild(); })));
  }

  Pipe pipe_ = std::move(sys::create_pipe().value());
  IoSource source_{std::move(pipe_.reader)};
};

/// All descriptor numbers that the parent may have, except those.
std::vector<int> numbers_above_standard_streams() {
  std::vector<int> numbers(60);
  std::iota(numbers.begin(), numbers.end(), STDERR_FILENO + 1);
  return numbers;
}

void use_after_rebuilding() {
  EXPECT_TRUE(succeeded(with_reactor_mut([](Reactor& reactor) { return reactor.rebuild(); })));
  run([]() -> Task<> {
    co_await sleep_for(1ms);
    const Waker waker = co_await current_waker();
    std::thread other([waker] { waker.wake(); });
    co_await suspend();
    other.join();
  });
}

TEST_F(Fork, TheChildGoesOnAfterRebuilding) {
  read_one();  // registered with the parent's reactor
  EXPECT_TRUE(passes_in_child([&] {
    rebuild();
    read_one();
    run([]() -> Task<> { co_await sleep_for(1ms); });
  }));
}

TEST_F(Fork, TheChildDoesNotDisturbTheParent) {
  read_one();
  EXPECT_TRUE(passes_in_child([&] {
    rebuild();
    source_.close();  // must not deregister the parent's source
  }));
  read_one();
}

TEST_F(Fork, TheChildGetsWakesFromItsOwnThreads) {
  read_one();
  EXPECT_TRUE(passes_in_child([&] {
    rebuild();
    run([&]() -> Task<> {
      const Waker waker = co_await current_waker();
      std::thread other([waker] { waker.wake(); });
      co_await suspend();
      other.join();
    });
  }));
}

TEST_F(Fork, TheChildsWakesDoNotReachTheParent) {
  read_one();
  Reactor& reactor = detail::thread_reactor();
  const PlatformReactor::Notifier notifier = std::move(reactor.create_notifier().value());
  test::poll_once();
  EXPECT_TRUE(passes_in_child([&] {
    rebuild();
    run([&]() -> Task<> {
      for (int i = 0; i < 10; ++i) {
        const Waker waker = co_await current_waker();
        std::thread other([waker] { waker.wake(); });
        co_await suspend();
        other.join();
      }
    });
  }));
  // No wake of the child shortens the parent's sleep.
  const auto start = std::chrono::steady_clock::now();
  test::poll_once(20ms);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST_F(Fork, AChildThatClosesASourceWithoutRebuildingDoesNotDisturbTheParent) {
  read_one();
  EXPECT_TRUE(passes_in_child([&] { source_.close(); }));
  read_one();
}

TEST_F(Fork, AChildThatUsesTheReactorWithoutRebuildingIsStopped) {
  read_one();
  EXPECT_FALSE(passes_in_child([&] { read_one(); }));
  read_one();
}

std::atomic<bool> forking = false;

TEST_F(Fork, TheChildHasTheLockOfTheProcessThoughAnotherThreadHeldIt) {
  ASSERT_EQ(::pthread_atfork([] { forking = true; }, nullptr, nullptr), 0);
  std::atomic<bool> locked = false;
  std::atomic<bool> forked = false;
  std::thread other([&] {
    sys::lock_process();
    locked = true;
    while (!forking) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // the fork waits
    sys::unlock_process();
    // If it ended during the fork, the thread sanitizer would call it leaked in the child.
    while (!forked) std::this_thread::yield();
  });
  while (!locked) std::this_thread::yield();
  EXPECT_TRUE(passes_in_child([] {
    sys::lock_process();
    sys::unlock_process();
  }));
  forked = true;
  other.join();
  sys::lock_process();
  sys::unlock_process();
}

bool rebuilds_in_handler = false;

TEST_F(Fork, AHandlerOfTheProgramsOwnMayRebuild) {
  ASSERT_EQ(::pthread_atfork(nullptr, nullptr,
                             [] {
                               if (rebuilds_in_handler) rebuild();
                             }),
            0);
  read_one();
  rebuilds_in_handler = true;
  EXPECT_TRUE(passes_in_child([&] { read_one(); }));
  rebuilds_in_handler = false;
  read_one();
}

TEST_F(Fork, RebuildingPassesOverASourceWhoseDescriptorTheChildHasClosed) {
  // The number is so high that it stays free in the child.
  IoSource closed{Fd(::fcntl(pipe_.writer.raw(), F_DUPFD_CLOEXEC, 500))};
  const auto wait = [&] {
    detail::Waiter waiter;
    const sys::Status waits = detail::SourceAccess(closed).wait(Direction::read, waiter);
    waiter.unlink();
    if (waits) waiter.unwatch();
    return waits;
  };
  EXPECT_TRUE(succeeded(wait()));
  EXPECT_TRUE(passes_in_child([&] {
    sys::close(closed.raw()).value();
    rebuild();
    EXPECT_TRUE(test::failed_with(wait(), std::errc::bad_file_descriptor));
    read_one();
  }));
}

TEST_F(Fork, RebuildGivesTheKernelsError) {
  read_one();
  EXPECT_TRUE(passes_in_child([&] {
    const Result<> rebuilt = with_reactor_mut([](Reactor& reactor) {
      const test::NoDescriptorsLeft none;
      return reactor.rebuild();
    });
    EXPECT_TRUE(test::failed_with(rebuilt, std::errc::too_many_files_open));
  }));
}

/// Without a fixture, so that the reactor gets the lowest number. Then the child's gets the same.
TEST(ForkThatClosesAll, TheChildGoesOnAfterRebuilding) {
  run([]() -> Task<> { co_await sleep_for(1ms); });
  EXPECT_TRUE(passes_in_child([] {
    for (const int number : numbers_above_standard_streams()) ::close(number);
    use_after_rebuilding();
  }));
}

TEST(ForkThatClosesAll, TheChildDoesNotCloseDescriptorsThatReuseTheNumbers) {
  run([]() -> Task<> { co_await sleep_for(1ms); });
  EXPECT_TRUE(passes_in_child([] {
    for (const int number : numbers_above_standard_streams()) {
      EXPECT_EQ(::dup2(STDERR_FILENO, number), number);
    }
    use_after_rebuilding();
    for (const int number : numbers_above_standard_streams()) {
      EXPECT_TRUE(test::is_open(number)) << number;
    }
  }));
}

}  // namespace
}  // namespace eddy
