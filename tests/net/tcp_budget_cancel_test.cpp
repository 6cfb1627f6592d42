// A task that has to yield must not hold data that it would lose if it is cancelled then.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/reactor.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::run;
using test::TcpPair;

constexpr std::size_t kBytes = 1000;

Task<> read_bytes(TcpStream& stream, std::size_t& got) {
  std::array<std::byte, 1> buffer{};
  for (;;) {
    const Result<std::size_t> n = co_await stream.read(buffer);
    if (!n || *n == 0) co_return;
    ++got;
  }
}

Task<Result<>> read_bytes_ok(TcpStream& stream, std::size_t& got) {
  std::array<std::byte, 1> buffer{};
  for (;;) {
    co_await ok(stream.read(buffer));
    ++got;
  }
}

template <class Reader>
void abort_after_turns(Reader reader, int turns) {
  TcpPair pair;
  std::size_t got = 0;
  run([&]() -> Task<> {
    test::send_text(pair.client.raw(), std::string(kBytes, 'x'));
    test::spin_until_ready(pair.server.raw(), Interest::readable);
    auto reading = spawn(reader, std::ref(pair.server), std::ref(got));
    for (int i = 0; i < turns; ++i) co_await yield_now();
    reading.abort();
    static_cast<void>(co_await reading);
  });
  EXPECT_GT(got, 0U);
  EXPECT_LT(got, kBytes);  // else the task was not cancelled in the middle
  EXPECT_EQ(got + test::drain(pair.server.raw()), kBytes) << "after " << turns << " turns";
}

TEST(TcpBudget, AReaderThatIsCancelledWhileItYieldsHasLostNothing) {
  for (int turns = 1; turns < 5; ++turns) abort_after_turns(read_bytes, turns);
}

TEST(TcpBudget, AReaderWithOkThatIsCancelledWhileItYieldsHasLostNothing) {
  for (int turns = 1; turns < 5; ++turns) abort_after_turns(read_bytes_ok, turns);
}

TEST(TcpBudget, AnAcceptorThatIsCancelledWhileItYieldsHasDroppedNoConnection) {
  constexpr int kClients = 200;
  TcpListener listener = test::listen_anywhere();
  std::vector<Fd> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(test::connect_to(listener.raw()));
  std::vector<TcpStream> accepted;
  run([&]() -> Task<> {
    const auto acceptor = [&]() -> Task<> {
      for (;;) {
        Result<Accepted> stream = co_await listener.accept();
        if (stream) accepted.push_back(std::move(stream->stream));
      }
    };
    JoinHandle<void> accepting = spawn(acceptor);
    co_await yield_now();
    accepting.abort();
    (void)co_await accepting;
    EXPECT_GT(accepted.size(), 0U);
    EXPECT_LT(accepted.size(), std::size_t{kClients});
    while (accepted.size() < kClients) {
      Result<Fd> left = sys::accept(listener.raw(), nullptr);
      EXPECT_TRUE(left.has_value()) << "a connection is gone";
      if (!left) break;
      accepted.emplace_back(std::move(*left));
    }
  });
}

TEST(TcpBudget, ABranchThatUsesTheBudgetUpIsNotCancelledWithDataThatItTook) {
  for (int before = detail::kBudget - 8; before < detail::kBudget + 4; ++before) {
    TcpPair pair;
    std::size_t got = 0;
    run([&]() -> Task<> {
      test::send_text(pair.client.raw(), "x");
      test::spin_until_ready(pair.server.raw(), Interest::readable);
      const auto reader = [&]() -> Task<> {
        for (int i = 0; i < before; ++i) static_cast<void>(co_await current_waker());
        std::array<std::byte, 1> byte{};
        co_await when_any(pair.server.read(byte), sleep_for(std::chrono::hours(1)));
        ++got;
      };
      JoinHandle<void> reading = spawn(reader);
      const auto aborter = [&]() -> Task<> {
        reading.abort();
        co_return;
      };
      JoinHandle<void> aborting = spawn(aborter);
      static_cast<void>(co_await reading);
      (void)co_await aborting;
    });
    EXPECT_EQ(got + test::drain(pair.server.raw()), 1U) << "after " << before << " operations";
  }
}

// A turn is 61 tasks. With 60 tasks that always run, each turn begins one task earlier. So after
// some turns the branch is the last task of its turn.
TEST(TcpBudget, AnAbortByAnotherThreadAtTheEndOfATurnDropsNoConnection) {
  TcpListener listener = test::listen_anywhere();
  for (int turns = 0; turns < 62; ++turns) {
    bool accepted = false;
    bool over = false;
    run([&]() -> Task<> {
      const auto acceptor = [&]() -> Task<> {
        co_await when_any(listener.accept(), sleep_for(std::chrono::hours(1)));
        accepted = true;
      };
      const auto yielder = [&]() -> Task<> {
        while (!over) co_await yield_now();
      };
      JoinHandle<void> accepting = spawn(acceptor);
      std::vector<JoinHandle<void>> yielding;
      for (int i = 0; i < 59; ++i) yielding.push_back(spawn(yielder));
      for (int i = 0; i < turns + 3; ++i) co_await yield_now();
      const Fd client = test::connect_to(listener.raw());
      test::spin_until_ready(listener.raw(), Interest::readable);
      test::poll_once();
      std::thread([abort = accepting.abort_handle()] { abort.abort(); }).join();
      static_cast<void>(co_await accepting);
      over = true;
      for (JoinHandle<void>& handle : yielding) (void)co_await handle;
      const bool waits = sys::accept(listener.raw(), nullptr).has_value();
      EXPECT_NE(accepted, waits) << "after " << turns << " turns";
    });
  }
}

}  // namespace
}  // namespace eddy
