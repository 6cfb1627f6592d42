// From one thread to another and back: wall time per round trip, of wakers and of their limits.
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <thread>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kStop = -1;

/// One side of the table: the ball that the other side puts there, and the waker of this side.
struct Side {
  std::atomic<std::int64_t> ball{0};
  std::optional<eddy::Waker> waker;
  std::atomic<bool> has_waker{false};
};

eddy::Task<std::int64_t> receive(Side& here, std::int64_t last) {
  for (;;) {
    const std::int64_t ball = here.ball.load(std::memory_order_acquire);
    if (ball != last) co_return ball;
    co_await eddy::suspend();
  }
}

void send(Side& there, std::int64_t ball) {
  there.ball.store(ball, std::memory_order_release);
  there.waker->wake();
}

eddy::Task<> take_seat(Side& here, const Side& there) {
  here.waker = co_await eddy::current_waker();
  here.has_waker.store(true, std::memory_order_release);
  while (!there.has_waker.load(std::memory_order_acquire)) co_await eddy::yield_now();
}

eddy::Task<> answer(Side& here, Side& there) {
  co_await take_seat(here, there);
  for (std::int64_t ball = 0; ball != kStop;) {
    ball = co_await receive(here, ball);
    send(there, ball);
  }
}

eddy::Task<> serve(Side& here, Side& there, benchmark::State& state) {
  co_await take_seat(here, there);
  std::int64_t ball = 0;
  for ([[maybe_unused]] auto round : state) {
    send(there, ++ball);
    co_await receive(here, ball - 1);
  }
  send(there, kStop);
  co_await receive(here, ball);  // the other side is done with this one's waker
}

void wakers(benchmark::State& state) {
  const auto busy = std::chrono::microseconds(state.range(0));
  Side first;
  Side second;
  std::thread other([&] {
    eddy::busy_poll(busy);
    eddy::block_on(answer(second, first));
  });
  eddy::busy_poll(busy);
  eddy::block_on(serve(first, second, state));
  eddy::busy_poll({});
  other.join();
}

/// An eventfd, and an epoll that watches it, edge-triggered so that it need not be read.
class Bell {
 public:
  Bell() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLET;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &interest) != 0) std::abort();
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  ~Bell() {
    close(event_);
    close(epoll_);
  }

  void ring() const {
    const std::uint64_t one = 1;
    if (write(event_, &one, sizeof(one)) != sizeof(one)) std::abort();
  }
  void wait() const {
    epoll_event event{};
    while (epoll_wait(epoll_, &event, 1, -1) != 1) continue;
  }

 private:
  int event_;
  int epoll_;
};

void bells(benchmark::State& state) {
  const Bell first;
  const Bell second;
  std::atomic<bool> done{false};
  std::thread other([&] {
    do {
      second.wait();
      first.ring();
    } while (!done.load());
  });
  for ([[maybe_unused]] auto round : state) {
    second.ring();
    first.wait();
  }
  done.store(true);
  second.ring();
  other.join();
}

void spinning(benchmark::State& state) {
  std::atomic<std::int64_t> there{0};
  std::atomic<std::int64_t> here{0};
  std::thread other([&] {
    for (std::int64_t last = 0; last != kStop;) {
      const std::int64_t ball = there.load(std::memory_order_acquire);
      if (ball == last) continue;
      last = ball;
      here.store(ball, std::memory_order_release);
    }
  });
  std::int64_t ball = 0;
  for ([[maybe_unused]] auto round : state) {
    there.store(++ball, std::memory_order_release);
    while (here.load(std::memory_order_acquire) != ball) continue;
  }
  there.store(kStop, std::memory_order_release);
  other.join();
}

BENCHMARK(bells)->UseRealTime();
BENCHMARK(wakers)->Arg(0)->Arg(1000)->UseRealTime();
BENCHMARK(spinning)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
