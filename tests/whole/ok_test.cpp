// SPDX-License-Identifier: MIT

#include "eddy/task/ok.hpp"

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

constexpr auto kError = std::errc::host_unreachable;

Task<Result<int>> give(int value, bool wait) {
  if (wait) co_await yield_now();
  co_return value;
}

Task<Result<int>> fail(bool wait) {
  if (wait) co_await yield_now();
  co_return failure(kError);
}

TEST(Ok, GivesTheValueOfATask) {
  auto add = [](bool wait) -> Task<Result<int>> {
    const int left = co_await ok(give(1, wait));
    co_return left + co_await ok(give(2, !wait));
  };
  for (const bool wait : {false, true}) EXPECT_EQ(block_on(add(wait)).value_or(0), 3);
}

TEST(Ok, GivesTheValueOfAnOperation) {
  test::SocketPair sockets = test::connected_sockets();
  TcpStream stream(std::move(sockets.server));
  auto echo = [&]() -> Task<Result<std::size_t>> {
    std::array<std::byte, 8> buffer{};
    const std::size_t count = co_await ok(stream.read(buffer));
    co_await ok(stream.write_all(std::span(buffer).first(count)));
    co_return count;
  };
  run([&]() -> Task<> {
    test::send_text(sockets.client.raw(), "text");
    EXPECT_EQ((co_await echo()).value_or(0), 4U);
    JoinHandle<Result<std::size_t>> waiting = spawn(echo);
    co_await yield_now();
    test::send_text(sockets.client.raw(), "later");
    EXPECT_EQ((co_await waiting).value().value_or(0), 5U);
  });
}

TEST(Ok, AnErrorEndsTheCoroutineAndDestroysItsLocalsBeforeItsCallerGoesOn) {
  Log log;
  auto middle = [&](Trace, bool wait) -> Task<Result<std::string>> {
    const Trace local(log, "local");
    const int value = co_await ok(fail(wait));
    log.emplace_back("never");
    co_return std::to_string(value);
  };
  for (const bool wait : {false, true}) {
    log.clear();
    run([&]() -> Task<> {
      const Result<std::string> result = co_await middle(Trace(log, "argument"), wait);
      log.emplace_back("caller goes on");
      EXPECT_TRUE(test::failed_with(result, kError));
    });
    EXPECT_EQ(log, (Log{"~local", "~argument", "caller goes on"}));
  }
}

