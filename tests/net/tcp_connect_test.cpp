// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

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
#include <thread>
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

/// A listener whose backlog is full: a connect to it gets no answer.
class SilentListener {
 public:
  SilentListener()
      : listener_(
            std::move(TcpListener::bind(SocketAddress::loopback(0), {.backlog = 0}).value())) {
    for (int i = 0; i < 8; ++i) {
      clients_.push_back(std::move(sys::create_stream_socket(SocketAddress::Family::v4).value()));
      static_cast<void>(sys::connect(clients_.back().raw(), address()));
    }
  }

  SocketAddress address() const { return address_of(listener_); }

 private:
  TcpListener listener_;
  std::vector<Fd> clients_;
};

TEST(TcpConnect, GivesAConnectedStream) {
  TcpListener listener = listen_anywhere();
  run([&]() -> Task<> {
    const Result<TcpStream> client = co_await TcpStream::connect(address_of(listener));
    EXPECT_TRUE(succeeded(client));
    const Result<Accepted> server = co_await listener.accept();
    EXPECT_EQ(client->peer_address().value(), address_of(listener));
    EXPECT_EQ(client->local_address().value(), server->stream.peer_address().value());
    EXPECT_TRUE(test::is_close_on_exec(client->raw()));
    EXPECT_TRUE(test::is_nonblocking(client->raw()));
  });
}

TEST(TcpConnect, ThatIsRefusedIsConnectionRefusedAndLeavesNothing) {
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const SocketAddress nobody = test::address_of_nobody();
    EXPECT_TRUE(failed_with(co_await TcpStream::connect(nobody), std::errc::connection_refused));
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpConnect, ManyThatAreRefusedAtOnceAllEnd) {
  run([&]() -> Task<> {
    const SocketAddress nobody = test::address_of_nobody();
    const auto connect = [](SocketAddress address) -> Task<Result<TcpStream>> {
      co_return co_await TcpStream::connect(address);
    };
    std::vector<JoinHandle<Result<TcpStream>>> connects;
    for (int i = 0; i < 50; ++i) connects.push_back(spawn(connect, nobody));
    for (auto& handle : connects) {
      JoinResult<Result<TcpStream>> joined = co_await handle;
      EXPECT_TRUE(failed_with(*joined, std::errc::connection_refused));
    }
  });
}

