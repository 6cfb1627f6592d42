// Conduits carry a trickle and a flood whole, in order, and lose nothing.
// SPDX-License-Identifier: MIT
#include "eddy/net/conduit.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/loop.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::pattern;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr std::size_t kFlood = std::size_t{3} << 20;

/// Two connections, and the conduit between them: in.client, in.server, conduit, out.client,
/// out.server.
struct Route {
  TcpPair in;
  TcpPair out;
  Conduit conduit;
};

/// Makes the connection's buffers small, so that a flood soon fills them.
void narrow(TcpPair& pair) {
  EXPECT_TRUE(succeeded(pair.client.set_send_buffer_size(65536)));
  EXPECT_TRUE(succeeded(pair.server.set_receive_buffer_size(65536)));
}

/// Fills and drains until the output has no more room. Then `conduit` holds bytes.
Task<> fill_the_way(TcpStream& from, Conduit& conduit, TcpStream& to) {
  bool full = false;
  while (!full) {
    EXPECT_TRUE(succeeded(co_await conduit.fill(from)));
    const Result<std::size_t> passed = co_await timeout(50ms, conduit.drain(to));
    full = !passed;
  }
  EXPECT_FALSE(conduit.empty());
}

/// Carries all bytes that come in, and passes the end of the stream on.
Task<Result<>> carry(Route& route) {
  Conduit& conduit = route.conduit;
  while (co_await ok(conduit.fill(route.in.server)) != 0) {
    while (!conduit.empty()) co_await ok(conduit.drain(route.out.client));
  }
  co_return route.out.client.shutdown(ShutdownHow::write);
}

Task<> send(TcpStream& stream, std::size_t from, std::size_t size) {
  const std::vector<std::byte> data = pattern(size, from);
  EXPECT_TRUE(succeeded(co_await stream.write_all(data)));
}

Task<> expect(TcpStream& stream, std::size_t from, std::size_t size) {
  std::vector<std::byte> received(size);
  EXPECT_TRUE(succeeded(co_await stream.read_exact(received)));
  EXPECT_EQ(received, pattern(size, from));
}

Task<> expect_end(TcpStream& stream) {
  std::array<std::byte, 1> byte{};
  EXPECT_EQ(*co_await stream.read(byte), 0U);
}

TEST(Conduit, CarriesATrickleAndTheEndOfTheStream) {
  Route route;
  run([&]() -> Task<> {
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    for (std::size_t i = 0; i < 100; ++i) {
      co_await send(route.in.client, i * 10, 10);
      co_await expect(route.out.server, i * 10, 10);
    }
    EXPECT_TRUE(succeeded(route.in.client.shutdown(ShutdownHow::write)));
    co_await expect_end(route.out.server);
    EXPECT_TRUE(succeeded(*co_await carrying));
  });
}

TEST(Conduit, CarriesAFloodWholeAndInOrder) {
  Route route;
  run([&]() -> Task<> {
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    co_await when_all(send(route.in.client, 0, kFlood), expect(route.out.server, 0, kFlood));
    EXPECT_TRUE(succeeded(route.in.client.shutdown(ShutdownHow::write)));
    co_await expect_end(route.out.server);
    EXPECT_TRUE(succeeded(*co_await carrying));
  });
}

TEST(Conduit, GivesItsDescriptorsBackWhenAFloodBecomesATrickle) {
  Route route;
  run([&]() -> Task<> {
    const std::size_t before = test::count_descriptors_with_loop();
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    std::size_t at = 0;
    for (int round = 0; round < 3; ++round) {
      co_await when_all(send(route.in.client, at, kFlood), expect(route.out.server, at, kFlood));
      at += kFlood;
      for (int i = 0; i < 100; ++i, ++at) {
        co_await send(route.in.client, at, 1);
        co_await expect(route.out.server, at, 1);
      }
      EXPECT_EQ(test::count_descriptors_with_loop(), before);
    }
    carrying.abort();
    EXPECT_FALSE((co_await carrying).has_value());
  });
}

TEST(Conduit, ClosesWhatItOpenedWhenItIsDestroyedFull) {
  TcpPair in;
  run([&]() -> Task<> {
    const std::size_t before = test::count_descriptors_with_loop();
    {
      TcpPair out;
      Conduit conduit;
      const auto flood = [&]() -> Task<> { co_await send(in.client, 0, 4 * kFlood); };
      JoinHandle<void> sending = spawn(flood);
      narrow(out);
      co_await fill_the_way(in.server, conduit, out.client);
      sending.abort();
      static_cast<void>(co_await sending);
    }
    EXPECT_EQ(test::count_descriptors_with_loop(), before);
  });
}

