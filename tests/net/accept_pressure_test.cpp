// Accepting when the process is out of descriptors, and from clients that are gone.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/loop.hpp"
#include "support/processor_time.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::address_of;
using test::failed_with;
using test::listen_anywhere;
using test::NoDescriptorsLeft;
using test::run;
using test::succeeded;

/// Waits until the kernel reports the end or the reset of a client's connection.
Task<bool> is_turned_away(TcpStream& client) {
  std::array<std::byte, 1> buffer{};
  const Result<std::size_t> read = co_await client.read(buffer);
  co_return read ? *read == 0 : read.error() == std::errc::connection_reset;
}

class AcceptPressure : public testing::Test {
 protected:
  TcpStream connect() { return TcpStream(test::connect_to(listener_.raw())); }

  Task<> accept_one() {
    accepted_ = co_await listener_.accept();
    ++count_;
  }

  TcpListener listener_ = listen_anywhere();
  std::optional<Result<Accepted>> accepted_;
  int count_ = 0;
};

// moduvex_runtime handed EMFILE to the caller, who could do nothing about it.
TEST_F(AcceptPressure, WithoutDescriptorsTheOldestConnectionIsShedAndCounted) {
  run([&]() -> Task<> {
    TcpStream client = connect();
    const std::size_t before = test::count_descriptors_with_loop();
    std::optional<NoDescriptorsLeft> none(std::in_place);
    JoinHandle<void> accepting = spawn([&]() -> Task<> { co_await accept_one(); });
    EXPECT_TRUE(co_await is_turned_away(client));
    EXPECT_EQ(listener_.shed_count(), 1U);
    EXPECT_FALSE(accepting.finished());
    none.reset();
    EXPECT_EQ(test::count_descriptors_with_loop(),
              before);  // the reserve is back, and nothing else is left open
    accepting.abort();
    (void)co_await accepting;
  });
}

TEST_F(AcceptPressure, GoesOnWhenDescriptorsAreFreeAgain) {
  run([&]() -> Task<> {
    TcpStream shed = connect();
    std::optional<NoDescriptorsLeft> none(std::in_place);
    JoinHandle<void> accepting = spawn([&]() -> Task<> { co_await accept_one(); });
    EXPECT_TRUE(co_await is_turned_away(shed));
    none.reset();
    TcpStream next = connect();
    (void)co_await accepting;
    EXPECT_TRUE(succeeded(*accepted_));
    EXPECT_EQ((*accepted_)->peer, next.local_address().value());
    EXPECT_EQ(listener_.shed_count(), 1U);
  });
}

TEST_F(AcceptPressure, EachOfManyConnectionsIsTurnedAway) {
  run([&]() -> Task<> {
    std::vector<TcpStream> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(connect());
    const NoDescriptorsLeft none;
    JoinHandle<void> accepting = spawn([&]() -> Task<> { co_await accept_one(); });
    for (TcpStream& client : clients) EXPECT_TRUE(co_await is_turned_away(client));
    EXPECT_EQ(listener_.shed_count(), 5U);
    accepting.abort();
    (void)co_await accepting;
  });
}

TEST_F(AcceptPressure, WithoutAReserveItBacksOffAndDoesNotSpin) {
  run([&]() -> Task<> {
    std::optional<TcpListener> listener;
    {
      const NoDescriptorsLeft one(1);  // the socket, but no reserve
      listener = listen_anywhere();
    }
    TcpStream client(test::connect_to(listener->raw()));
    std::optional<Result<Accepted>> accepted;
    const auto acceptor = [&]() -> Task<> { accepted = co_await listener->accept(); };
    std::optional<NoDescriptorsLeft> none(std::in_place);
    JoinHandle<void> accepting = spawn(acceptor);
    const auto before = test::processor_time_of_this_thread();
    co_await sleep_for(200ms);
    EXPECT_LT(test::processor_time_of_this_thread() - before, 100ms);
    EXPECT_FALSE(accepting.finished());
    none.reset();
    (void)co_await accepting;  // the connection was in the backlog all the time
    EXPECT_EQ((*accepted)->peer, client.local_address().value());
    EXPECT_EQ(listener->shed_count(), 0U);
  });
}