TEST(TcpConnect, EndsWithItsTimeoutIfNobodyAnswers) {
  const SilentListener silent;
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const auto connected = co_await timeout(20ms, TcpStream::connect(silent.address()));
    EXPECT_TRUE(failed_with(connected, std::errc::timed_out));
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpConnect, ClosesItsSocketIfItIsCancelled) {
  const SilentListener silent;
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const auto connecting = [&]() -> Task<> {
      static_cast<void>(co_await TcpStream::connect(silent.address()));
    };
    JoinHandle<void> never_started = spawn(connecting);
    never_started.abort();
    (void)co_await never_started;
    JoinHandle<void> waiting = spawn(connecting);
    co_await yield_now();
    waiting.abort();
    waiting.abort();
    (void)co_await waiting;
    const auto first = co_await when_any(TcpStream::connect(silent.address()), sleep_for(1ms));
    EXPECT_EQ(first.index(), 1U);
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpConnect, ClosesItsSocketIfItIsCancelledBetweenItsWakeAndItsTurn) {
  TcpListener listener = listen_anywhere();
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const auto connecting = [&]() -> Task<> {
      static_cast<void>(co_await TcpStream::connect(address_of(listener)));
      ADD_FAILURE() << "it ran on";
    };
    JoinHandle<void> handle = spawn(connecting);
    co_await yield_now();  // connected, or about to be
    handle.abort();
    (void)co_await handle;
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpConnect, ToABroadcastAddressIsUnreachableAtOnce) {
  const std::size_t before = test::count_descriptors_with_loop();
  run([]() -> Task<> {
    const auto broadcast = SocketAddress::v4({255, 255, 255, 255}, 1);
    EXPECT_TRUE(
        failed_with(co_await TcpStream::connect(broadcast), std::errc::network_unreachable));
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

TEST(TcpConnect, WithoutFreeDescriptorsIsAnError) {
  run([&]() -> Task<> {
    co_await yield_now();
    const test::NoDescriptorsLeft none;
    EXPECT_TRUE(failed_with(co_await TcpStream::connect(SocketAddress::loopback(1)),
                            std::errc::too_many_files_open));
  });
}

TEST(TcpConnect, ASpuriousWakeDoesNotEndIt) {
  const SilentListener silent;
  run([&]() -> Task<> {
    std::optional<Waker> waker;
    const auto connecting = [&]() -> Task<> {
      waker = co_await current_waker();
      static_cast<void>(co_await TcpStream::connect(silent.address()));
    };
    JoinHandle<void> handle = spawn(connecting);
    for (int i = 0; i < 5; ++i) {
      co_await yield_now();
      waker->wake();
    }
    co_await yield_now();
    EXPECT_FALSE(handle.finished());
    handle.abort();
    (void)co_await handle;
  });
}

TEST(TcpConnect, IsResetOrRefusedIfTheListenerCloses) {
  std::optional<TcpListener> listener = listen_anywhere();
  const SocketAddress address = address_of(*listener);
  run([&]() -> Task<> {
    Result<TcpStream> client = co_await TcpStream::connect(address);
    EXPECT_TRUE(succeeded(client));
    listener.reset();  // while the connection is in its backlog
    std::array<std::byte, 1> buffer{};
    const Result<std::size_t> read = co_await client->read(buffer);
    EXPECT_TRUE(failed_with(read, std::errc::connection_reset));
    EXPECT_TRUE(failed_with(co_await TcpStream::connect(address), std::errc::connection_refused));
  });
}

TEST(TcpConnect, TheDescriptorOfAStreamMayGoToAnotherThread) {
  TcpListener listener = test::listen_anywhere();
  Fd dialled;
  std::thread([&, to = test::address_of(listener)] {
    run([&]() -> Task<> {
      Result<TcpStream> stream = co_await TcpStream::connect(to);
      dialled = std::move(*stream).into_fd();
    });
  }).join();
  TcpStream here(std::move(dialled));
  run([&]() -> Task<> {
    Result<Accepted> server = co_await listener.accept();
    EXPECT_TRUE(test::succeeded(co_await server->stream.write_all(test::bytes_of("hello"))));
    std::array<std::byte, 5> got{};
    EXPECT_TRUE(test::succeeded(co_await here.read_exact(got)));
    EXPECT_EQ(test::text_of(got), "hello");
  });
}

TEST(TcpConnect, OptionsAreSetBeforeItConnects) {
  const TcpListener listener = listen_anywhere();
  run([&]() -> Task<> {
    const Result<TcpStream> plain = co_await TcpStream::connect(address_of(listener));
    EXPECT_FALSE(plain.value().nodelay().value());
    EXPECT_FALSE(plain.value().keep_alive().value().has_value());
    ConnectOptions options{.nodelay = true, .keep_alive = KeepAlive{.idle = 5s, .count = 2}};
    options.send_buffer_size = 20 << 10;
    options.receive_buffer_size = 40 << 10;
    const Result<TcpStream> stream = co_await TcpStream::connect(address_of(listener), options);
    EXPECT_TRUE(stream.value().nodelay().value());
    const std::optional<KeepAlive> keep_alive = stream.value().keep_alive().value();
    EXPECT_TRUE(keep_alive && keep_alive->idle == 5s && keep_alive->count == 2);
    EXPECT_GE(stream.value().send_buffer_size().value(), 20 << 10);
    EXPECT_GE(stream.value().receive_buffer_size().value(), 40 << 10);
  });
}

TEST(TcpConnect, ConnectsFromTheSourceThatIsAskedFor) {
  TcpListener listener = listen_anywhere();
  // A port that was free just now.
  const SocketAddress source = address_of(listen_anywhere());
  run([&]() -> Task<> {
    const Result<TcpStream> client =
        co_await TcpStream::connect(address_of(listener), {.source = source});
    const Result<Accepted> server = co_await listener.accept();
    EXPECT_EQ(client.value().local_address().value(), source);
    EXPECT_EQ(server.value().peer, source);
  });
}

TEST(TcpConnect, TheSystemChoosesAnIpv6SourceIfNoneIsAskedFor) {
  run([&]() -> Task<> {
    TcpListener listener =
        std::move(TcpListener::bind(SocketAddress::parse("[::1]:0").value()).value());
    const Result<TcpStream> client =
        co_await TcpStream::connect(address_of(listener), {.nodelay = true});
    EXPECT_NE(client.value().local_address().value().port(), 0);
    EXPECT_TRUE(client.value().nodelay().value());
  });
}

TEST(TcpConnect, ASourceThatIsNotOfThisMachineIsAnErrorAndLeavesNothing) {
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const auto nowhere = SocketAddress::v4({192, 0, 2, 1}, 0);  // RFC 5737: nobody has it
    const Result<TcpStream> stream =
        co_await TcpStream::connect(SocketAddress::loopback(1), {.source = nowhere});
    EXPECT_TRUE(test::failed_with(stream, std::errc::address_not_available));
  });
  EXPECT_EQ(test::count_descriptors(), before);
}

}  // namespace
}  // namespace eddy
