// What tests can set about the kqueue of kqueue.cpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>

namespace eddy::test {

/// A longer timeout ends after this.
extern std::atomic<std::chrono::nanoseconds> kqueue_longest_wait;

/// Whether `accept4` and `pipe2` are there, as in FreeBSD. They are not in macOS.
extern std::atomic<bool> kqueue_has_accept4;

}  // namespace eddy::test
