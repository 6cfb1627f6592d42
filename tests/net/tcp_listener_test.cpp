// SPDX-License-Identifier: MIT

#include "eddy/net/tcp_listener.hpp"

#include "eddy/compose/timeout.hpp"
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
#include <optional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;

using test::address_of;
using test::failed_with;
using test::listen_anywhere;
using test::run;
using test::succeeded;

TEST(TcpListener, GivesThePortThatTheSystemChose) {
  const TcpListener listener = listen_anywhere();
  EXPECT_EQ(address_of(listener).bytes(), SocketAddress::loopback(0).bytes());
  EXPECT_NE(address_of(listener).port(), 0);
}

TEST(TcpListener, APortInUseIsAddressInUse) {
  const TcpListener first = listen_anywhere();
  EXPECT_TRUE(failed_with(TcpListener::bind(address_of(first)), std::errc::address_in_use));
}

TEST(TcpListener, AnAddressOfAnotherMachineIsNotAvailable) {
  EXPECT_TRUE(failed_with(TcpListener::bind(SocketAddress::v4({192, 0, 2, 1}, 0)),
                          std::errc::address_not_available));
}

TEST(TcpListener, BindWithoutFreeDescriptorsIsAnError) {
  const test::NoDescriptorsLeft none;
  EXPECT_TRUE(
      failed_with(TcpListener::bind(SocketAddress::loopback(0)), std::errc::too_many_files_open));
}

TEST(TcpListener, AFailedBindLeavesNoDescriptorBehind) {
  const TcpListener first = listen_anywhere();
  const std::size_t before = test::count_descriptors_with_loop();
  EXPECT_FALSE(TcpListener::bind(address_of(first)));
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpListener, ReusePortLetsSeveralListen) {
  const ListenOptions options{.reuse_port = true};
  const TcpListener first =
      std::move(TcpListener::bind(SocketAddress::loopback(0), options).value());
  EXPECT_TRUE(first.reuse_port().value());
  EXPECT_FALSE(listen_anywhere().reuse_port().value());
  EXPECT_TRUE(succeeded(TcpListener::bind(address_of(first), options)));
  EXPECT_TRUE(failed_with(TcpListener::bind(address_of(first)), std::errc::address_in_use));
}

/// Leaves a connection in TIME_WAIT at the listener's port.
SocketAddress linger_at_a_port() {
  TcpListener listener = listen_anywhere();
  const SocketAddress address = address_of(listener);
  run([&]() -> Task<> {
    Result<TcpStream> client = co_await TcpStream::connect(address);
    Result<Accepted> server = co_await listener.accept();
    server->stream.close();  // the side that closes first has the TIME_WAIT
    std::array<std::byte, 1> buffer{};
    EXPECT_EQ((co_await client->read(buffer)).value(), 0U);
  });
  return address;
}

TEST(TcpListener, ReuseAddressBindsAlthoughConnectionsLinger) {
  const SocketAddress address = linger_at_a_port();
  EXPECT_TRUE(
      failed_with(TcpListener::bind(address, {.reuse_address = false}), std::errc::address_in_use));
  const Result<TcpListener> strict =
      TcpListener::bind(SocketAddress::loopback(0), {.reuse_address = false});
  EXPECT_FALSE(strict->reuse_address().value());
  EXPECT_TRUE(succeeded(TcpListener::bind(address)));
}

TEST(TcpListener, AnIpv6ListenerLeavesIpv4ToOthersUnlessAsked) {
  const SocketAddress any = SocketAddress::v6({}, 0);
  // A port that is free in IPv6 may be in use in IPv4, so several are tried.
  Result<TcpListener> only4 = failure(std::errc::address_in_use);
  for (int i = 0; i < 32 && !only4; ++i) {
    const TcpListener only6 = std::move(TcpListener::bind(any).value());
    only4 = TcpListener::bind(SocketAddress::v4({0, 0, 0, 0}, address_of(only6).port()));
  }
  EXPECT_TRUE(succeeded(only4));

  TcpListener both = std::move(TcpListener::bind(any, {.v6_only = false}).value());
  run([&]() -> Task<> {
    Result<TcpStream> client =
        co_await TcpStream::connect(SocketAddress::loopback(address_of(both).port()));
    EXPECT_TRUE(succeeded(client));
    EXPECT_TRUE(succeeded(co_await both.accept()));
  });
}

