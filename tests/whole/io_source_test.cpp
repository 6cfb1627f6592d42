// SPDX-License-Identifier: MIT

#include "eddy/reactor/io_source.hpp"

#include "eddy/compose/when_any.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/worker.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::bytes_of;
using test::failed_with;
using test::run;
using test::succeeded;

/// A pipe whose reader is a source.
struct WatchedPipe {
  WatchedPipe() : WatchedPipe(std::move(sys::create_pipe().value())) {}
  explicit WatchedPipe(Pipe pipe)
      : reader(IoSource(std::move(pipe.reader))), writer(std::move(pipe.writer)) {}

  void write(std::string_view text = "x") const {
    EXPECT_TRUE(succeeded(sys::write(writer.raw(), bytes_of(text))));
  }
  std::size_t drain() const {
    std::array<std::byte, 64> buffer{};
    return sys::read(reader->raw(), buffer).value_or(0);
  }

  std::optional<IoSource> reader;
  Fd writer;
};

Task<> wait_readable(IoSource& source, std::optional<Result<>>& outcome) {
  outcome = co_await source.readable();
}

TEST(IoSource, ASourceThatIsReadyNeedsNoRegistration) {
  const WatchedPipe pipe;
  pipe.write();
  const std::size_t before = test::watched_sources();
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(co_await const_cast<WatchedPipe&>(pipe).reader->readable()));
  });
  EXPECT_EQ(test::watched_sources(), before);
}

// moduvex_runtime called an empty pipe readable whenever its waiter was polled again.
TEST(IoSource, AnEmptyPipeIsNotReadableHoweverOftenItsWaiterIsWoken) {
  WatchedPipe pipe;
  std::optional<Result<>> outcome;
  std::optional<Waker> waker;
  run([&]() -> Task<> {
    const auto waiter = [&]() -> Task<> {
      waker = co_await current_waker();
      co_await wait_readable(*pipe.reader, outcome);
    };
    JoinHandle<void> handle = spawn(waiter);
    for (int i = 0; i < 10; ++i) {
      co_await yield_now();
      waker->wake();
    }
    co_await yield_now();
    EXPECT_FALSE(outcome);
    pipe.write();
    (void)co_await handle;
  });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(succeeded(*outcome));
}

// moduvex_runtime registered a source anew for each wait.
TEST(IoSource, WaitsAgainAndAgainOnOneRegistration) {
  WatchedPipe pipe;
  const std::size_t before = test::watched_sources();
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      pipe.write();
      co_return;
    };
    for (int i = 0; i < 100; ++i) {
      JoinHandle<void> writing = spawn(writer);  // runs once this task waits
      EXPECT_TRUE(succeeded(co_await pipe.reader->readable()));
      EXPECT_EQ(pipe.drain(), 1U);
      EXPECT_EQ(test::watched_sources(), before + 1);
      (void)co_await writing;
    }
  });
  pipe.reader.reset();
  EXPECT_EQ(test::watched_sources(), before);
}

// In moduvex_runtime arming one direction made the other deaf.
TEST(IoSource, AWaitForOneDirectionDoesNotDisarmTheOther) {
  test::SocketPair pair = test::connected_sockets();
  IoSource source(std::move(pair.server));
  const std::size_t sent = test::fill(source.raw());
  std::optional<Result<>> readable;
  std::optional<Result<>> writable;
  run([&]() -> Task<> {
    JoinHandle<void> reader = spawn(wait_readable, std::ref(source), std::ref(readable));
    co_await yield_now();
    const auto wait_writable = [&]() -> Task<> { writable = co_await source.writable(); };
    JoinHandle<void> writer = spawn(wait_writable);
    co_await yield_now();
    EXPECT_FALSE(readable || writable);

    test::send_text(pair.client.raw(), "x");
    (void)co_await reader;
    EXPECT_TRUE(readable.has_value());
    EXPECT_FALSE(writable);

    for (std::size_t got = 0; got < sent;) got += test::drain(pair.client.raw());
    (void)co_await writer;
    EXPECT_TRUE(writable.has_value());
  });
}

