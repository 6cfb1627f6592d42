// How late sleeps end: many of them, falling due evenly over one second.
//
// usage: lateness COUNT      prints lateness p50, p99 and max in ns, and CPU ns per sleep
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

std::vector<std::int64_t> lateness;

eddy::Task<> sleeper(eddy::Instant deadline) {
  co_await eddy::sleep_until(deadline);
  lateness.push_back((eddy::Clock::now() - deadline).count());
}

std::int64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// Returns the CPU time from when all sleep until all are awake.
eddy::Task<std::int64_t> sleep_all(std::size_t count) {
  // A second for spawning; the sleeps fall due over the second after it.
  const eddy::Instant start = eddy::Clock::now() + std::chrono::seconds(1);
  // Spawned out of order. The step has no divisor in common with the count, so it visits each once.
  constexpr std::size_t kStep = 7'919;
  std::vector<eddy::JoinHandle<void>> handles;
  for (std::size_t i = 0; i < count; ++i) {
    const auto offset = std::chrono::nanoseconds(1'000'000'000 / count * (i * kStep % count));
    handles.push_back(eddy::spawn(sleeper, start + offset));
  }
  co_await eddy::sleep_until(start - std::chrono::milliseconds(1));
  const std::int64_t before = cpu_ns();
  for (auto& handle : handles) static_cast<void>(co_await handle);
  co_return cpu_ns() - before;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (count == 0) {
    std::fprintf(stderr, "usage: %s COUNT\n", argv[0]);
    return 2;
  }
  lateness.reserve(count);
  const std::int64_t cpu = eddy::block_on(sleep_all(count));
  std::sort(lateness.begin(), lateness.end());
  std::printf("%lld %lld %lld %.1f\n", static_cast<long long>(lateness[count / 2]),
              static_cast<long long>(lateness[count * 99 / 100]),
              static_cast<long long>(lateness.back()),
              static_cast<double>(cpu) / static_cast<double>(count));
}
