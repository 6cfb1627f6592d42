// What tests can set about the kqueue of kqueue.cpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>

namespace eddy::test {

/// A longer timeout ends after this.
extern std::atomic<std::chrono::nanoseconds> kqueue_longest_wait;

/// True if `accept4` and `pipe2` exist, as in FreeBSD. macOS does not have them.
extern std::atomic<bool> kqueue_has_accept4;

}  // namespace eddy::test