// In moduvex_runtime a second waiter of a direction replaced the first, which hung.
TEST(IoSource, EveryWaiterOfADirectionIsWoken) {
  WatchedPipe pipe;
  std::array<std::optional<Result<>>, 5> outcomes;
  run([&]() -> Task<> {
    std::vector<JoinHandle<void>> waiters;
    for (auto& outcome : outcomes) {
      waiters.push_back(spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome)));
    }
    co_await yield_now();
    pipe.write();
    for (auto& waiter : waiters) (void)co_await waiter;
  });
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome && *outcome);
}

// In moduvex_runtime a hang-up woke neither direction.
TEST(IoSource, AReaderOfAnEmptyPipeSeesItsWriterClose) {
  WatchedPipe pipe;
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    JoinHandle<void> reader = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
    co_await yield_now();
    pipe.writer.reset();
    (void)co_await reader;
  });
  EXPECT_TRUE(outcome && *outcome);
}

// In moduvex_runtime a hang-up woke neither direction.
TEST(IoSource, HangUpWakesBothDirections) {
  test::SocketPair pair = test::connected_sockets();
  IoSource source(std::move(pair.server));
  test::fill(source.raw());
  run([&]() -> Task<> {
    const auto wait_writable = [&]() -> Task<Result<>> { co_return co_await source.writable(); };
    const auto wait_readable_too = [&]() -> Task<Result<>> {
      co_return co_await source.readable();
    };
    JoinHandle<Result<>> writer = spawn(wait_writable);
    JoinHandle<Result<>> reader = spawn(wait_readable_too);
    co_await yield_now();
    test::reset_connection(pair.client);
    const JoinResult<Result<>> read = co_await reader;
    const JoinResult<Result<>> written = co_await writer;
    EXPECT_TRUE(read && *read);
    EXPECT_TRUE(written && *written);
  });
}

// moduvex_runtime ran wakers while the reactor was borrowed: dropping a source there panicked.
TEST(IoSource, MayBeDestroyedByTheTaskThatItWoke) {
  for (int again = 0; again < 3; ++again) {  // the same number and slot each time
    WatchedPipe pipe;
    const std::size_t before = test::watched_sources();
    run([&]() -> Task<> {
      const auto waiter = [&]() -> Task<> {
        EXPECT_TRUE(succeeded(co_await pipe.reader->readable()));
        pipe.reader.reset();
      };
      JoinHandle<void> handle = spawn(waiter);
      co_await yield_now();
      EXPECT_EQ(test::watched_sources(), before + 1);
      pipe.write();
      (void)co_await handle;
      EXPECT_EQ(test::watched_sources(), before);
    });
  }
}

// moduvex_runtime ran wakers while the reactor was borrowed: dropping a source there panicked.
TEST(IoSource, ATaskThatASourceWokeMayRegisterAnotherSource) {
  WatchedPipe first;
  WatchedPipe second;
  run([&]() -> Task<> {
    const auto waiter = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await first.reader->readable()));
      EXPECT_TRUE(succeeded(co_await second.reader->readable()));
    };
    JoinHandle<void> handle = spawn(waiter);
    co_await yield_now();
    first.write();
    co_await yield_now();
    second.write();
    (void)co_await handle;
  });
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST(IoSource, DestroyingItEndsEveryWaitWithOperationCanceled) {
  test::SocketPair pair = test::connected_sockets();
  std::optional<IoSource> source(std::move(pair.server));
  test::fill(source->raw());
  std::array<std::optional<Result<>>, 3> outcomes;
  run([&]() -> Task<> {
    const auto wait_writable = [&]() -> Task<> { outcomes[2] = co_await source->writable(); };
    JoinHandle<void> a = spawn(wait_readable, std::ref(*source), std::ref(outcomes[0]));
    JoinHandle<void> b = spawn(wait_readable, std::ref(*source), std::ref(outcomes[1]));
    JoinHandle<void> c = spawn(wait_writable);
    co_await yield_now();
    source.reset();
    (void)co_await a;
    (void)co_await b;
    (void)co_await c;
  });
  for (const auto& outcome : outcomes) {
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(failed_with(*outcome, std::errc::operation_canceled));
  }
}

