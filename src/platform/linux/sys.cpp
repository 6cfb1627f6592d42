// The rest of the seam on Linux: eventfd and epoll.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "platform/linux/sigpipe.hpp"
#include "platform/posix/native.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eddy::sys {

using namespace posix;

namespace {

/// Cleared for good if a call is refused: kernels before 5.11 and some emulators do that, and
/// sandboxes, which give EPERM for calls that they do not know.
std::atomic<bool> has_epoll_pwait2{true};

int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::min<std::chrono::milliseconds::rep>(rounded, 1'000'000'000));
}

constexpr unsigned kSplice = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

// Computes what select_estimate_accuracy of the kernel (fs/select.c) does.
WaitSlack wait_slack() noexcept {
  constexpr int kDeadline = 6;  // SCHED_DEADLINE, for which glibc has no name
  const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (policy == SCHED_FIFO || policy == SCHED_RR || policy == kDeadline) return {};
  // Not by prctl(3), which returns an int.
  const std::chrono::nanoseconds least(::syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0));
  constexpr std::chrono::nanoseconds kChosen = std::chrono::milliseconds(1);
  if (least <= std::chrono::nanoseconds::zero() || least > kChosen) return {};
  const bool nice = ::getpriority(PRIO_PROCESS, 0) > 0;
  return {least, nice ? 200 : 1000, std::chrono::milliseconds(100)};
}

Result<Pipe> create_splice_pipe() noexcept { return create_pipe(); }

Result<std::size_t> pipe_capacity(RawSource pipe) noexcept {
  const int bytes = ::fcntl(pipe, F_GETPIPE_SZ);
  if (bytes < 0) return last_error();
  return static_cast<std::size_t>(bytes);
}

Count splice_from_socket(RawSource socket, RawSource pipe_writer, std::size_t most) noexcept {
  return count(::splice(socket, nullptr, pipe_writer, nullptr, most, kSplice));
}

Count splice_to_socket(RawSource pipe_reader, RawSource socket, std::size_t most) noexcept {
  const SigpipeHeld held;
  if (held.was_pending()) return failure(std::errc::operation_not_supported);
  const Count moved = count(::splice(pipe_reader, nullptr, socket, nullptr, most, kSplice));
  // The peer may have gone after a part was sent. Then the kernel tells of the part, and has raised
  // the signal for the rest.
  if (!moved || *moved < most) held.take_back();
  return moved;
}

Result<Pipe> create_bell() noexcept {
  Result<Fd> writer = own(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!writer) return std::unexpected(writer.error());
  Result<Fd> reader = duplicate(writer->raw());
  if (!reader) return std::unexpected(reader.error());
  return Pipe{std::move(*reader), std::move(*writer)};
}

void ring(const Pipe& bell) noexcept {
  const RawSource counter = bell.writer.raw();
  const std::uint64_t one = 1;
  while (::write(counter, &one, sizeof(one)) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return;
    // The counter is at its limit. Once it is emptied, the next write is an edge again.
    std::uint64_t drained = 0;
    if (::read(counter, &drained, sizeof(drained)) < 0 && errno != EINTR && errno != EAGAIN) return;
  }
}

Result<Fd> epoll_create() noexcept { return own(::epoll_create1(EPOLL_CLOEXEC)); }

Result<void> epoll_add(RawSource epoll, RawSource source, epoll_event& event) noexcept {
  return check(::epoll_ctl(epoll, EPOLL_CTL_ADD, source, &event));
}

Result<void> epoll_modify(RawSource epoll, RawSource source, epoll_event& event) noexcept {
  return check(::epoll_ctl(epoll, EPOLL_CTL_MOD, source, &event));
}

Result<void> epoll_remove(RawSource epoll, RawSource source) noexcept {
  return check(::epoll_ctl(epoll, EPOLL_CTL_DEL, source, nullptr));
}

Count epoll_wait(RawSource epoll, std::span<epoll_event> events,
                 std::optional<std::chrono::nanoseconds> timeout) noexcept {
  const int room = static_cast<int>(events.size());
  if (!timeout) return count(::epoll_wait(epoll, events.data(), room, -1));
  if (*timeout <= std::chrono::nanoseconds::zero()) {
    return count(::epoll_wait(epoll, events.data(), room, 0));
  }
  if (has_epoll_pwait2.load(std::memory_order_relaxed)) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*timeout);
    const timespec spec{static_cast<time_t>(seconds.count()),
                        static_cast<long>((*timeout - seconds).count())};
    const int n = ::epoll_pwait2(epoll, events.data(), room, &spec, nullptr);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return count(n);
    has_epoll_pwait2.store(false, std::memory_order_relaxed);
  }
  return count(::epoll_wait(epoll, events.data(), room, to_milliseconds(*timeout)));
}

}  // namespace eddy::sys