TEST(TcpListener, AcceptsOverIpv6) {
  TcpListener listener =
      std::move(TcpListener::bind(SocketAddress::parse("[::1]:0").value()).value());
  run([&]() -> Task<> {
    Result<TcpStream> client = co_await TcpStream::connect(address_of(listener));
    Result<Accepted> server = co_await listener.accept();
    EXPECT_EQ(server->stream.peer_address().value(), client->local_address().value());
    EXPECT_EQ(client->peer_address().value(), address_of(listener));
    EXPECT_EQ(server->peer, client->local_address().value());
  });
}

// moduvex_runtime accepted sockets without close-on-exec, and leaked them on an error.
TEST(TcpListener, AcceptedStreamsAreNonBlockingAndCloseOnExec) {
  TcpListener listener = listen_anywhere();
  EXPECT_TRUE(test::is_close_on_exec(listener.raw()));
  run([&]() -> Task<> {
    const Fd client = test::connect_to(listener.raw());
    const Result<Accepted> server = co_await listener.accept();
    EXPECT_TRUE(test::is_close_on_exec(server->stream.raw()));
    EXPECT_TRUE(test::is_nonblocking(server->stream.raw()));
  });
}

TEST(TcpListener, AcceptsConnectionsThatCameBeforeTheAccept) {
  TcpListener listener = listen_anywhere();
  std::vector<Fd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(test::connect_to(listener.raw()));
  run([&]() -> Task<> {
    for (const Fd& client : clients) {
      const Result<Accepted> server = co_await listener.accept();
      EXPECT_EQ(server->stream.peer_address().value(), sys::local_address(client.raw()).value());
    }
  });
}

TEST(TcpListener, OneEdgeForManyConnectionsServesSeveralAcceptors) {
  TcpListener listener = listen_anywhere();
  run([&]() -> Task<> {
    int accepted = 0;
    const auto acceptor = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await listener.accept()));
      ++accepted;
    };
    std::vector<JoinHandle<void>> acceptors;
    for (int i = 0; i < 4; ++i) acceptors.push_back(spawn(acceptor));
    co_await yield_now();
    std::vector<Fd> clients;  // all in one batch: the loop does not run meanwhile
    for (int i = 0; i < 4; ++i) clients.push_back(test::connect_to(listener.raw()));
    for (auto& handle : acceptors) (void)co_await handle;
    EXPECT_EQ(accepted, 4);
  });
}

TEST(TcpListener, MoreAcceptorsThanConnectionsGoOnWaiting) {
  TcpListener listener = listen_anywhere();
  run([&]() -> Task<> {
    int accepted = 0;
    const auto acceptor = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await listener.accept()));
      ++accepted;
    };
    JoinHandle<void> first = spawn(acceptor);
    JoinHandle<void> second = spawn(acceptor);
    co_await yield_now();
    const Fd one = test::connect_to(listener.raw());
    (void)co_await first;
    EXPECT_EQ(accepted, 1);
    EXPECT_FALSE(second.finished());
    const Fd two = test::connect_to(listener.raw());
    (void)co_await second;
  });
}

TEST(TcpListener, ClosingItEndsWaitingAcceptsAndFreesThePort) {
  std::optional<TcpListener> listener = listen_anywhere();
  const SocketAddress address = address_of(*listener);
  run([&]() -> Task<> {
    const auto acceptor = [&]() -> Task<> {
      EXPECT_TRUE(failed_with(co_await listener->accept(), std::errc::operation_canceled));
    };
    JoinHandle<void> a = spawn(acceptor);
    JoinHandle<void> b = spawn(acceptor);
    co_await yield_now();
    listener->close();
    (void)co_await a;
    (void)co_await b;
  });
  EXPECT_TRUE(succeeded(TcpListener::bind(address)));
}

