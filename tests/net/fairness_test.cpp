// A task that is always ready does not hold up others. One that is never ready costs nothing.
// SPDX-License-Identifier: MIT
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::succeeded;
using test::TcpPair;

/// Two tasks that keep a connection busy in both directions for as long as they live.
Task<> write_for_ever(TcpStream& stream) {
  const std::vector<std::byte> block(4096);
  while (co_await stream.write(block)) {
  }
}
Task<> read_for_ever(TcpStream& stream) {
  std::array<std::byte, 512> buffer{};
  while ((co_await stream.read(buffer)).value_or(0) != 0) {
  }
}

class Fairness : public testing::Test {
 protected:
  void flood(TcpPair& pair) {
    busy_.push_back(spawn(write_for_ever, std::ref(pair.client)));
    busy_.push_back(spawn(read_for_ever, std::ref(pair.server)));
  }
  Task<> stop() {
    for (auto& handle : busy_) handle.abort();
    for (auto& handle : busy_) static_cast<void>(co_await handle);
  }

  TcpPair busy_pair_;
  std::vector<JoinHandle<void>> busy_;
};

TEST_F(Fairness, ASocketThatIsAlwaysReadyDoesNotHoldUpAnother) {
  TcpPair quiet;
  run([&]() -> Task<> {
    flood(busy_pair_);
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(succeeded(co_await quiet.client.write_all(test::bytes_of("ping"))));
      std::array<std::byte, 4> buffer{};
      EXPECT_TRUE(succeeded(co_await quiet.server.read_exact(buffer)));
    }
    co_await stop();
  });
}

TEST_F(Fairness, ASocketThatIsAlwaysReadyDoesNotHoldUpATimer) {
  run([&]() -> Task<> {
    flood(busy_pair_);
    for (int i = 0; i < 10; ++i)
      co_await sleep_for(1ms);  // if this is held up, the test exceeds its time limit
    co_await stop();
  });
}

TEST_F(Fairness, AnAcceptLoopUnderAFloodDoesNotHoldUpATimer) {
  TcpListener listener = test::listen_anywhere();
  run([&]() -> Task<> {
    int accepted = 0;
    const auto acceptor = [&]() -> Task<> {
      while (co_await listener.accept()) ++accepted;
    };
    const auto client = [&]() -> Task<> {
      while (co_await TcpStream::connect(test::address_of(listener))) {
      }
    };
    busy_.push_back(spawn(acceptor));
    for (int i = 0; i < 4; ++i) busy_.push_back(spawn(client));
    for (int i = 0; i < 10; ++i) co_await sleep_for(1ms);
    EXPECT_GT(accepted, 0);
    co_await stop();
  });
}

TEST(Idle, ConnectionsThatWaitWakeNobody) {
  std::vector<TcpPair> pairs(200);
  run([&]() -> Task<> {
    std::vector<JoinHandle<void>> readers;
    for (TcpPair& pair : pairs) readers.push_back(spawn(read_for_ever, std::ref(pair.server)));
    co_await sleep_for(20ms);  // then all of them wait
    const long before = test::sleeps_of_this_thread();
    co_await sleep_for(250ms);
    EXPECT_LE(test::sleeps_of_this_thread() - before, 3);
    for (auto& reader : readers) reader.abort();
    for (auto& reader : readers) static_cast<void>(co_await reader);
  });
}

}  // namespace
}  // namespace eddy
