// Descriptors of a kernel that cannot make them close-on-exec and non-blocking from birth.
//
// If another thread forks and executes between the two steps, its child inherits the descriptor.
// Nothing in this process can close that gap.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace eddy::os {

/// The second step; on failure the descriptor is closed.
inline int finish_opening(int fd) noexcept {
  if (fd < 0) return fd;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0) return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

inline int open_pipe(std::array<int, 2>& ends) noexcept {
  if (::pipe(ends.data()) < 0) return -1;
  int made = 0;
  for (int& end : ends) {
    end = finish_opening(end);
    if (end < 0) made = -1;
  }
  return made;
}

}  // namespace eddy::os
