// How late fibers of Boost.Fiber sleep.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <chrono>
#include <memory>

#include <boost/fiber/all.hpp>

namespace {

using Clock = std::chrono::steady_clock;

void sleep_until(std::int64_t ns) {
  boost::this_fiber::sleep_until(Clock::time_point(std::chrono::nanoseconds(ns)));
}

template <class F>
void start(F function) {
  static boost::fibers::pooled_fixedsize_stack stacks(16384);
  boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg, stacks, function).detach();
}

}  // namespace

int main(int argc, char** argv) {
  prepare(argc, argv);
  for (long i = 0; i < timer_count; ++i) {
    start([i] {
      sleep_until(due_ns(i));
      note(i);
    });
  }
  start([] {
    sleep_until(first_due - 1'000'000);
    begin();
  });
  sleep_until(first_due + 60'000'000'000);
}
