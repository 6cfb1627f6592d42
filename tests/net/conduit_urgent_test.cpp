// An urgent byte in a stream that a conduit carries: a splice never gets past the urgent mark.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_all.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/task/spawn.hpp"

#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace eddy {
namespace {

using test::pattern;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr std::size_t kBefore = 1'000'000;
constexpr std::size_t kAfter = 50'000;

/// Two connections, and the conduit between them.
struct Route {
  TcpPair in;
  TcpPair out;
};

Task<Result<>> carry(Route& route) {
  Conduit conduit;
  while (co_await ok(conduit.fill(route.in.server)) != 0) {
    while (!conduit.empty()) co_await ok(conduit.drain(route.out.client));
  }
  co_return route.out.client.shutdown(ShutdownHow::write);
}

/// Sends a flood, an urgent byte, and more.
Task<> send(TcpStream& stream) {
  const std::vector<std::byte> before = pattern(kBefore);
  const std::vector<std::byte> after = pattern(kAfter, kBefore);
  EXPECT_TRUE(succeeded(co_await stream.write_all(before)));
  test::send_urgent(stream.raw(), '!');
  EXPECT_TRUE(succeeded(co_await stream.write_all(after)));
}

TEST(Conduit, CarriesWhatComesAfterAnUrgentByteAndThenTheEnd) {
  Route route;
  run([&]() -> Task<> {
    std::vector<std::byte> received;
    const auto send_all = [&]() -> Task<> {
      co_await send(route.in.client);
      EXPECT_TRUE(succeeded(route.in.client.shutdown(ShutdownHow::write)));
    };
    const auto receive = [&]() -> Task<> {
      std::vector<std::byte> block(65536);
      for (;;) {
        const Result<std::size_t> n = co_await route.out.server.read(block);
        EXPECT_TRUE(succeeded(n));
        if (n.value_or(0) == 0) co_return;
        received.insert(received.end(), block.begin(),
                        block.begin() + static_cast<std::ptrdiff_t>(*n));
      }
    };
    const auto carry_all = [&]() -> Task<> { EXPECT_TRUE(succeeded(co_await carry(route))); };
    co_await when_all(send_all(), carry_all(), receive());
    EXPECT_EQ(received, pattern(kBefore + kAfter));
  });
}

TEST(Conduit, CarriesWhatComesAfterAnUrgentByteWithoutAnEnd) {
  Route route;
  run([&]() -> Task<> {
    JoinHandle<Result<>> carrying = spawn(carry, std::ref(route));
    std::vector<std::byte> received(kBefore + kAfter);
    const auto receive = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await route.out.server.read_exact(received)));
    };
    co_await when_all(send(route.in.client), receive());
    EXPECT_EQ(received, pattern(kBefore + kAfter));
    carrying.abort();
    EXPECT_FALSE((co_await carrying).has_value());
  });
}

}  // namespace
}  // namespace eddy
