// Descriptors that somebody closes, duplicates and opens again without the library's knowledge.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::run;
using test::succeeded;

std::unique_ptr<IoSource> source_of(Fd fd) { return std::make_unique<IoSource>(std::move(fd)); }

void write_to(const Fd& writer) { EXPECT_TRUE(succeeded(sys::write(writer.raw(), bytes_of("x")))); }

std::size_t read_from(RawSource reader) {
  std::array<std::byte, 64> buffer{};
  return sys::read(reader, buffer).value_or(0);
}

Task<> wait_readable(IoSource& source, std::optional<Result<>>& outcome) {
  outcome = co_await source.readable();
}

/// Registers the source, by a wait that is given up.
Task<> register_by_waiting(IoSource& source) {
  std::optional<Result<>> outcome;
  JoinHandle<void> waiting = spawn(wait_readable, std::ref(source), std::ref(outcome));
  co_await yield_now();
  waiting.abort();
  static_cast<void>(co_await waiting);
  EXPECT_TRUE(source.is_registered());
}

/// Two pipes. The reader of the first was registered, then somebody else closed it. The reader of
/// the second pipe has its number now.
struct ReusedNumber : testing::Test {
  Task<> reuse_the_number() {
    co_await register_by_waiting(*old);
    const RawSource number = old->raw();
    sys::close(number).value();
    fresh = source_of(test::duplicate_onto(second.reader.raw(), number));
    EXPECT_EQ(fresh->raw(), number);
  }

  Pipe first = std::move(sys::create_pipe().value());
  Pipe second = std::move(sys::create_pipe().value());
  std::unique_ptr<IoSource> old = source_of(std::move(first.reader));
  std::unique_ptr<IoSource> fresh;
};

TEST_F(ReusedNumber, DestroyingTheOldSourceLeavesTheNewOneRegisteredAndOpen) {
  run([&]() -> Task<> {
    co_await reuse_the_number();
    std::optional<Result<>> outcome;
    JoinHandle<void> waiting = spawn(wait_readable, std::ref(*fresh), std::ref(outcome));
    co_await yield_now();
    EXPECT_FALSE(outcome);

    old.reset();

    EXPECT_TRUE(test::is_open(fresh->raw()));
    write_to(second.writer);
    (void)co_await waiting;
    EXPECT_TRUE(outcome && *outcome);
  });
}

TEST_F(ReusedNumber, IntoFdOfTheOldSourceGivesNoDescriptor) {
  run([&]() -> Task<> {
    co_await reuse_the_number();
    co_await register_by_waiting(*fresh);
    EXPECT_FALSE(old->into_fd());
    EXPECT_TRUE(test::is_open(fresh->raw()));
  });
}

TEST_F(ReusedNumber, AWaitOnTheOldSourceIsCancelledWhenTheNewOneIsRegistered) {
  run([&]() -> Task<> {
    std::optional<Result<>> outcome;
    JoinHandle<void> waiting = spawn(wait_readable, std::ref(*old), std::ref(outcome));
    co_await reuse_the_number();
    EXPECT_FALSE(outcome);
    co_await register_by_waiting(*fresh);
    (void)co_await waiting;
    EXPECT_TRUE(outcome && failed_with(*outcome, std::errc::operation_canceled));
  });
}