TEST(TcpListener, DestroyingItEndsWaitingAccepts) {
  std::optional<TcpListener> listener = listen_anywhere();
  run([&]() -> Task<> {
    const auto acceptor = [&]() -> Task<> {
      EXPECT_TRUE(failed_with(co_await listener->accept(), std::errc::operation_canceled));
    };
    JoinHandle<void> handle = spawn(acceptor);
    co_await yield_now();
    listener.reset();
    (void)co_await handle;
  });
}

TEST(TcpListener, AnAcceptOnAClosedListenerIsAnError) {
  TcpListener listener = listen_anywhere();
  listener.close();
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await listener.accept(), std::errc::operation_canceled));
  });
  EXPECT_FALSE(listener.local_address());
}

TEST(TcpListener, MayBeMovedBeforeItIsWaitedOn) {
  TcpListener first = listen_anywhere();
  const Fd client = test::connect_to(first.raw());
  TcpListener second = std::move(first);
  run([&]() -> Task<> { EXPECT_TRUE(succeeded(co_await second.accept())); });
}

TEST(TcpListener, MayBeMovedOnceItsWaitsWereCancelled) {
  TcpListener first = listen_anywhere();
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, first.accept()), std::errc::timed_out));
    TcpListener second = std::move(first);
    const Fd client = test::connect_to(second.raw());
    EXPECT_TRUE(succeeded(co_await second.accept()));
  });
}

TEST(TcpListener, TheBacklogLimitsTheWaitingConnections) {
  TcpListener listener =
      std::move(TcpListener::bind(SocketAddress::loopback(0), {.backlog = 1}).value());
  std::vector<Fd> clients;
  // Far more than the backlog: the system leaves the rest unanswered.
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::move(sys::create_stream_socket(SocketAddress::Family::v4).value()));
    static_cast<void>(sys::connect(clients.back().raw(), address_of(listener)));
  }
  int connected = 0;
  for (const Fd& client : clients) {
    connected += sys::poll_now(client.raw(), Interest::writable)->empty() ? 0 : 1;
  }
  EXPECT_GE(connected, 1);
  EXPECT_LT(connected, 10);
}

TEST(TcpListener, AcceptGivesThePeersAddress) {
  TcpListener listener = test::listen_anywhere();
  run([&]() -> Task<> {
    const Fd client = test::connect_to(listener.raw());
    const Result<Accepted> accepted = co_await listener.accept();
    EXPECT_EQ(accepted.value().peer, sys::local_address(client.raw()).value());
    EXPECT_EQ(accepted.value().peer, accepted.value().stream.peer_address().value());
  });
}

TEST(TcpListener, TakesOverASocketThatListens) {
  Fd socket = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  EXPECT_TRUE(test::succeeded(sys::bind(socket.raw(), SocketAddress::loopback(0))));
  EXPECT_TRUE(test::succeeded(sys::listen(socket.raw(), 8)));
  TcpListener listener(std::move(socket));
  run([&]() -> Task<> {
    const Fd client = test::connect_to(listener.raw());
    EXPECT_TRUE(test::succeeded(co_await listener.accept()));
  });
}

TEST(TcpListener, TellsTheOptionsThatItWasOpenedWith) {
  const SocketAddress any = SocketAddress::parse("[::]:0").value();
  const TcpListener plain = std::move(TcpListener::bind(any).value());
  EXPECT_TRUE(plain.reuse_address().value());
  EXPECT_TRUE(plain.v6_only().value());
  const ListenOptions options{
      .v6_only = false, .send_buffer_size = 20 << 10, .receive_buffer_size = 40 << 10};
  TcpListener listener = std::move(TcpListener::bind(any, options).value());
  EXPECT_FALSE(listener.v6_only().value());
  EXPECT_GE(listener.send_buffer_size().value(), 20 << 10);
  EXPECT_GE(listener.receive_buffer_size().value(), 40 << 10);
  listener.close();
  EXPECT_TRUE(failed_with(listener.reuse_address(), std::errc::operation_canceled));
  EXPECT_TRUE(failed_with(listener.reuse_port(), std::errc::operation_canceled));
  EXPECT_TRUE(failed_with(listener.v6_only(), std::errc::operation_canceled));
  EXPECT_TRUE(failed_with(listener.receive_buffer_size(), std::errc::operation_canceled));
}

}  // namespace
}  // namespace eddy
