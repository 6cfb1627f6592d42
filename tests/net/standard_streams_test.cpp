// Programs whose standard streams are closed, or whose standard error nobody reads.
// SPDX-License-Identifier: MIT
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/fatal.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/child_process.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::passes_in_child;
using test::run;
using test::succeeded;

/// From now on standard error is a pipe that nobody reads.
void lose_the_reader_of_stderr() {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
  ::close(ends[0]);
  ::close(ends[1]);
}

/// For the child of a fork, which may not use the parent's reactor. The parent has one if a test
/// has run before.
void use_a_reactor_of_its_own() {
  EXPECT_TRUE(succeeded(with_reactor_mut([](Reactor& reactor) { return reactor.rebuild(); })));
}

void block_sigpipe(int how) {
  sigset_t sigpipe;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(how, &sigpipe, nullptr);
}

bool sigpipe_is_pending() {
  sigset_t pending;
  ::sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

TEST(StandardStreams, AReportThatNobodyReadsRaisesNoSignal) {
  EXPECT_TRUE(passes_in_child([] {
    lose_the_reader_of_stderr();
    detail::warn("one");
    block_sigpipe(SIG_BLOCK);
    detail::warn("two");
    EXPECT_FALSE(sigpipe_is_pending());
    block_sigpipe(SIG_UNBLOCK);
    ::signal(SIGPIPE, SIG_IGN);
    detail::warn("three");
  }));
}

TEST(StandardStreams, AReportLeavesTheSigpipeThatWasPendingBefore) {
  EXPECT_TRUE(passes_in_child([] {
    lose_the_reader_of_stderr();
    block_sigpipe(SIG_BLOCK);
    ::pthread_kill(::pthread_self(), SIGPIPE);
    detail::warn("one");
    EXPECT_TRUE(sigpipe_is_pending());
  }));
}

Task<> fails() {
  co_await yield_now();
  throw std::runtime_error("one connection went wrong");
}

TEST(StandardStreams, AnExceptionThatIsReportedToNobodyLeavesTheProgramAlive) {
  EXPECT_TRUE(passes_in_child([] {
    lose_the_reader_of_stderr();
    use_a_reactor_of_its_own();
    run([]() -> Task<> {
      spawn(fails).detach();
      co_await sleep_for(1ms);
    });
  }));
}

void close_standard_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(number);
}

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

testing::AssertionResult stands_above_and_is_whole(const Fd& fd) {
  const bool above = fd.raw() > STDERR_FILENO;
  const bool keeps_flags = (::fcntl(fd.raw(), F_GETFD) & FD_CLOEXEC) != 0 &&
                           (::fcntl(fd.raw(), F_GETFL) & O_NONBLOCK) != 0;
  return above && keeps_flags ? testing::AssertionSuccess() : testing::AssertionFailure();
}

TEST(StandardStreams, ADescriptorThatTheSeamOpensDoesNotTakeThePlaceOfAClosedOne) {
  EXPECT_TRUE(passes_in_child([] {
    close_standard_streams();
    std::vector<Fd> opened;
    opened.push_back(std::move(sys::create_stream_socket(SocketAddress::Family::v4).value()));
    opened.push_back(std::move(sys::duplicate(opened.front().raw()).value()));
    for (const auto create : {sys::create_pipe, sys::create_bell}) {
      Pipe pipe = std::move(create().value());
      opened.push_back(std::move(sys::create_bell_reader(pipe).value()));
      opened.push_back(std::move(pipe.reader));
      opened.push_back(std::move(pipe.writer));
    }
    for (const Fd& fd : opened) EXPECT_TRUE(stands_above_and_is_whole(fd));
    const Fd reserve = std::move(sys::open_reserve().value());
    EXPECT_GT(reserve.raw(), STDERR_FILENO);
    for (const int number : {0, 1, 2}) EXPECT_FALSE(is_open(number));
  }));
}

TEST(StandardStreams, AServerThatWasStartedWithoutThemServes) {
  EXPECT_TRUE(passes_in_child([] {
    close_standard_streams();
    use_a_reactor_of_its_own();
    TcpListener listener = test::listen_anywhere();
    run([&]() -> Task<> {
      spawn(fails).detach();
      Result<TcpStream> client = co_await TcpStream::connect(test::address_of(listener));
      Result<Accepted> server = co_await listener.accept();
      EXPECT_TRUE(succeeded(client));
      EXPECT_TRUE(succeeded(server));
      if (!client || !server) co_return;
      for (const int number : {client->raw(), server->stream.raw(), listener.raw()}) {
        EXPECT_GT(number, STDERR_FILENO);
      }
      std::array<std::byte, 5> bytes{};
      EXPECT_TRUE(succeeded(co_await client->write_all(bytes)));
      EXPECT_TRUE(succeeded(co_await server->stream.read_exact(bytes)));
    });
    for (const int number : {0, 1, 2}) EXPECT_FALSE(is_open(number));
  }));
}

/// Takes every free descriptor number above those of the standard streams.
void take_all_numbers() {
  rlimit few{};
  ::getrlimit(RLIMIT_NOFILE, &few);
  few.rlim_cur = 256;
  ::setrlimit(RLIMIT_NOFILE, &few);
  while (::fcntl(STDERR_FILENO, F_DUPFD, STDERR_FILENO + 1) >= 0) continue;
}

TEST(StandardStreams, EachConnectionThatFindsOnlyTheirNumbersIsCountedAsShed) {
  EXPECT_TRUE(passes_in_child([] {
    use_a_reactor_of_its_own();
    TcpListener listener = test::listen_anywhere();
    run([&]() -> Task<> {
      co_await sleep_for(1ms);  // opens what the loop needs
      std::vector<TcpStream> clients;
      for (int i = 0; i < 3; ++i) clients.emplace_back(test::connect_to(listener.raw()));
      ::close(STDIN_FILENO);
      take_all_numbers();
      JoinHandle<void> accepting = spawn([&]() -> Task<> { (void)co_await listener.accept(); });
      std::array<std::byte, 1> buffer{};
      for (TcpStream& client : clients) EXPECT_EQ((co_await client.read(buffer)).value_or(1), 0U);
      EXPECT_EQ(listener.shed_count(), clients.size());
      EXPECT_FALSE(is_open(STDIN_FILENO));
      accepting.abort();
      (void)co_await accepting;
    });
  }));
}

}  // namespace
}  // namespace eddy