TEST(Conduit, CarriesAFloodWithNoDescriptorsLeft) {
  if (!test::NoDescriptorsLeft::kPossible) GTEST_SKIP() << "no limit of descriptors here";
  Route route;
  run([&]() -> Task<> {
    const test::NoDescriptorsLeft none;
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    co_await when_all(send(route.in.client, 0, kFlood), expect(route.out.server, 0, kFlood));
    carrying.abort();
    EXPECT_FALSE((co_await carrying).has_value());
  });
}

TEST(Conduit, TakesNoMoreWhileItHoldsBytes) {
  Route route;
  run([&]() -> Task<> {
    co_await send(route.in.client, 0, 10);
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    co_await send(route.in.client, 10, 10);
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    EXPECT_EQ(route.conduit.size(), 10U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 10U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 0U) << "it held nothing";
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 10U);
    co_await expect(route.out.server, 0, 20);
  });
}

TEST(Conduit, LeavesTheBytesThatItDidNotTakeToARead) {
  Route route;
  run([&]() -> Task<> {
    std::array<std::byte, 4> first{};
    co_await send(route.in.client, 0, 10);
    EXPECT_TRUE(succeeded(co_await route.in.server.read_exact(first)));
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 6U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 6U);
    co_await send(route.in.client, 10, 10);
    co_await expect(route.in.server, 10, 10);
    co_await expect(route.out.server, 4, 6);
  });
}

TEST(Conduit, AFillThatIsCancelledWhileItWaitsTakesNothing) {
  Route route;
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, route.conduit.fill(route.in.server)),
                            std::errc::timed_out));
    EXPECT_TRUE(route.conduit.empty());
    co_await send(route.in.client, 0, 10);
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 10U);
    co_await expect(route.out.server, 0, 10);
  });
}

TEST(Conduit, AFillThatIsCancelledBetweenItsWakeAndItsTurnTakesNothing) {
  Route route;
  run([&]() -> Task<> {
    std::optional<JoinHandle<void>> filling;
    // One edge wakes both, in the order of their waits.
    const auto abort_it = [&]() -> Task<> {
      static_cast<void>(co_await route.in.server.readable());
      filling->abort();
    };
    const auto fill = [&]() -> Task<> {
      static_cast<void>(co_await route.conduit.fill(route.in.server));
    };
    JoinHandle<void> aborting = spawn(abort_it);
    filling.emplace(spawn(fill));
    co_await yield_now();
    co_await send(route.in.client, 0, 10);
    EXPECT_FALSE((co_await *filling).has_value());
    EXPECT_TRUE((co_await aborting).has_value());
    EXPECT_TRUE(route.conduit.empty());
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 10U);
    co_await expect(route.out.server, 0, 10);
  });
}

TEST(Conduit, ADrainThatIsCancelledWhileItWaitsLosesNothing) {
  Route route;
  narrow(route.out);
  run([&]() -> Task<> {
    const auto flood = [&]() -> Task<> { co_await send(route.in.client, 0, 4 * kFlood); };
    JoinHandle<void> sending = spawn(flood);
    int cancelled = 0;
    const auto carry_impatiently = [&]() -> Task<> {
      for (;;) {
        EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));
        while (!route.conduit.empty()) {
          const Result<std::size_t> passed =
              co_await timeout(1ms, route.conduit.drain(route.out.client));
          if (passed) continue;
          EXPECT_TRUE(failed_with(passed, std::errc::timed_out));
          ++cancelled;
        }
      }
    };
    JoinHandle<void> carrying = spawn(carry_impatiently);
    while (cancelled < 3) co_await yield_now();  // until the output has no more room
    co_await expect(route.out.server, 0, 4 * kFlood);
    EXPECT_TRUE((co_await sending).has_value());
    carrying.abort();
    EXPECT_FALSE((co_await carrying).has_value());
  });
}

