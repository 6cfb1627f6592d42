// Nothing on the hot path allocates after a warm-up.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "alloc/counting_new.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

class NoAllocation : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::frames_are_pooled()) {
      GTEST_SKIP() << "coroutine frames come from the heap in this build, for the sanitizer";
    }
  }

  /// The number of allocations in a hundred calls of the coroutine `f`, after ten calls to warm up.
  template <class F>
  static long count(F f) {
    return run([&]() -> Task<long> {
      for (int i = 0; i < 10; ++i) co_await f();
      const long before = test::allocations();
      for (int i = 0; i < 100; ++i) co_await f();
      co_return test::allocations() - before;
    });
  }
};

Task<int> child(bool wait) {
  if (wait) co_await yield_now();
  co_return 1;
}

TEST_F(NoAllocation, PerAwaitOfAChild) {
  EXPECT_EQ(count([]() -> Task<> {
              static_cast<void>(co_await child(false));
              static_cast<void>(co_await child(true));
            }),
            0);
}

TEST_F(NoAllocation, PerYield) {
  EXPECT_EQ(count([]() -> Task<> { co_await yield_now(); }), 0);
}

TEST_F(NoAllocation, PerSleep) {
  EXPECT_EQ(count([]() -> Task<> { co_await sleep_for(10us); }), 0);
}

TEST_F(NoAllocation, PerTickOfAnInterval) {
  Interval every(10us);
  EXPECT_EQ(count([&]() -> Task<> { co_await every.tick(); }), 0);
}

TEST_F(NoAllocation, PerRetryAndPermitOfARateLimiter) {
  RateLimiter limiter({.permits = 1, .per = 10us}, 1);
  int calls = 0;
  auto attempt = [&]() -> Task<Result<>> {
    co_await ok(limiter.acquire());
    if (++calls % 2 == 1) co_return failure(std::errc::connection_reset);
    co_return {};
  };
  EXPECT_EQ(
      count([&]() -> Task<> { static_cast<void>(co_await retry({.first_delay = 10us}, attempt)); }),
      0);
}

TEST_F(NoAllocation, PerSpawnAndJoin) {
  EXPECT_EQ(count([]() -> Task<> {
              JoinHandle<int> at_once = spawn(child, false);
              JoinHandle<int> later = spawn(child, true);
              static_cast<void>(co_await at_once);
              static_cast<void>(co_await later);
              spawn(child, true).detach();
            }),
            0);
}

TEST_F(NoAllocation, PerAbort) {
  EXPECT_EQ(count([]() -> Task<> {
              JoinHandle<int> handle = spawn(child, true);
              co_await yield_now();
              handle.abort();
              static_cast<void>(co_await handle);
            }),
            0);
}

TEST_F(NoAllocation, PerWhenAny) {
  EXPECT_EQ(count([]() -> Task<> {
              co_await when_any(child(false), sleep_for(1h));
              co_await when_any(child(true), sleep_for(1h));
            }),
            0);
}

TEST_F(NoAllocation, PerRoundWithAPinnedBranch) {
  auto rounds = []() -> Task<> {
    Event never;
    Pinned pinned(child(true));
    co_await when_any(pinned, never.wait());
    pinned.set(child(false));
    co_await when_any_fair(never.wait(), pinned);
  };
  EXPECT_EQ(count(rounds), 0);
}

TEST_F(NoAllocation, PerTimeout) {
  EXPECT_EQ(count([]() -> Task<> {
              static_cast<void>(co_await timeout(1h, child(true)));
              static_cast<void>(co_await timeout(10us, suspend()));
              static_cast<void>(co_await timeout(1h, yield_now()));
            }),
            0);
}

TEST_F(NoAllocation, PerWhenAllOfSeveral) {
  EXPECT_EQ(count([]() -> Task<> { co_await when_all(child(true), yield_now()); }), 0);
}

TEST_F(NoAllocation, PerTaskOfAGroup) {
  EXPECT_EQ(count([]() -> Task<> {
              auto body = [](TaskGroup& group) -> Task<> {
                group.spawn([]() -> Task<> { co_await yield_now(); });
                co_await group.idle();
              };
              co_await with_group(body);
            }),
            0);
}

TEST_F(NoAllocation, PerTaskOfAJoinSet) {
  EXPECT_EQ(count([]() -> Task<> {
              JoinSet<int> set;
              set.spawn(child, true);
              set.spawn(child, false);
              static_cast<void>(co_await set.next());  // the other one ends with the set
            }),
            0);
}