TEST_F(ReusedNumber, ALaterWaitOnTheOldSourceEndsWithBadFileDescriptor) {
  run([&]() -> Task<> {
    co_await reuse_the_number();
    co_await register_by_waiting(*fresh);
    write_to(second.writer);  // makes only the new source readable
    EXPECT_TRUE(failed_with(co_await old->readable(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(failed_with(co_await old->writable(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(succeeded(co_await fresh->readable()));
  });
}

TEST_F(ReusedNumber, AnOldSourceThatWasMovedIsLostToo) {
  run([&]() -> Task<> {
    co_await reuse_the_number();
    co_await register_by_waiting(*fresh);
    IoSource moved = std::move(*old);
    EXPECT_TRUE(failed_with(co_await moved.readable(), std::errc::bad_file_descriptor));
    moved.close();
    EXPECT_TRUE(test::is_open(fresh->raw()));
  });
}

TEST_F(ReusedNumber, TheNewSourceMayBeDestroyedFirst) {
  const std::size_t before = test::watched_sources();
  run([&]() -> Task<> {
    co_await reuse_the_number();
    co_await register_by_waiting(*fresh);
    const RawSource number = fresh->raw();
    fresh.reset();
    EXPECT_FALSE(test::is_open(number));
    old.reset();
    EXPECT_EQ(test::watched_sources(), before);
  });
}

// Windows cannot tell whether a handle is still that of the source that was registered.
TEST(TwoSources, OfOneDescriptorOneIsRefused) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource first(std::move(pipe.reader));
  run([&]() -> Task<> {
    co_await register_by_waiting(first);
    IoSource second{Fd(first.raw())};
    detail::Waiter waiter;
    const sys::Status waits = detail::SourceAccess(second).wait(Direction::read, waiter);
    if constexpr (PlatformReactor::kTellsReuse) {
      EXPECT_TRUE(failed_with(waits, std::errc::file_exists));
      static_cast<void>(second.into_fd().release());
      write_to(pipe.writer);
      EXPECT_TRUE(succeeded(co_await first.readable()));
    } else {
      EXPECT_TRUE(succeeded(waits));
      EXPECT_TRUE(failed_with(co_await first.readable(), std::errc::bad_file_descriptor));
      second.close();
      waiter.unlink();  // from the ready queue: it is no task
      EXPECT_FALSE(waiter.unwatch());
    }
  });
}

/// A source whose descriptor was duplicated and closed before the source knew.
struct OrphanedRegistration : testing::Test {
  Task<> orphan() {
    std::unique_ptr<IoSource> source = source_of(std::move(pipe.reader));
    co_await register_by_waiting(*source);
    number = source->raw();
    duplicate = std::move(sys::duplicate(number).value());
    sys::close(number).value();
    static_cast<void>(source->into_fd().release());
  }

  /// Each write gives an edge to the orphan, if there is one, before the loop parks for the sleep.
  Task<> disturb() {
    for (int i = 0; i < 100; ++i) {
      write_to(pipe.writer);
      co_await sleep_for(1us);
      EXPECT_EQ(read_from(duplicate.raw()), 1U);
    }
  }

  Pipe pipe = std::move(sys::create_pipe().value());
  Fd duplicate;
  RawSource number = kNoSource;
};

TEST_F(OrphanedRegistration, LetsItsNumberBeRegisteredAgainForTheSameFile) {
  run([&]() -> Task<> {
    co_await orphan();
    IoSource again(test::duplicate_onto(duplicate.raw(), number));
    EXPECT_EQ(again.raw(), number);
    co_await register_by_waiting(again);
    write_to(pipe.writer);
    EXPECT_TRUE(succeeded(co_await again.readable()));
  });
}

TEST_F(OrphanedRegistration, LetsItsNumberBeRegisteredAgainForAnotherFile) {
  run([&]() -> Task<> {
    Pipe other = std::move(sys::create_pipe().value());  // first, or it might get the number
    co_await orphan();
    IoSource again(test::duplicate_onto(other.reader.raw(), number));
    co_await register_by_waiting(again);
    write_to(other.writer);
    EXPECT_TRUE(succeeded(co_await again.readable()));
  });
}

TEST_F(OrphanedRegistration, StopsWakingTheLoop) {
  run([&]() -> Task<> {
    co_await orphan();
    co_await disturb();
  });
  test::poll_once();
  write_to(pipe.writer);
  EXPECT_TRUE(test::poll_once().empty());
}

TEST_F(OrphanedRegistration, LeavesOtherSourcesAndWakesOfOtherThreadsIntactWhenItIsDropped) {
  Pipe other = std::move(sys::create_pipe().value());
  IoSource living(std::move(other.reader));
  run([&]() -> Task<> {
    co_await register_by_waiting(living);
    co_await orphan();
    co_await disturb();
    std::optional<Result<>> outcome;
    JoinHandle<void> waiting = spawn(wait_readable, std::ref(living), std::ref(outcome));
    const Waker waker = co_await current_waker();
    std::thread([waker] { waker.wake(); }).join();
    co_await suspend();
    std::thread stranger([waker] { waker.wake(); });
    co_await suspend();
    stranger.join();
    EXPECT_FALSE(outcome);
    write_to(other.writer);
    (void)co_await waiting;
    EXPECT_TRUE(outcome && *outcome);
  });
}

TEST_F(OrphanedRegistration, AWaitOnASourceThatIsFoundLostEndsEvenIfNothingElseHappens) {
  if constexpr (!LeavesOrphans<PlatformReactor>) return;
  Pipe other = std::move(sys::create_pipe().value());
  std::unique_ptr<IoSource> closed = source_of(std::move(other.reader));
  std::atomic<bool> told{false};
  bool late = false;
  run([&]() -> Task<> {
    std::optional<Result<>> outcome;
    JoinHandle<void> waiting = spawn(wait_readable, std::ref(*closed), std::ref(outcome));
    co_await yield_now();
    sys::close(closed->raw()).value();
    co_await orphan();
    const Waker waker = co_await current_waker();
    std::thread stranger([&] {
      for (int i = 0; i < 1'000'000 && !told; ++i) {
        write_to(pipe.writer);
        read_from(duplicate.raw());
      }
      late = !told;
      waker.wake();
    });
    (void)co_await waiting;
    told = true;
    stranger.join();
    EXPECT_TRUE(outcome && failed_with(*outcome, std::errc::operation_canceled));
    static_cast<void>(closed->into_fd().release());
  });
  EXPECT_FALSE(late);
}

TEST_F(OrphanedRegistration, ASourceThatWasClosedWithoutEddyIsLostWhenTheOrphanIsDropped) {
  Pipe other = std::move(sys::create_pipe().value());
  std::unique_ptr<IoSource> closed = source_of(std::move(other.reader));
  run([&]() -> Task<> {
    co_await register_by_waiting(*closed);
    sys::close(closed->raw()).value();
    co_await orphan();
    co_await disturb();
    if constexpr (LeavesOrphans<PlatformReactor>) {
      EXPECT_TRUE(failed_with(co_await closed->readable(), std::errc::bad_file_descriptor));
    }
    static_cast<void>(closed->into_fd().release());
  });
}

}  // namespace
}  // namespace eddy
