// What macOS calls the things that POSIX systems do alike.
// SPDX-License-Identifier: MIT
#pragma once

#include "platform/bsd/no_sigpipe.hpp"
#include "platform/bsd/two_steps.hpp"

#include <ctime>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/event.h>
#include <sys/socket.h>

namespace eddy::os {

/// The clock by which kevent counts a timeout; like that of Linux it stands still in sleep.
inline constexpr clockid_t kClock = CLOCK_UPTIME_RAW;
inline constexpr int kKeepAliveIdle = TCP_KEEPALIVE;
inline constexpr int kPollReadHangUp = 0;  // POLLIN tells of it
inline constexpr int kSendFlags = 0;       // the sockets have SO_NOSIGPIPE

inline constexpr int kPriorityFilter = EVFILT_EXCEPT;
inline constexpr unsigned kPriorityNote = NOTE_OOB;

inline int open_socket(int domain, int type) noexcept {
  return without_sigpipe(finish_opening(::socket(domain, type, 0)));
}

inline int accept_socket(int listener, sockaddr* peer, socklen_t* length) noexcept {
  return without_sigpipe(finish_opening(::accept(listener, peer, length)));
}

}  // namespace eddy::os
