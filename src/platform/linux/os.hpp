// What Linux calls the things that POSIX systems do alike.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <ctime>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace eddy::os {

inline constexpr clockid_t kClock = CLOCK_MONOTONIC;
inline constexpr int kKeepAliveIdle = TCP_KEEPIDLE;
inline constexpr int kPollReadHangUp = POLLRDHUP;
inline constexpr int kSendFlags = MSG_NOSIGNAL;

// Each is one system call: descriptors are close-on-exec and non-blocking from birth.

inline int open_pipe(std::array<int, 2>& ends) noexcept {
  return ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK);
}

inline int open_socket(int domain, int type) noexcept {
  return ::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

inline int accept_socket(int listener, sockaddr* peer, socklen_t* length) noexcept {
  return ::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

}  // namespace eddy::os
