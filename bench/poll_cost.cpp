// The cost of a poll of the reactor's backend, for several numbers of idle and of ready sources.
// Prints a line for each case: idle, ready, wall ns of the poll (the median of the rounds), and CPU
// ns of this thread for a whole round.
//
// A round: a byte is sent to each ready source; one poll reports them all (or several polls, where
// the system reports them one by one); the bytes are read, and the sources armed again. A poll need
// not wait, so its wall time is its cost, in the program and in the kernel.
// SPDX-License-Identifier: MIT

#include "eddy/platform/clock.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "support/descriptors.hpp"
#include "support/processor_time.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

constexpr std::size_t kMostReady = 256;

struct Figures {
  double poll_ns = 0;
  double round_ns = 0;
};

class PollCost {
 public:
  PollCost() {
    for (std::size_t i = 0; i < kMostReady; ++i) pairs_.push_back(connect());
  }

  /// Registers idle sources until there are so many: both ends of a connection, for reading.
  void have_idle(std::size_t count) {
    while (registered_ < count) {
      if (registered_ % 2 == 0) idle_.push_back(connect());
      const test::SocketPair& pair = idle_.back();
      watch((registered_++ % 2 == 0 ? pair.client : pair.server).raw());
    }
  }

  Figures measure(std::size_t ready, std::size_t rounds) {
    for (; watched_ < ready; ++watched_) watch(pairs_[watched_].server.raw());
    for (; watched_ > ready; --watched_) {
      backend_.deregister(pairs_[watched_ - 1].server.raw()).value();
    }
    for (std::size_t i = 0; i < rounds / 10 + 1; ++i) round(ready);
    times_.clear();
    const auto before = test::processor_time_of_this_thread();
    for (std::size_t i = 0; i < rounds; ++i) round(ready);
    const std::chrono::nanoseconds used = test::processor_time_of_this_thread() - before;
    const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
    std::nth_element(times_.begin(), middle, times_.end());
    return {static_cast<double>(middle->count()),
            static_cast<double>(used.count()) / static_cast<double>(rounds)};
  }

 private:
  test::SocketPair connect() const {
    test::SocketPair pair;
    pair.client = test::connect_to(listener_.raw());
    test::spin_until_ready(listener_.raw(), Interest::readable);
    pair.server = std::move(sys::accept(listener_.raw(), nullptr).value());
    sys::set_option(pair.client.raw(), SocketOption::no_delay, 1).value();
    return pair;
  }

  void watch(RawSource source) {
    backend_.register_source(source, static_cast<Token>(source), Interest::readable).value();
  }

  void round(std::size_t ready) {
    const auto watched = std::span(pairs_).first(ready);
    std::array<std::byte, 16> bytes{};
    for (const test::SocketPair& pair : watched) test::send_text(pair.client.raw(), "x");
    const Instant start = Clock::now();
    std::size_t seen = 0;
    do {
      seen += backend_.poll(events_, ready == 0 ? 0ns : 10s).value();
      if (ready != 0 && events_.empty()) throw std::runtime_error("a byte was never reported");
    } while (seen < ready);
    times_.push_back(Clock::now() - start);
    for (const test::SocketPair& pair : watched) {
      if (sys::receive(pair.server.raw(), bytes).value() != 1) throw std::runtime_error("lost");
      rearm_if_needed(backend_, pair.server.raw(), Interest::readable).value();
    }
  }

  PlatformReactor backend_ = std::move(PlatformReactor::create().value());
  Events events_ = events_with_capacity(2 * kMostReady);
  Fd listener_ = test::listen_on_loopback();
  std::vector<test::SocketPair> pairs_;
  std::vector<test::SocketPair> idle_;
  std::vector<Duration> times_;
  std::size_t registered_ = 0;
  std::size_t watched_ = 0;
};

void print(std::size_t idle, std::size_t ready, const Figures& figures) {
  std::printf("%6zu %4zu %10.0f %10.0f\n", idle, ready, figures.poll_ns, figures.round_ns);
  std::fflush(stdout);
}

void run(std::size_t rounds, std::size_t most_idle) {
  PollCost bench;
  for (const std::size_t idle : {10U, 100U, 1000U, 10'000U}) {
    if (idle > most_idle) break;
    bench.have_idle(idle);
    for (const std::size_t ready : {0U, 4U}) print(idle, ready, bench.measure(ready, rounds));
    if (idle != 1000) continue;
    for (const std::size_t ready : {1U, 16U, 64U, 256U}) {
      print(idle, ready, bench.measure(ready, rounds * 4 / (ready + 4) + 1));
    }
  }
}

}  // namespace

/// poll_cost [ROUNDS [MOST_IDLE]]
int main(int argc, char** argv) {
  const auto argument = [&](int i, unsigned long otherwise) {
    return argc > i ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  try {
    if (!test::can_open(12'000)) throw std::runtime_error("the limit of descriptors is too low");
    run(argument(1, 20'000), argument(2, 10'000));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "poll_cost: %s\n", error.what());
    return 1;
  }
}
