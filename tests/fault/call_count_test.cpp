// The number of system calls that an echo, a sleep and an idle program make.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

/// A blocking client in a thread of its own: sends `rounds` messages, each when the one before has
/// come back.
void ping(std::uint16_t port, int rounds) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::array<char, 64> bytes{};
  for (int i = 0; i < rounds; ++i) {
    ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), 64);
    ASSERT_EQ(::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL), 64);
  }
  ::close(fd);
}

eddy::Task<std::size_t> echo_once(eddy::TcpListener& listener) {
  eddy::Result<eddy::Accepted> accepted = co_await listener.accept();
  eddy::TcpStream& stream = accepted.value().stream;
  std::array<std::byte, 4096> buffer;
  std::size_t echoes = 0;
  for (;;) {
    const std::size_t n = (co_await stream.read(buffer)).value();
    if (n == 0) co_return echoes;
    (co_await stream.write_all(std::span(buffer).first(n))).value();
    if (++echoes == 10) fault::reset_counts();  // the connection has settled
  }
}

TEST(SystemCalls, AnEchoOfAParkedConnectionTakesThree) {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::loopback(0)).value();
  const std::uint16_t port = listener.local_address().value().port();
  constexpr int kRounds = 1010;
  std::thread client(ping, port, kRounds);
  const std::size_t echoes = eddy::block_on(echo_once(listener));
  client.join();

  // Three calls, and sometimes one more: the kernel may report an edge for bytes that are read
  // already.
  constexpr std::size_t kSpurious = 20;
  ASSERT_EQ(echoes, static_cast<std::size_t>(kRounds));
  EXPECT_EQ(fault::count_of(fault::Call::send), 1000U);
  EXPECT_GE(fault::count_of(fault::Call::receive), 1000U + 1U);  // plus the end of the stream
  EXPECT_LE(fault::count_of(fault::Call::receive), 1000U + 1U + kSpurious);
  EXPECT_LE(fault::count_of(fault::Call::epoll_wait), 1000U + 1U + kSpurious);
  // One more removal and close at the end; no epoll_ctl for each request, and no other call.
  EXPECT_LE(fault::count_of_all(), 3002U + 2U + 2 * kSpurious);
}

TEST(SystemCalls, ASleepTakesOneAndAYieldNone) {
  const auto sleeper = []() -> eddy::Task<> {
    fault::reset_counts();
    for (int i = 0; i < 1000; ++i) co_await eddy::yield_now();
    EXPECT_EQ(fault::count_of_all(), 0U);
    co_await eddy::sleep_for(1ms);
    EXPECT_EQ(fault::count_of_all(), 1U);
  };
  eddy::block_on(sleeper());
}

TEST(SystemCalls, ABusyPollFindsTimersSocketsAndWakesWithoutSleeping) {
  const auto waiter = []() -> eddy::Task<> {
    fault::reset_counts();
    co_await eddy::sleep_for(1ms);
    EXPECT_EQ(fault::count_of_sleeping_waits(), 1U) << "without a busy poll, the thread sleeps";

    eddy::busy_poll(20s);
    fault::reset_counts();
    co_await eddy::sleep_for(1ms);

    // Each peer begins when the loop finds nothing to do.
    eddy::test::SocketPair sockets = eddy::test::connected_sockets();
    eddy::TcpStream stream(std::move(sockets.server));
    std::atomic<bool> waiting = false;
    std::jthread writer([&] {
      while (!waiting) std::this_thread::yield();
      eddy::test::send_text(sockets.client.raw(), "here");
    });
    std::array<std::byte, 16> buffer{};
    waiting = true;
    EXPECT_EQ((co_await stream.read(buffer)).value_or(0), 4U);

    std::atomic<bool> came = false;
    const eddy::Waker waker = co_await eddy::current_waker();
    std::jthread waking([&] {
      while (waiting) std::this_thread::yield();
      came = true;
      waker.wake();
    });
    waiting = false;
    while (!came) co_await eddy::suspend();
    EXPECT_EQ(fault::count_of_sleeping_waits(), 0U);
    EXPECT_GT(fault::count_of(fault::Call::epoll_wait), 0U);
  };
  eddy::block_on(waiter());
  eddy::busy_poll(eddy::Duration::zero());
}

TEST(SystemCalls, AnIdleProgramMakesNone) {
  // A program that waits for another thread, and for a timer far away, stays in one call of
  // epoll_wait from when it parks until it is woken.
  std::atomic<bool> over = false;
  const auto idle = [&]() -> eddy::Task<> {
    const eddy::Waker waker = co_await eddy::current_waker();
    auto far = eddy::spawn([]() -> eddy::Task<> { co_await eddy::sleep_for(1h); });
    std::thread other([&] {
      const auto until = std::chrono::steady_clock::now() + 300ms;
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      over = true;
      waker.wake();
    });
    co_await eddy::yield_now();
    fault::reset_counts();
    while (!over) co_await eddy::suspend();
    EXPECT_EQ(fault::count_of_all(), 1U);
    other.join();
    far.abort();
  };
  eddy::block_on(idle());
}

}  // namespace