TEST(IoSource, ClosingItAndTakingItsDescriptorOutEndWaitsToo) {
  for (const bool by_close : {true, false}) {
    WatchedPipe pipe;
    std::optional<Result<>> outcome;
    Fd taken;
    run([&]() -> Task<> {
      JoinHandle<void> waiter = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
      co_await yield_now();
      if (by_close) {
        pipe.reader->close();
      } else {
        taken = pipe.reader->into_fd();
      }
      (void)co_await waiter;
    });
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(failed_with(*outcome, std::errc::operation_canceled));
    EXPECT_EQ(test::is_open(taken.raw()), !by_close);
  }
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST(IoSource, DestroyingItAfterTheWakeButBeforeTheWaiterRunsCancelsToo) {
  WatchedPipe pipe;
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    JoinHandle<void> waiter = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
    co_await yield_now();
    pipe.write();
    test::poll_until_woken();  // the waiter is on the ready queue
    pipe.reader.reset();
    (void)co_await waiter;
  });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(failed_with(*outcome, std::errc::operation_canceled));
}

TEST(IoSource, DestroyingItAfterAWakeByAWakerCancelsToo) {
  WatchedPipe pipe;
  std::optional<Result<>> outcome;
  std::optional<Waker> waker;
  run([&]() -> Task<> {
    const auto waiting = [&]() -> Task<> {
      waker = co_await current_waker();
      co_await wait_readable(*pipe.reader, outcome);
    };
    JoinHandle<void> waiter = spawn(waiting);
    co_await yield_now();
    waker->wake();
    pipe.reader.reset();
    (void)co_await waiter;
  });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(failed_with(*outcome, std::errc::operation_canceled));
}

TEST(IoSource, OneOfTwoSourcesInABatchMayBeDestroyedByTheWaiterOfTheOther) {
  WatchedPipe first;
  WatchedPipe second;
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    const auto destroyer = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await first.reader->readable()));
      second.reader.reset();
    };
    JoinHandle<void> a = spawn(destroyer);
    JoinHandle<void> b = spawn(wait_readable, std::ref(*second.reader), std::ref(outcome));
    co_await yield_now();
    first.write();
    test::poll_until_woken();
    second.write();
    test::spin_until_ready(second.reader->raw(), Interest::readable);
    test::poll_once();  // on epoll and kqueue both events are in one batch now
    (void)co_await a;
    (void)co_await b;
  });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(failed_with(*outcome, std::errc::operation_canceled));
}

// moduvex_runtime closed a descriptor before it deregistered it.
TEST(IoSource, IsDeregisteredBeforeItIsClosed) {
  WatchedPipe pipe;
  const Fd duplicate = std::move(sys::duplicate(pipe.reader->raw()).value());
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    JoinHandle<void> waiter = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
    co_await yield_now();
    pipe.reader.reset();
    (void)co_await waiter;
  });
  pipe.write();  // the duplicate keeps the pipe open: a registration that is left would fire
  EXPECT_TRUE(test::poll_once().empty());
}

// moduvex_runtime closed a descriptor before it deregistered it.
TEST(IoSource, AReusedNumberGetsNoEventOfItsPredecessor) {
  WatchedPipe old;
  const RawSource number = old.reader->raw();
  const Fd duplicate = std::move(sys::duplicate(number).value());
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    JoinHandle<void> waiter = spawn(wait_readable, std::ref(*old.reader), std::ref(outcome));
    co_await yield_now();
    old.write();
    Pipe pipe = std::move(sys::create_pipe().value());
    old.reader.reset();
    (void)co_await waiter;
    std::optional<IoSource> reused{test::duplicate_onto(pipe.reader.raw(), number)};
    EXPECT_EQ(reused->raw(), number);
    outcome.reset();
    JoinHandle<void> stranger = spawn(wait_readable, std::ref(*reused), std::ref(outcome));
    co_await yield_now();
    test::poll_once();
    co_await yield_now();
    EXPECT_FALSE(outcome);
    EXPECT_TRUE(succeeded(sys::write(pipe.writer.raw(), bytes_of("x"))));
    (void)co_await stranger;
    EXPECT_TRUE(outcome && *outcome);
  });
}

TEST(IoSource, ARegularFileIsAlwaysReady) {
  if (!test::kFilesAreSources) GTEST_SKIP() << "files are no sources on this system";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  IoSource source(std::move(sys::duplicate(test::source_of(file.get())).value()));
  IoSource null(test::open_null());
  run([&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(succeeded(co_await source.readable()));
      EXPECT_TRUE(succeeded(co_await source.writable()));
      EXPECT_TRUE(succeeded(co_await null.readable()));
    }
  });
}

