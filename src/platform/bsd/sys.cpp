// The rest of the seam on macOS and FreeBSD: a pipe for a bell, and kqueue.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "platform/posix/native.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace eddy::sys {

using namespace posix;

namespace {

/// The longest timeout. FreeBSD shortens a longer one to this without an error; macOS refuses it.
constexpr std::chrono::nanoseconds kLongestWait = std::chrono::hours(24);

/// Rounded up to microseconds, because macOS counts in microseconds and would cut off the rest.
timespec to_timespec(std::chrono::nanoseconds timeout) noexcept {
  const auto clamped = std::clamp(timeout, std::chrono::nanoseconds::zero(), kLongestWait);
  const std::chrono::nanoseconds rounded = std::chrono::ceil<std::chrono::microseconds>(clamped);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(rounded);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((rounded - seconds).count())};
}

}  // namespace

Result<Pipe> create_bell() noexcept { return create_pipe(); }

void ring(const Pipe& bell) noexcept {
  const std::byte byte{};
  while (::write(bell.writer.raw(), &byte, 1) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return;
    // The pipe is full. Once it is emptied the next byte goes in, and is an edge.
    std::array<std::byte, 4096> drained;
    if (::read(bell.reader.raw(), drained.data(), drained.size()) < 0 && errno != EINTR &&
        errno != EAGAIN) {
      return;
    }
  }
}

Result<Pipe> create_splice_pipe() noexcept { return failure(std::errc::function_not_supported); }

Result<std::size_t> pipe_capacity(RawSource) noexcept {
  return failure(std::errc::function_not_supported);
}

Count splice_from_socket(RawSource, RawSource, std::size_t) noexcept {
  return failure(std::errc::function_not_supported);
}

Count splice_to_socket(RawSource, RawSource, std::size_t) noexcept {
  return failure(std::errc::function_not_supported);
}

WaitSlack wait_slack() noexcept { return {}; }

Result<Fd> kqueue_create() noexcept {
  Result<Fd> made = own(::kqueue());
  if (made && ::fcntl(made->raw(), F_SETFD, FD_CLOEXEC) < 0) return last_error();
  return made;
}

Count kqueue_change(RawSource kqueue, std::span<struct ::kevent> changes) noexcept {
  const int room = static_cast<int>(changes.size());
  const timespec at_once{};
  return count(::kevent(kqueue, changes.data(), room, changes.data(), room, &at_once));
}

Count kqueue_wait(RawSource kqueue, std::span<struct ::kevent> events,
                  std::optional<std::chrono::nanoseconds> timeout) noexcept {
  const int room = static_cast<int>(events.size());
  if (!timeout) return count(::kevent(kqueue, nullptr, 0, events.data(), room, nullptr));
  const timespec spec = to_timespec(*timeout);
  return count(::kevent(kqueue, nullptr, 0, events.data(), room, &spec));
}

Result<bool> is_file(RawSource source) noexcept {
  struct stat status{};
  if (::fstat(source, &status) < 0) return last_error();
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode);
}

}  // namespace eddy::sys
