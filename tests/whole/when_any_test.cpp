// SPDX-License-Identifier: MIT

#include "eddy/compose/when_any.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/reactor.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

Task<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<int> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a branch");
}

Task<int> never(Guard) {
  co_await suspend();
  co_return 0;
}

TEST(WhenAny, GivesTheFirstOfSeveral) {
  run([]() -> Task<> {
    const auto first = co_await when_any(after(3, 1), after(1, 2), after(2, 3));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(std::get<1>(first), 2);
  });
}

TEST(WhenAny, GivesAVariantWithMonostateForVoid) {
  run([]() -> Task<> {
    std::array<std::byte, 1> buffer{};
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    auto first = co_await when_any(after(1, 1), sleep_for(1h), stream.read(buffer));
    static_assert(
        std::is_same_v<decltype(first), std::variant<int, std::monostate, Result<std::size_t>>>);
    EXPECT_EQ(first.index(), 0U);
    const auto second = co_await when_any(sleep_for(1h), yield_now());
    EXPECT_EQ(second.index(), 1U);
  });
}

TEST(WhenAny, OfOneBranchGivesItsResult) {
  run([]() -> Task<> {
    const auto only = co_await when_any(after(2, 7));
    EXPECT_EQ(std::get<0>(only), 7);
  });
}

TEST(WhenAny, MovesTheValueOut) {
  run([]() -> Task<> {
    auto make = []() -> Task<std::unique_ptr<int>> {
      co_await yield_now();
      co_return std::make_unique<int>(3);
    };
    const auto first = co_await when_any(make(), sleep_for(1h));
    EXPECT_EQ(*std::get<0>(first), 3);
  });
}

TEST(WhenAny, ABranchThatEndsAtOnceKeepsLaterOnesFromStarting) {
  run([]() -> Task<> {
    Log log;
    auto branch = [&](std::string name, bool wait) -> Task<> {
      log.push_back(name);
      const Trace trace(log, name);
      if (wait) co_await suspend();
    };
    const auto first =
        co_await when_any(branch("waits", true), branch("ends", false), branch("never", false));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(log, (Log{"waits", "ends", "~ends", "~waits"}));
  });
}

TEST(WhenAny, DestroysItsLosersBeforeItReturns) {
  run([]() -> Task<> {
    Tally tally;
    auto body = [&]() -> Task<> {
      const auto first =
          co_await when_any(never(Guard(tally)), after(2, 1), never(Guard(tally)), sleep_for(1h));
      EXPECT_EQ(first.index(), 1U);
      EXPECT_TRUE(tally.all_gone_once());
    };
    co_await body();
    auto lose = [&]() -> Task<> {
      const Guard local(tally);
      co_await suspend();
    };
    auto use = [&](std::size_t index) {
      EXPECT_EQ(index, 1U);
      EXPECT_TRUE(tally.all_gone_once()) << "within the expression too";
    };
    use((co_await when_any(lose(), after(2, 1))).index());
  });
}

TEST(WhenAny, ThrowsIfTheFirstToEndThrows) {
  run([]() -> Task<> {
    Tally tally;
    EXPECT_THROW(co_await when_any(never(Guard(tally)), fail_after(0)), std::runtime_error);
    EXPECT_THROW(co_await when_any(never(Guard(tally)), fail_after(2)), std::runtime_error);
    const auto first = co_await when_any(fail_after(3), after(1, 1));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(WhenAny, TheSecondOfTwoReadyBranchesNeverRuns) {
  run([]() -> Task<> {
    std::optional<Waker> first_waker;
    std::optional<Waker> second_waker;
    bool second_ran = false;
    auto first = [&]() -> Task<int> {
      first_waker.emplace(co_await current_waker());
      co_await suspend();
      co_return 1;
    };
    auto second = [&]() -> Task<int> {
      second_waker.emplace(co_await current_waker());
      co_await suspend();
      second_ran = true;
      co_return 2;
    };
    spawn([&]() -> Task<> {
      first_waker->wake();
      second_waker->wake();
      co_return;
    }).detach();
    const auto result = co_await when_any(first(), second());
    EXPECT_EQ(result.index(), 0U);
    EXPECT_FALSE(second_ran) << "what it did would be lost";
  });
}

TEST(WhenAny, TakesOneOfTwoReadySocketsAndLosesNothingOfTheOther) {
  run([]() -> Task<> {
    test::SocketPair left_pair = test::connected_sockets();
    test::SocketPair right_pair = test::connected_sockets();
    TcpStream left(std::move(left_pair.server));
    TcpStream right(std::move(right_pair.server));
    for (int round = 0; round < 20; ++round) {
      spawn([&]() -> Task<> {
        test::send_text(left_pair.client.raw(), "left");
        test::send_text(right_pair.client.raw(), "right");
        test::spin_until_ready(left.raw(), Interest::readable);
        test::spin_until_ready(right.raw(), Interest::readable);
        co_return;
      }).detach();
      std::array<std::byte, 16> left_buffer{};
      std::array<std::byte, 16> right_buffer{};
      const auto first = co_await when_any(left.read(left_buffer), right.read(right_buffer));
      std::size_t left_got = 0;
      std::size_t right_got = 0;
      if (first.index() == 0) {
        left_got = std::get<0>(first).value();
      } else {
        right_got = std::get<1>(first).value();
      }
      if (left_got == 0) left_got = (co_await left.read(left_buffer)).value();
      if (right_got == 0) right_got = left_got == 0 ? 0 : right.try_read(right_buffer).value_or(0);
      EXPECT_EQ(left_got, 4U);
      EXPECT_EQ(right_got, 5U);
    }
  });
}

TEST(WhenAny, ACancelledReadLeavesTheBytes) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 16> buffer{};
    std::optional<Waker> other;
    auto win = [&]() -> Task<> {
      other.emplace(co_await current_waker());
      co_await suspend();
    };
    // Both in one turn: the winner is woken first, then the read, which is destroyed before it
    // runs.
    auto wake_both = [&]() -> Task<> {
      other->wake();
      test::send_text(sockets.client.raw(), "bytes");
      test::spin_until_ready(stream.raw(), Interest::readable);
      test::poll_once();
      co_return;
    };
    spawn(wake_both).detach();
    const auto first = co_await when_any(stream.read(buffer), win());
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ((co_await stream.read(buffer)).value_or(0), 5U);
  });
}

