// The kernel refuses what the loop, the reactor or the listener needs.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

class RefusedRuntimeDeathTest : public testing::Test {
 protected:
  RefusedRuntimeDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  /// Runs the first loop of a thread, while the kernel refuses `call`.
  static void run_refused(fault::Call call, int error) {
    std::thread([&] {
      const fault::Refused refused(call, error);
      run([]() -> Task<> { co_await sleep_for(1ms); });
    }).join();
  }
};

TEST_F(RefusedRuntimeDeathTest, WithoutABellForOtherThreadsTheProgramStopsWithTheReason) {
  EXPECT_EXIT(run_refused(fault::Call::create_bell, EMFILE), testing::KilledBySignal(SIGABRT),
              "cannot make the notifier of this thread's run loop: Too many open files");
}

TEST_F(RefusedRuntimeDeathTest, IfTheBellCannotBeWatchedTheProgramStopsWithTheReason) {
  EXPECT_EXIT(run_refused(fault::Call::epoll_add, ENOSPC), testing::KilledBySignal(SIGABRT),
              "cannot make the notifier of this thread's run loop: No space left on device");
}

TEST_F(RefusedRuntimeDeathTest, IfTheReactorCannotWaitTheProgramStopsWithTheReason) {
  EXPECT_EXIT(run_refused(fault::Call::epoll_wait, EINVAL), testing::KilledBySignal(SIGABRT),
              "the reactor cannot wait for events: Invalid argument");
}

TEST(RefusedPoll, LetsReadableCompleteWithoutTheKernelsAnswer) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  run([&]() -> Task<> {
    const fault::Refused refused(fault::Call::poll_now, ENOMEM);
    EXPECT_TRUE(succeeded(co_await source.readable()));  // the caller's system call gets the error
  });
}

TEST(RefusedPoll, ADescriptorWhoseModeCannotBeReadIsAccepted) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.writer));
  run([&]() -> Task<> {
    const fault::Refused refused(fault::Call::is_nonblocking, EBADF);
    EXPECT_TRUE(succeeded(co_await source.writable()));
  });
}

TEST(RefusedRegistration, OfAnAcceptThatWouldBackOffIsTheErrorOfTheAccept) {
  TcpListener listener = test::listen_anywhere();
  const Fd client = test::connect_to(listener.raw());
  run([&]() -> Task<> {
    const test::NoDescriptorsLeft none;
    const fault::Refused refused(fault::Call::epoll_add, ENOSPC);
    EXPECT_TRUE(failed_with(co_await listener.accept(), std::errc::no_space_on_device));
  });
}

TEST(RefusedReserve, AListenerWithoutAReserveShedsNobodyAndGoesOnWhenDescriptorsAreFree) {
  run([&]() -> Task<> {
    const fault::Refused refused(fault::Call::open_reserve, EMFILE);
    TcpListener listener = test::listen_anywhere();
    const Fd client = test::connect_to(listener.raw());
    fault::reset_counts();
    {
      const test::NoDescriptorsLeft none;
      EXPECT_FALSE(co_await timeout(35ms, listener.accept()));
    }
    EXPECT_LE(fault::count_of(fault::Call::accept), 5U) << "it spins";
    EXPECT_EQ(listener.shed_count(), 0U);
    EXPECT_TRUE(succeeded(co_await listener.accept()));
  });
}

/// A source whose registration outlives its number, an orphan: each write wakes the loop for
/// nobody.
Task<> be_woken_by_an_orphan(int times) {
  Pipe pipe = std::move(sys::create_pipe().value());
  IoSource source(std::move(pipe.reader));
  EXPECT_FALSE(co_await timeout(1us, source.readable()));
  const Fd duplicate = std::move(sys::duplicate(source.raw()).value());
  EXPECT_TRUE(succeeded(sys::close(source.raw())));
  static_cast<void>(source.into_fd().release());
  for (int i = 0; i < times; ++i) {
    EXPECT_TRUE(succeeded(sys::write(pipe.writer.raw(), test::bytes_of("x"))));
    co_await sleep_for(1us);
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(succeeded(sys::read(duplicate.raw(), buffer)));
  }
}

class RefusedReplacement : public testing::TestWithParam<fault::Call> {};

TEST_P(RefusedReplacement, LeavesTheLoopWithItsOldEpoll) {
  test::TcpPair pair;
  std::array<std::byte, 8> buffer{};
  run([&]() -> Task<> {
    EXPECT_FALSE(co_await timeout(1us, pair.server.read(buffer)));  // registered
    {
      fault::reset_counts();
      const auto disturb = [] { return be_woken_by_an_orphan(100); };
      JoinHandle<void> disturbing = spawn(disturb);
      co_await sleep_for(1us);  // by then it has registered its source
      const fault::Refused refused(GetParam(), ENOSPC);
      (void)co_await disturbing;
      EXPECT_GT(fault::count_of(GetParam()), 0U);
    }
    EXPECT_TRUE(succeeded(co_await pair.client.write(test::bytes_of("bytes"))));
    EXPECT_EQ(co_await pair.server.read(buffer), Result<std::size_t>(5));
  });
}

INSTANTIATE_TEST_SUITE_P(Calls, RefusedReplacement,
                         testing::Values(fault::Call::epoll_create, fault::Call::epoll_add),
                         [](const auto& call) { return fault::name_of(call.param); });

}  // namespace
}  // namespace eddy
