// A signal every few hundred microseconds, to interrupt system calls.
// SPDX-License-Identifier: MIT
#pragma once

#ifdef _WIN32
#include "support/windows/interrupt_storm.hpp"
#else

#include <atomic>
#include <chrono>
#include <csignal>

#include <sys/time.h>

namespace eddy::test {

/// While it lives, the process gets SIGALRM again and again, with a handler that restarts nothing.
class InterruptStorm {
 public:
  static constexpr bool kPossible = true;

  explicit InterruptStorm(std::chrono::microseconds period) {
    interrupts() = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { ++interrupts(); };
    ::sigaction(SIGALRM, &action, &previous_);
    set_timer(period);
  }
  InterruptStorm(const InterruptStorm&) = delete;
  InterruptStorm& operator=(const InterruptStorm&) = delete;
  ~InterruptStorm() {
    set_timer(std::chrono::microseconds(0));
    ::sigaction(SIGALRM, &previous_, nullptr);
  }

  int count() const { return interrupts().load(); }

 private:
  static std::atomic<int>& interrupts() {
    static std::atomic<int> count{0};
    return count;
  }
  static void set_timer(std::chrono::microseconds period) {
    itimerval timer{};
    timer.it_interval.tv_usec = static_cast<suseconds_t>(period.count());
    timer.it_value = timer.it_interval;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }

  struct sigaction previous_{};
};

}  // namespace eddy::test

#endif
