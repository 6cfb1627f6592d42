// The descriptors that the whole library opens, and its work under interruptions by signals.
// SPDX-License-Identifier: MIT
#include "support/descriptors.hpp"

#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/signal/signal_set.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/interrupt_storm.hpp"
#include "support/loop.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::succeeded;

std::set<RawSource> open_descriptors() {
  std::set<RawSource> found;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/fd")) {
    const int fd = std::stoi(entry.path().filename());
    if (test::is_open(fd)) found.insert(fd);
  }
  return found;
}

// moduvex_runtime opened descriptors without close-on-exec.
TEST(Descriptors, ThatTheLibraryOpensAreCloseOnExec) {
  const std::set<RawSource> before = open_descriptors();
  int seen = 0;
  std::thread([&] {  // with a reactor and a loop of its own
    run([&]() -> Task<> {
      TcpListener listener = test::listen_anywhere();
      const Result<TcpStream> client = co_await TcpStream::connect(test::address_of(listener));
      const Result<Accepted> server = co_await listener.accept();
      const Result<SignalSet> signals = SignalSet::create({SIGUSR1});
      co_await sleep_for(1ms);
      for (const RawSource fd : open_descriptors()) {
        if (before.contains(fd)) continue;
        // The descriptor with which the others were listed is closed by now.
        if (!test::is_open(fd)) continue;
        EXPECT_TRUE(test::is_close_on_exec(fd)) << fd;
        ++seen;
      }
    });
  })
      .join();
  EXPECT_GE(seen, 7);  // epoll, a bell of two, a listener and its reserve, two streams
}

TEST(Descriptors, AThreadThatEndsLeavesNoneOpen) {
  static_cast<void>(SignalSet::create({SIGUSR1}));  // opens the bell, once for the process
  const std::size_t before = test::count_descriptors_with_loop();
  for (int i = 0; i < 3; ++i) {
    std::thread([] {
      run([]() -> Task<> {
        TcpListener listener = test::listen_anywhere();
        const Result<TcpStream> client = co_await TcpStream::connect(test::address_of(listener));
        const Result<SignalSet> signals = SignalSet::create({SIGUSR1});
        co_await sleep_for(1ms);
      });
    }).join();
  }
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(Interruptions, AStormIsNeverSeenByATransfer) {
  constexpr std::size_t kSize = 4 << 20;
  test::TcpPair pair;
  const test::InterruptStorm storm(300us);
  run([&]() -> Task<> {
    const auto write = [&]() -> Task<> {
      const std::vector<std::byte> data = test::pattern(kSize);
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(data)));
    };
    JoinHandle<void> writing = spawn(write);
    std::vector<std::byte> got(kSize);
    EXPECT_TRUE(succeeded(co_await pair.server.read_exact(got)));
    EXPECT_TRUE(got == test::pattern(kSize));
    (void)co_await writing;
    while (storm.count() < 20) co_await sleep_for(1ms);
  });
}

TEST(Interruptions, AStormNeitherShortensNorLengthensASleep) {
  const test::InterruptStorm storm(300us);
  run([&]() -> Task<> {
    do {  // until many signals have come: a busy machine may run this thread once in 50 ms
      const Instant start = Clock::now();
      co_await sleep_for(50ms);
      EXPECT_GE(Clock::now() - start, 50ms);
      EXPECT_LT(Clock::now() - start, 5s);
    } while (storm.count() <= 10);
  });
}

}  // namespace
}  // namespace eddy