TEST(Conduit, AStreamThatIsDestroyedEndsTheFillAndTheDrainThatWaitOnIt) {
  run([]() -> Task<> {
    auto route = std::make_unique<Route>();
    narrow(route->out);
    auto from = std::make_unique<TcpStream>(std::move(route->in.server));
    auto to = std::make_unique<TcpStream>(std::move(route->out.client));
    const auto fill = [&]() -> Task<Result<std::size_t>> {
      co_return co_await route->conduit.fill(*from);
    };
    JoinHandle<Result<std::size_t>> filling = spawn(fill);
    co_await yield_now();
    from.reset();
    EXPECT_TRUE(failed_with(*co_await filling, std::errc::operation_canceled));

    Conduit full;
    TcpPair other;
    const auto flood = [&]() -> Task<> { co_await send(other.client, 0, 4 * kFlood); };
    JoinHandle<void> sending = spawn(flood);
    co_await fill_the_way(other.server, full, *to);
    const auto drain = [&]() -> Task<Result<std::size_t>> { co_return co_await full.drain(*to); };
    JoinHandle<Result<std::size_t>> draining = spawn(drain);
    co_await yield_now();
    to.reset();
    EXPECT_TRUE(failed_with(*co_await draining, std::errc::operation_canceled));
    EXPECT_FALSE(full.empty());
    sending.abort();
    static_cast<void>(co_await sending);
  });
}

TEST(Conduit, AResetOfThePeerIsAnErrorOfTheFill) {
  Route route;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(route.in.client.set_reset_on_close(true)));
    route.in.client.close();
    EXPECT_TRUE(failed_with(co_await carry(route), std::errc::connection_reset));
  });
}

TEST(Conduit, APeerThatIsGoneInAFloodIsAnErrorOfTheDrainAndNoSignal) {
  Route route;
  run([&]() -> Task<> {
    const auto flood = [&]() -> Task<> {
      std::vector<std::byte> data(kFlood);
      while (co_await route.in.client.write_all(data)) continue;
    };
    JoinHandle<void> sending = spawn(flood);
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    std::vector<std::byte> some(kFlood);
    EXPECT_TRUE(succeeded(co_await route.out.server.read_exact(some)));
    EXPECT_TRUE(succeeded(route.out.server.set_reset_on_close(true)));
    route.out.server.close();
    const Result<> carried = *co_await carrying;
    EXPECT_TRUE(failed_with(carried, std::errc::connection_reset) ||
                failed_with(carried, std::errc::broken_pipe));
    // Once more, now that the connection is known to be gone.
    while (route.conduit.empty()) {
      EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));
    }
    const Result<std::size_t> drained = co_await route.conduit.drain(route.out.client);
    EXPECT_TRUE(failed_with(drained, std::errc::broken_pipe) ||
                failed_with(drained, std::errc::connection_reset));
    sending.abort();
    EXPECT_FALSE((co_await sending).has_value());
  });
}

TEST(Conduit, TheBytesThatItHoldsMoveWithIt) {
  Route route;
  run([&]() -> Task<> {
    co_await send(route.in.client, 0, 10);
    EXPECT_EQ(*co_await route.conduit.fill(route.in.server), 10U);
    Conduit moved = std::move(route.conduit);
    EXPECT_TRUE(route.conduit.empty());
    Conduit assigned;
    assigned = std::move(moved);
    EXPECT_EQ(assigned.size(), 10U);
    EXPECT_EQ(*co_await assigned.drain(route.out.client), 10U);
    co_await expect(route.out.server, 0, 10);
  });
}

TEST(ConduitDeathTest, AMoveWhileAFillOrADrainWaitsStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto move_while_it_fills = [](bool assign) {
    Route route;
    run([&]() -> Task<> {
      auto filling = spawn([&]() -> Task<> { (void)co_await route.conduit.fill(route.in.server); });
      co_await yield_now();
      Conduit other;
      if (assign) {
        route.conduit = std::move(other);
      } else {
        other = std::move(route.conduit);
      }
      co_await send(route.in.client, 0, 10);
      (void)co_await filling;
    });
  };
  EXPECT_DEATH(move_while_it_fills(false), "a Conduit was moved or assigned to while a task waits");
  EXPECT_DEATH(move_while_it_fills(true), "a Conduit was moved or assigned to while a task waits");
  const auto move_while_it_drains = [] {
    Route route;
    narrow(route.out);
    run([&]() -> Task<> {
      const auto flood = [&]() -> Task<> { co_await send(route.in.client, 0, kFlood); };
      JoinHandle<void> sending = spawn(flood);
      co_await fill_the_way(route.in.server, route.conduit, route.out.client);
      const auto drain = [&]() -> Task<> { (void)co_await route.conduit.drain(route.out.client); };
      JoinHandle<void> draining = spawn(drain);
      co_await yield_now();
      const Conduit other = std::move(route.conduit);
      std::vector<std::byte> got(kFlood);
      (void)co_await route.out.server.read_exact(got);
    });
  };
  EXPECT_DEATH(move_while_it_drains(), "a Conduit was moved or assigned to while a task waits");
}

}  // namespace
}  // namespace eddy