TEST_F(AcceptPressure, WithoutDescriptorsAndConnectionsItSleepsUntilOneComes) {
  run([&]() -> Task<> {
    const Fd socket = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
    // A connection comes while the task waits. The listener then counts as ready until an attempt
    // fails.
    JoinHandle<void> first = spawn([&]() -> Task<> { co_await accept_one(); });
    co_await yield_now();
    TcpStream client = connect();
    (void)co_await first;
    std::optional<NoDescriptorsLeft> none(std::in_place);
    // The system finds no free descriptor before it looks for a connection.
    JoinHandle<void> accepting = spawn([&]() -> Task<> { co_await accept_one(); });
    co_await yield_now();
    const long before = test::sleeps_of_this_thread();
    co_await sleep_for(200ms);
    EXPECT_LE(test::sleeps_of_this_thread() - before, 3);
    none.reset();
    static_cast<void>(sys::connect(socket.raw(), address_of(listener_)));
    (void)co_await accepting;
    EXPECT_TRUE(succeeded(*accepted_));
    EXPECT_EQ(listener_.shed_count(), 0U);
  });
}

TEST_F(AcceptPressure, AnAcceptThatBacksOffEndsWithItsListener) {
  for (const bool by_close : {true, false}) {
    std::optional<TcpListener> listener = listen_anywhere();
    run([&]() -> Task<> {
      TcpStream client(test::connect_to(listener->raw()));
      const NoDescriptorsLeft none;
      std::optional<Result<Accepted>> outcome;
      const auto acceptor = [&]() -> Task<> { outcome = co_await listener->accept(); };
      JoinHandle<void> accepting = spawn(acceptor);
      EXPECT_TRUE(co_await is_turned_away(client));
      if (by_close) {
        listener->close();
      } else {
        listener.reset();
      }
      (void)co_await accepting;
      EXPECT_TRUE(outcome && failed_with(*outcome, std::errc::operation_canceled));
    });
  }
}

TEST_F(AcceptPressure, AnAcceptThatBacksOffCanBeCancelled) {
  run([&]() -> Task<> {
    TcpStream client = connect();
    const NoDescriptorsLeft none;
    EXPECT_TRUE(failed_with(co_await timeout(5ms, listener_.accept()), std::errc::timed_out));
    const auto first = co_await when_any(listener_.accept(), sleep_for(5ms));
    EXPECT_EQ(first.index(), 1U);
  });
  // The next accept works: nothing is left of the cancelled ones.
  run([&]() -> Task<> {
    TcpStream client = connect();
    EXPECT_TRUE(succeeded(co_await listener_.accept()));
  });
}

TEST_F(AcceptPressure, AConnectionThatItsPeerClosedFirstIsAcceptedAndHasEnded) {
  run([&]() -> Task<> {
    connect().close();
    Result<Accepted> server = co_await listener_.accept();
    EXPECT_TRUE(succeeded(server));
    std::array<std::byte, 1> buffer{};
    EXPECT_EQ((co_await server->stream.read(buffer)).value(), 0U);
  });
}

TEST_F(AcceptPressure, AConnectionThatItsPeerResetFirstIsNoErrorOfTheListener) {
  run([&]() -> Task<> {
    TcpStream gone = connect();
    static_cast<void>(gone.set_reset_on_close(true));
    gone.close();
    TcpStream alive = connect();
    // Linux accepts the reset connection, and its read gives the error; other systems skip it.
    Result<Accepted> server = co_await listener_.accept();
    EXPECT_TRUE(succeeded(server));
    std::array<std::byte, 1> buffer{};
    if (const Result<SocketAddress> peer = server->stream.peer_address();
        !peer || *peer != alive.local_address().value()) {
      EXPECT_TRUE(failed_with(co_await server->stream.read(buffer), std::errc::connection_reset));
      server = co_await listener_.accept();
    }
    EXPECT_EQ(server->stream.peer_address().value(), alive.local_address().value());
  });
}

// moduvex_runtime leaked an accepted descriptor on an error.
TEST_F(AcceptPressure, ACancelledAcceptLeaksNoDescriptor) {
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    for (int i = 0; i < 20; ++i) {
      const Fd client = test::connect_to(listener_.raw());
      JoinHandle<void> accepting = spawn([&]() -> Task<> { co_await accept_one(); });
      if (i % 2 == 0) co_await yield_now();
      accepting.abort();
      (void)co_await accepting;
      accepted_.reset();
    }
  });
  listener_ = listen_anywhere();  // destroys the old backlog too
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

}  // namespace
}  // namespace eddy
