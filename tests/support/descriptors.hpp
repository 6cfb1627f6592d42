// What the kernel tells about the descriptors of this process.
// SPDX-License-Identifier: MIT
#pragma once

#ifdef _WIN32
#include "support/windows/descriptors.hpp"
#else

#include "eddy/platform/fd.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace eddy::test {

inline bool is_open(RawSource fd) { return ::fcntl(fd, F_GETFD) >= 0; }
inline bool is_close_on_exec(RawSource fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }
inline bool is_nonblocking(RawSource fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

inline constexpr bool kFilesAreSources = true;
inline Fd open_null() { return Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }
inline RawSource source_of(std::FILE* file) { return ::fileno(file); }

inline constexpr bool kReactorsAreDescriptors = true;
/// The number of descriptors that this process has open. It always includes the one used to look.
inline std::size_t count_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/dev/fd"), {}));
}

/// True if this process may have so many descriptors. If the soft limit is lower, raises it and
/// prints that.
inline bool can_open(std::size_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return true;
  if (limit.rlim_max < count) return false;
  std::cout << "  the soft limit of descriptors, " << limit.rlim_cur << ", is raised to " << count
            << "\n";
  limit.rlim_cur = count;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// A duplicate of `source` under a given free number; empty if that is not possible.
inline Fd duplicate_onto(RawSource source, RawSource number) { return Fd(::dup2(source, number)); }

/// While it lives, this process can open no descriptor, or only `room` of them.
class NoDescriptorsLeft {
 public:
  static constexpr bool kPossible = true;

  explicit NoDescriptorsLeft(int room = 0) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::fcntl(STDERR_FILENO, F_DUPFD, 0);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free + room);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace eddy::test

#endif
