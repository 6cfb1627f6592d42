// Sockets that raise no SIGPIPE, where `send` has no flag for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace eddy::os {

/// Sends on `socket` never raise SIGPIPE; on failure it is closed.
inline int without_sigpipe(int socket) noexcept {
  if (socket < 0) return socket;
  const int on = 1;
  // EINVAL: both directions are shut already; the connection was reset in the backlog. Its first
  // send would raise SIGPIPE, so the socket must not stay.
  if (::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) == 0) return socket;
  const int error = errno == EINVAL ? ECONNABORTED : errno;
  ::close(socket);
  errno = error;
  return -1;
}

}  // namespace eddy::os
