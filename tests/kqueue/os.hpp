// The platform of the tests' kqueue: Linux, used as macOS is; so it opens descriptors in two steps.
// SPDX-License-Identifier: MIT
#pragma once

#include "platform/bsd/no_sigpipe.hpp"
#include "platform/bsd/two_steps.hpp"

#include <ctime>

#include <netinet/tcp.h>
#include <sys/event.h>
#include <sys/socket.h>

namespace eddy::os {

inline constexpr clockid_t kClock = CLOCK_MONOTONIC;
inline constexpr int kKeepAliveIdle = TCP_KEEPIDLE;
inline constexpr int kPollReadHangUp = 0;
inline constexpr int kSendFlags = 0;  // the sockets have SO_NOSIGPIPE

inline constexpr int kPriorityFilter = EVFILT_EXCEPT;
inline constexpr unsigned kPriorityNote = NOTE_OOB;

inline int open_socket(int domain, int type) noexcept {
  return without_sigpipe(finish_opening(::socket(domain, type, 0)));
}

inline int accept_socket(int listener, sockaddr* peer, socklen_t* length) noexcept {
  return without_sigpipe(finish_opening(::accept(listener, peer, length)));
}

}  // namespace eddy::os