TEST(IoSource, WaitingOnADescriptorThatCannotBeWatchedIsAnError) {
  if (!test::kFilesAreSources) GTEST_SKIP() << "files are no sources on this system";
  IoSource source(test::open_null());
  detail::Waiter waiter;
  EXPECT_TRUE(failed_with(detail::SourceAccess(source).wait(Direction::read, waiter),
                          std::errc::operation_not_permitted));
  EXPECT_FALSE(waiter.linked());
}

TEST(IoSource, WaitingWithoutADescriptorIsAnError) {
  IoSource source{Fd()};
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await source.readable(), std::errc::operation_canceled));
  });
}

TEST(IoSource, MayBeMovedWhileNoTaskWaits) {
  WatchedPipe pipe;
  run([&]() -> Task<> {
    const auto write = [&]() -> Task<> {
      pipe.write();
      co_return;
    };
    JoinHandle<void> first = spawn(write);
    EXPECT_TRUE(succeeded(co_await pipe.reader->readable()));  // registered here
    EXPECT_EQ(pipe.drain(), 1U);
    IoSource moved = std::move(*pipe.reader);
    WatchedPipe other;
    *other.reader = std::move(moved);
    JoinHandle<void> second = spawn(write);
    EXPECT_TRUE(succeeded(co_await other.reader->readable()));
    (void)co_await first;
    (void)co_await second;
  });
}

TEST(IoSource, ACancelledWaitLeavesNothingBehind) {
  WatchedPipe pipe;
  std::optional<Result<>> outcome;
  run([&]() -> Task<> {
    JoinHandle<void> cancelled = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
    co_await yield_now();
    cancelled.abort();
    (void)co_await cancelled;
    EXPECT_FALSE(outcome);
    JoinHandle<void> next = spawn(wait_readable, std::ref(*pipe.reader), std::ref(outcome));
    co_await yield_now();
    pipe.write();
    (void)co_await next;
    EXPECT_TRUE(outcome && *outcome);
  });
}

TEST(IoSource, AShortTransferEndsReadinessOnlyUntilTheNextEdge) {
  WatchedPipe pipe;
  const detail::SourceAccess reader(*pipe.reader);
  const auto transfer_one_of_two = [&] {
    return reader.attempt(Direction::read, [] { return sys::Count(1); }, 2);
  };
  detail::Waiter waiter;
  ASSERT_TRUE(succeeded(reader.wait(Direction::read, waiter)));
  EXPECT_FALSE(reader.is_ready(Direction::read));
  pipe.write();
  test::poll_until_woken();
  EXPECT_EQ(detail::Worker::current().ready.pop(), &waiter);
  EXPECT_TRUE(reader.is_ready(Direction::read));
  EXPECT_EQ(transfer_one_of_two().value(), 1U);
  EXPECT_EQ(reader.is_ready(Direction::read), !PlatformReactor::kShortTransferEndsReadiness);
  // No edge follows the end of the stream, so readiness stays from then on.
  pipe.writer.reset();
  test::poll_once();
  EXPECT_EQ(transfer_one_of_two().value(), 1U);
  EXPECT_TRUE(reader.is_ready(Direction::read));
}

TEST(IoSource, OnlyAnAttemptThatWouldBlockEndsReadiness) {
  WatchedPipe pipe;
  const detail::SourceAccess reader(*pipe.reader);
  detail::Waiter waiter;
  ASSERT_TRUE(succeeded(reader.wait(Direction::read, waiter)));
  pipe.write();
  test::poll_until_woken();
  EXPECT_EQ(detail::Worker::current().ready.pop(), &waiter);
  const auto fail_with = [&](std::errc error) {
    return reader.attempt(Direction::read, [&]() -> sys::Count { return failure(error); });
  };

  for (const std::errc error : {std::errc::interrupted, std::errc::io_error}) {
    EXPECT_TRUE(failed_with(fail_with(error), error));
    EXPECT_TRUE(reader.is_ready(Direction::read));
  }
  EXPECT_TRUE(
      failed_with(fail_with(std::errc::operation_would_block), std::errc::operation_would_block));
  EXPECT_FALSE(reader.is_ready(Direction::read));
}

}  // namespace
}  // namespace eddy