TEST(WhenAny, ACancelledAcceptLeavesTheConnectionInTheBacklog) {
  run([]() -> Task<> {
    TcpListener listener = TcpListener::bind(SocketAddress::loopback(0)).value();
    const auto first = co_await when_any(listener.accept(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    const Fd client = test::connect_to(listener.raw());
    const auto second = co_await when_any(sleep_for(10s), listener.accept());
    EXPECT_EQ(second.index(), 1U);
    if (second.index() != 1) co_return;
    EXPECT_TRUE(std::get<1>(second).has_value());
  });
}

TEST(WhenAny, ACancelledJoinLeavesTheResult) {
  run([]() -> Task<> {
    JoinHandle<int> left = spawn(after, 2, 1);
    JoinHandle<int> right = spawn(after, 2, 2);
    const auto first = co_await when_any(left, right);
    EXPECT_EQ(first.index(), 0U);
    EXPECT_EQ(std::get<0>(first).value(), 1);
    EXPECT_EQ((co_await right).value(), 2);
  });
}

TEST(WhenAny, OwnsAJoinHandleThatItIsGiven) {
  run([]() -> Task<> {
    const auto first = co_await when_any(spawn(after, 2, 9), sleep_for(1h));
    EXPECT_EQ(std::get<0>(first).value(), 9);
    bool ended = false;
    auto task = [&]() -> Task<> {
      for (int i = 0; i < 5; ++i) co_await yield_now();
      ended = true;
    };
    co_await when_any(spawn(task), yield_now());
    EXPECT_FALSE(ended);
    for (int i = 0; i < 6; ++i) co_await yield_now();
    EXPECT_TRUE(ended) << "a handle that is dropped detaches";
  });
}

TEST(WhenAny, TakesAnOperationInMayLose) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 4> buffer{};
    const auto first = co_await when_any(may_lose(stream.read_exact(buffer)), yield_now());
    EXPECT_EQ(first.index(), 1U);
    test::send_text(sockets.client.raw(), "four");
    const auto second = co_await when_any(may_lose(stream.read_exact(buffer)), sleep_for(10s));
    EXPECT_EQ(second.index(), 0U);
    EXPECT_TRUE(std::get<0>(second).has_value());
    const auto third = co_await when_any(may_lose(stream.write_all(buffer)), sleep_for(10s));
    EXPECT_TRUE(std::get<0>(third).has_value());
    EXPECT_TRUE((co_await may_lose(stream.write_all(buffer))).has_value());
  });
}

TEST(WhenAny, MayBeNested) {
  run([]() -> Task<> {
    Tally tally;
    const auto first =
        co_await when_any(when_any(never(Guard(tally)), when_any(after(5, 1), never(Guard(tally)))),
                          when_any(sleep_for(1h), when_any(never(Guard(tally)), after(2, 2))));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(std::get<1>(std::get<1>(std::get<1>(first))), 2);
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_EQ(tally.made > 0, true);
  });
}

TEST(WhenAny, CancelsItsBranchesIfItIsCancelledWhileItWaits) {
  run([]() -> Task<> {
    Log log;
    auto branch = [&](std::string name) -> Task<> {
      const Trace trace(log, name);
      co_await suspend();
    };
    auto outer = [&]() -> Task<> {
      const Trace trace(log, "outer");
      co_await when_any(branch("first"), branch("second"), sleep_for(1h));
    };
    JoinHandle<void> handle = spawn(outer);
    co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_EQ(log.size(), 3U);
    EXPECT_EQ(log.back(), "~outer");
  });
}

TEST(WhenAny, ALoserThatIsDestroyedMayWakeTheWinnerTheAwaiterAndItself) {
  run([]() -> Task<> {
    Tally tally;
    const Waker selector = co_await current_waker();
    std::optional<Waker> winner;
    std::optional<Waker> loser;
    auto win = [&](Guard) -> Task<> {
      winner.emplace(co_await current_waker());
      co_await yield_now();
    };
    auto lose = [&](Guard) -> Task<> {
      loser.emplace(co_await current_waker());
      const AtEnd at_end([&] {
        winner->wake();
        loser->wake();
        selector.wake();
      });
      co_await suspend();
    };
    const auto first = co_await when_any(win(Guard(tally)), lose(Guard(tally)));
    EXPECT_EQ(first.index(), 0U);
    EXPECT_TRUE(tally.all_gone_once());
    co_await yield_now();
  });
}

TEST(WhenAny, CanBeRepeatedOverTheSameSources) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 16> buffer{};
    for (int i = 0; i < 1000; ++i) {
      const auto first = co_await when_any(stream.read(buffer), yield_now());
      EXPECT_EQ(first.index(), 1U);
    }
    test::send_text(sockets.client.raw(), "end");
    const auto last = co_await when_any(stream.read(buffer), sleep_for(10s));
    EXPECT_EQ(last.index(), 0U);
  });
}

}  // namespace
}  // namespace eddy