TEST(Ok, AnErrorPassesThroughNestedTasksOfDifferentTypes) {
  Tally tally;
  auto first = [&](bool wait) -> Task<Result<int>> {
    const Guard local(tally);
    co_return co_await ok(fail(wait)) + 1;
  };
  auto second = [&](bool wait) -> Task<Result<std::string>> {
    const Guard local(tally);
    co_return std::to_string(co_await ok(first(wait)));
  };
  auto third = [&](bool wait) -> Task<Result<>> {
    const Guard local(tally);
    if (wait) co_await yield_now();
    const std::string text = co_await ok(second(wait));
    EXPECT_TRUE(text.empty()) << "goes on without a value";
    co_return {};
  };
  for (const bool wait : {false, true}) {
    EXPECT_TRUE(test::failed_with(block_on(third(wait)), kError));
  }
  EXPECT_EQ(tally.made, 6);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Ok, AnErrorEndsASpawnedTask) {
  run([]() -> Task<> {
    for (const bool wait : {false, true}) {
      Tally tally;
      auto task = [&](Guard, bool later) -> Task<Result<int>> {
        const Guard local(tally);
        co_return co_await ok(fail(later));
      };
      JoinHandle<Result<int>> handle = spawn(task, Guard(tally), wait);
      const JoinResult<Result<int>> joined = co_await handle;
      EXPECT_TRUE(test::failed_with(joined.value(), kError));
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(Ok, AnErrorOfAnOperationEndsTheCoroutineAtOnceOrAfterAWait) {
  run([]() -> Task<> {
    auto use = [](TcpStream& stream, Tally& tally) -> Task<Result<int>> {
      const Guard local(tally);
      std::array<std::byte, 8> buffer{};
      co_await ok(stream.read_exact(buffer));
      ADD_FAILURE() << "goes on without a value";
      co_return 1;
    };
    Tally tally;
    TcpStream closed{Fd()};
    EXPECT_FALSE((co_await use(closed, tally)).has_value());

    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    JoinHandle<Result<int>> waiting = spawn(use, std::ref(stream), std::ref(tally));
    co_await yield_now();
    sockets.client.reset();
    EXPECT_TRUE(test::failed_with((co_await waiting).value(), Error::end_of_stream));
    EXPECT_EQ(tally.made, 2);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Ok, InTheTaskOfBlockOnGivesTheErrorToTheCaller) {
  Tally tally;
  auto root = [&](bool wait) -> Task<Result<>> {
    const Guard local(tally);
    co_await ok(fail(wait));
    co_return {};
  };
  for (const bool wait : {false, true}) {
    EXPECT_TRUE(test::failed_with(block_on(root(wait)), kError));
  }
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Ok, ThrowsInATaskThatReturnsNoResult) {
  run([]() -> Task<> {
    for (const bool wait : {false, true}) {
      bool caught = false;
      try {
        co_await ok(fail(wait));
        ADD_FAILURE() << "goes on without a value";
      } catch (const std::system_error& error) {
        caught = true;
        EXPECT_EQ(error.code(), kError);
      }
      EXPECT_TRUE(caught);
      EXPECT_EQ(co_await ok(give(2, wait)), 2);
      EXPECT_THROW(co_await ok(timeout(0s, suspend())), std::system_error);
    }
  });
}

TEST(Ok, PassesOnTheExceptionOfATask) {
  auto throws = [](bool wait) -> Task<Result<int>> {
    if (wait) co_await yield_now();
    throw std::runtime_error("of the child");
  };
  auto outer = [&](bool wait) -> Task<Result<int>> { co_return co_await ok(throws(wait)); };
  auto catches = [&](bool wait) -> Task<Result<int>> {
    try {
      co_return co_await ok(throws(wait));
    } catch (const std::runtime_error&) {
      co_return 5;
    }
  };
  for (const bool wait : {false, true}) {
    EXPECT_THROW(static_cast<void>(block_on(outer(wait))), std::runtime_error);
    EXPECT_EQ(block_on(catches(wait)).value_or(0), 5);
  }
}

TEST(Ok, PassesOnTheExceptionOfAnOperation) {
  auto throws = [](bool wait) -> Task<int> {
    if (wait) co_await yield_now();
    throw std::runtime_error("of the child");
  };
  auto timed = [&](bool wait) -> Task<Result<int>> {
    co_return co_await ok(timeout(1h, throws(wait)));
  };
  auto body = [&](TaskGroup& group) -> Task<Result<int>> {
    group.spawn([]() -> Task<> {
      throw std::runtime_error("of a task of the group");
      co_return;
    });
    co_await suspend();
    co_return 1;
  };
  auto grouped = [&]() -> Task<Result<int>> { co_return co_await ok(with_group(body)); };
  for (const bool wait : {false, true}) {
    EXPECT_THROW(static_cast<void>(block_on(timed(wait))), std::runtime_error);
  }
  EXPECT_THROW(static_cast<void>(block_on(grouped())), std::runtime_error);
}

TEST(Ok, MovesAMoveOnlyValueOut) {
  auto make = [](bool wait) -> Task<Result<std::unique_ptr<int>>> {
    if (wait) co_await yield_now();
    co_return std::make_unique<int>(4);
  };
  auto use = [&](bool wait) -> Task<Result<int>> {
    const std::unique_ptr<int> value = co_await ok(make(wait));
    co_return *value;
  };
  for (const bool wait : {false, true}) EXPECT_EQ(block_on(use(wait)).value_or(0), 4);
}

TEST(Ok, PassesOnTheErrorOfATimeout) {
  run([]() -> Task<> {
    auto limited = [](Duration limit, Duration length) -> Task<Result<int>> {
      co_await ok(timeout(limit, sleep_for(length)));
      co_return 1;
    };
    EXPECT_EQ((co_await limited(1h, 1ms)).value_or(0), 1);
    EXPECT_TRUE(test::failed_with(co_await limited(1ms, 1h), std::errc::timed_out));
  });
}

TEST(Ok, YieldsWhenTheBudgetIsUsedUpAndLosesNothing) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    constexpr std::size_t kBytes = 1000;
    test::send_text(sockets.client.raw(), std::string(kBytes, 'x'));
    test::spin_until_ready(stream.raw(), Interest::readable);
    std::size_t read = 0;
    auto reader = [&]() -> Task<Result<>> {
      std::array<std::byte, 1> byte{};
      while (read < kBytes) read += co_await ok(stream.read(byte));
      co_return {};
    };
    JoinHandle<Result<>> handle = spawn(reader);
    co_await yield_now();
    EXPECT_GE(read, detail::kBudget);
    EXPECT_LT(read, 2 * detail::kBudget);
    EXPECT_TRUE((co_await handle).value().has_value());
    EXPECT_EQ(read, kBytes);
  });
}

TEST(Ok, AnErrorWhenTheBudgetIsUsedUpEndsTheCoroutineToo) {
  run([]() -> Task<> {
    // So that an error comes at each remaining budget.
    for (int before = detail::kBudget - 8; before < detail::kBudget + 12; ++before) {
      Tally tally;
      auto task = [&](int operations) -> Task<Result<>> {
        const Guard local(tally);
        TcpStream closed{Fd()};
        std::array<std::byte, 1> byte{};
        for (int i = 0; i < operations; ++i) co_await sleep_for(0s);
        co_await ok(closed.read(byte));
        ADD_FAILURE() << "goes on without a value";
        co_return {};
      };
      EXPECT_FALSE((co_await task(before)).has_value());
      JoinHandle<Result<>> handle = spawn(task, before);
      EXPECT_FALSE((co_await handle).value().has_value());
      EXPECT_TRUE(tally.all_gone_once());
    }
  });
}

TEST(Ok, DestroysTheWholeChainIfItIsCancelledWhileItWaits) {
  run([]() -> Task<> {
    Log log;
    auto inner = [&]() -> Task<Result<int>> {
      const Trace local(log, "inner");
      co_await ok(timeout(1h, suspend()));
      co_return 1;
    };
    auto outer = [&]() -> Task<Result<int>> {
      const Trace local(log, "outer");
      co_return co_await ok(inner());
    };
    JoinHandle<Result<int>> handle = spawn(outer);
    co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_EQ(log, (Log{"~inner", "~outer"}));
  });
}

TEST(Ok, AnErrorBeforeAnAbortInTheSameTurnIsWhatTheJoinGives) {
  // The task has ended with its error when the abort comes: the join gives the error.
  run([]() -> Task<> {
    std::optional<JoinHandle<Result<int>>> handle;
    auto inner = [&]() -> Task<Result<int>> {
      const AtEnd at_end([&] { handle->abort(); });
      co_return co_await ok(fail(true));
    };
    auto outer = [&]() -> Task<Result<int>> { co_return co_await ok(inner()); };
    handle.emplace(spawn(outer));
    const JoinResult<Result<int>> joined = co_await *handle;
    EXPECT_TRUE(joined.has_value() && !joined->has_value());
  });
}

}  // namespace
}  // namespace eddy