TEST_F(NoAllocation, PerMessageOfAChannel) {
  auto [sender, receiver] = channel<int>(1);
  auto [unbounded, other_receiver] = unbounded_channel<int>();
  auto pass_two = [&]() -> Task<> {
    auto send = [&]() -> Task<> {
      static_cast<void>(co_await sender.send(1));
      static_cast<void>(co_await sender.send(2));  // waits
    };
    JoinHandle<> sending = spawn(send);
    static_cast<void>(co_await receiver.receive());  // waits
    static_cast<void>(co_await receiver.receive());
    static_cast<void>(co_await sending);
    static_cast<void>(unbounded.send(3));
    static_cast<void>(co_await other_receiver.receive());
  };
  EXPECT_EQ(count(pass_two), 0);
}

TEST_F(NoAllocation, PerValueOfABroadcastOrAWatch) {
  auto [sender, receiver] = broadcast<int>(2);
  auto [changes, watcher] = watch<int>(0);
  auto pass = [&]() -> Task<> {
    sender.send(1);
    static_cast<void>(co_await receiver.receive());
    changes.send(2);
    static_cast<void>(co_await watcher.changed());
    static_cast<void>(watcher.get());
  };
  EXPECT_EQ(count(pass), 0);
}

TEST_F(NoAllocation, PerOk) {
  auto result = []() -> Task<Result<int>> {
    co_await yield_now();
    co_return 1;
  };
  auto use = [&]() -> Task<Result<>> {
    static_cast<void>(co_await ok(result()));
    co_await ok(timeout(1h, yield_now()));
    co_return {};
  };
  EXPECT_EQ(count([&]() -> Task<> { static_cast<void>(co_await use()); }), 0);
}

TEST_F(NoAllocation, PerWakeOfATaskWhoseWakerIsKept) {
  std::optional<Waker> kept;
  EXPECT_EQ(run([&]() -> Task<long> {
              kept.emplace(co_await current_waker());
              long before = 0;
              for (int i = 0; i < 110; ++i) {
                if (i == 10) before = test::allocations();
                kept->wake();
                co_await suspend();
                const Waker again = co_await current_waker();
                again.wake();
                co_await suspend();
              }
              co_return test::allocations() - before;
            }),
            0);
}

TEST_F(NoAllocation, PerReadWriteAndWaitOfASocket) {
  test::SocketPair sockets = test::connected_sockets();
  TcpStream left(std::move(sockets.client));
  TcpStream right(std::move(sockets.server));
  std::array<std::byte, 512> in{};
  std::array<std::byte, 512> out{};
  auto answer = [&]() -> Task<> {
    static_cast<void>(co_await right.read_exact(in));
    static_cast<void>(co_await right.write_all(in));
  };
  EXPECT_EQ(count([&]() -> Task<> {
              JoinHandle<void> server = spawn(answer);  // waits first
              co_await yield_now();
              static_cast<void>(co_await left.write_all(out));
              static_cast<void>(co_await left.readable());
              static_cast<void>(co_await timeout(1h, left.read_exact(out)));
              static_cast<void>(co_await when_any(left.read(out), yield_now()));
              static_cast<void>(co_await server);
            }),
            0);
}

TEST_F(NoAllocation, PerReadIntoABufferOfAPool) {
  test::SocketPair sockets = test::connected_sockets();
  TcpStream left(std::move(sockets.client));
  TcpStream right(std::move(sockets.server));
  BufferPool pool;
  std::array<std::byte, 512> out{};
  auto answer = [&]() -> Task<> {
    const Result<PooledBuffer> bytes = co_await right.read(pool);
    static_cast<void>(co_await right.write_all(*bytes));
  };
  EXPECT_EQ(count([&]() -> Task<> {
              JoinHandle<void> server = spawn(answer);  // waits first
              co_await yield_now();
              static_cast<void>(co_await left.write_all(out));
              const Result<PooledBuffer> back = co_await left.read(pool);  // waits
              static_cast<void>(co_await server);
            }),
            0);
}

TEST_F(NoAllocation, PerTurnOfTheLoopOverManyTasks) {
  run([]() -> Task<> {
    bool stop = false;
    auto spin = [&]() -> Task<> {
      while (!stop) co_await yield_now();
    };
    for (int i = 0; i < 100; ++i) spawn(spin).detach();
    for (int i = 0; i < 10; ++i) co_await yield_now();
    const long before = test::allocations();
    for (int i = 0; i < 100; ++i) co_await yield_now();
    co_await sleep_for(2ms);
    EXPECT_EQ(test::allocations() - before, 0);
    stop = true;
    co_await yield_now();
  });
}

}  // namespace
}  // namespace eddy
