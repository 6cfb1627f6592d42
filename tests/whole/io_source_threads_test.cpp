// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using test::run;
using test::succeeded;

/// Waits once, so that the source belongs to this thread.
void wait_once(IoSource& source, const Fd& writer) {
  run([&]() -> Task<> {
    const auto write = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(sys::write(writer.raw(), std::as_bytes(std::span("x", 1)))));
      co_return;
    };
    JoinHandle<void> writing = spawn(write);
    EXPECT_TRUE(succeeded(co_await source.readable()));
    (void)co_await writing;
  });
}

class IoSourceDeathTest : public testing::Test {
 protected:
  IoSourceDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  Pipe pipe_ = std::move(sys::create_pipe().value());
};

// In moduvex_runtime a task that moved to another thread changed the wrong epoll.
TEST_F(IoSourceDeathTest, WaitingOnAnotherThreadThanTheFirstStopsTheProgram) {
  const auto wait_on_two_threads = [&] {
    IoSource source(std::move(pipe_.reader));
    wait_once(source, pipe_.writer);
    detail::Waiter waiter;
    std::thread([&] {
      static_cast<void>(detail::SourceAccess(source).wait(Direction::read, waiter));
    }).join();
  };
  EXPECT_EXIT(wait_on_two_threads(), testing::KilledBySignal(SIGABRT),
              "a socket was used on another thread than the one that first waited on it");
}

// The second thread may get the memory of the first one's reactor.
TEST_F(IoSourceDeathTest, WaitingAfterTheThreadOfTheFirstWaitHasEndedStopsTheProgram) {
  const auto wait_on_one_thread_after_another = [&] {
    IoSource source(std::move(pipe_.reader));
    std::thread([&] { wait_once(source, pipe_.writer); }).join();
    detail::Waiter waiter;
    std::thread([&] {
      detail::thread_reactor();
      static_cast<void>(detail::SourceAccess(source).wait(Direction::read, waiter));
    }).join();
  };
  EXPECT_EXIT(wait_on_one_thread_after_another(), testing::KilledBySignal(SIGABRT),
              "a socket was used on another thread than the one that first waited on it");
}

TEST_F(IoSourceDeathTest, DestroyingItOnAnotherThreadStopsTheProgram) {
  const auto destroy_elsewhere = [&] {
    std::optional<IoSource> source(std::move(pipe_.reader));
    wait_once(*source, pipe_.writer);
    std::thread([&] { source.reset(); }).join();
  };
  EXPECT_EXIT(destroy_elsewhere(), testing::KilledBySignal(SIGABRT),
              "a socket was destroyed on another thread than the one that waited on it");
}

TEST_F(IoSourceDeathTest, MovingItWhileATaskWaitsStopsTheProgram) {
  const auto move_while_waiting = [&] {
    IoSource source(std::move(pipe_.reader));
    detail::Waiter waiter;
    static_cast<void>(detail::SourceAccess(source).wait(Direction::write, waiter));
    const IoSource moved = std::move(source);
  };
  EXPECT_EXIT(move_while_waiting(), testing::KilledBySignal(SIGABRT),
              "a socket was moved while a task waits on it");
}

TEST_F(IoSourceDeathTest, MovingItOnAnotherThreadThanItsOwnStopsTheProgram) {
  const auto move_elsewhere = [&] {
    std::optional<IoSource> source;
    std::thread([&] {
      source.emplace(std::move(pipe_.reader));
      wait_once(*source, pipe_.writer);
    }).join();
    const IoSource moved = std::move(*source);  // its slot was destroyed with its thread
  };
  EXPECT_EXIT(move_elsewhere(), testing::KilledBySignal(SIGABRT),
              "a socket was used on another thread than the one that first waited on it");
}

// In moduvex_runtime a task that moved to another thread changed the wrong epoll.
TEST(IoSourceThreads, BeforeItsFirstWaitItMayBeMovedToAnotherThread) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  std::thread([&pipe, source = std::move(source)]() mutable {
    wait_once(source, pipe.writer);
  }).join();
}

TEST(IoSourceThreads, MayOutliveTheReactorOfItsThread) {
  Pipe pipe = std::move(sys::create_pipe().value());
  std::thread([&] {
    // Made before the reactor, so that it is destroyed after it.
    thread_local std::optional<IoSource> late;
    late.emplace(std::move(pipe.reader));
    wait_once(*late, pipe.writer);
  }).join();
}

TEST(IoSourceThreads, ADescriptorOnTwoThreadsIsTwoSources) {
  Pipe pipe = std::move(sys::create_pipe().value());
  Fd duplicate = std::move(sys::duplicate(pipe.reader.raw()).value());
  IoSource here(std::move(pipe.reader));
  std::thread([&] {
    IoSource there(std::move(duplicate));
    wait_once(there, pipe.writer);
  }).join();
  wait_once(here, pipe.writer);
}

}  // namespace
}  // namespace eddy
