// A small kqueue for Linux, over epoll and eventfd, only for the tests of the kqueue backend. It is
// slow, and has only what the backend uses. It follows kqueue(2) of FreeBSD; `kqueue_test.cpp`
// quotes the page. Where the page is silent, and macOS and FreeBSD differ, it does what is harder
// for the backend. It differs from the kernels in this:
// - `fflags` of an end with an error is always EIO: on Linux, reading the error would consume it;
// - a local shutdown of the write side alone gives no EV_EOF of EVFILT_WRITE;
// - when the peer ends or resets a connection, EVFILT_WRITE may fire although nothing has changed
//   for it: epoll has one edge for both directions.
//
// It also takes away accept4 and pipe2, which macOS does not have (but not in the tests for
// FreeBSD), and adds SO_NOSIGPIPE.
// SPDX-License-Identifier: MIT
#include "kqueue.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eddy::test {

// BUGS: "The timeout value is limited to 24 hours; longer timeouts will be silently reinterpreted
// as 24 hours."
constinit std::atomic<std::chrono::nanoseconds> kqueue_longest_wait{std::chrono::hours(24)};

constinit std::atomic<bool> kqueue_has_accept4{false};

}  // namespace eddy::test

namespace {

using Native = struct kevent;
using Clock = std::chrono::steady_clock;

int real_close(int fd) { return static_cast<int>(::syscall(SYS_close, fd)); }

/// Avoids the numbers of the standard streams, which a test may have closed.
int move_up(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const auto moved = static_cast<int>(::syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  real_close(fd);
  return moved;
}

struct Knote {
  Native native{};
  bool triggered = false;
};

/// One epoll for each filter, because each filter of a descriptor has its own edges; and an outer
/// epoll, whose number is the queue's.
struct Queue {
  static constexpr std::array<short, 3> kFilters = {EVFILT_READ, EVFILT_WRITE, EVFILT_EXCEPT};

  int outer = -1;
  std::array<int, 3> inner = {-1, -1, -1};
  int doorbell = -1;  // readable while a user event is triggered
  std::map<std::pair<uintptr_t, short>, Knote> knotes;

  bool open() {
    outer = ::epoll_create1(0);
    for (int& fd : inner) fd = move_up(::epoll_create1(EPOLL_CLOEXEC));
    doorbell = move_up(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    bool whole = outer >= 0;
    uint32_t which = 0;
    for (const int fd : {inner[0], inner[1], inner[2], doorbell}) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = which++;
      whole = whole && fd >= 0 && ::epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event) == 0;
    }
    if (!whole && outer >= 0) real_close(outer);
    if (!whole) close_inner();
    return whole;
  }

  void close_inner() {
    for (const int fd : {inner[0], inner[1], inner[2], doorbell}) {
      if (fd >= 0) real_close(fd);
    }
  }

  int inner_of(short filter) const {
    const auto found = std::find(kFilters.begin(), kFilters.end(), filter);
    return found == kFilters.end() ? -1 : inner[static_cast<std::size_t>(found - kFilters.begin())];
  }
};

struct World {
  std::mutex mutex;
  std::map<int, std::shared_ptr<Queue>> queues;
  std::array<std::atomic<bool>, 65536> no_sigpipe{};  // by descriptor
};

World& world() {
  static auto* const instance = [] {
    auto* made = new World;
    // "The queue is not inherited by a child created with fork(2)."
    ::pthread_atfork([] { world().mutex.lock(); }, [] { world().mutex.unlock(); },
                     [] {
                       for (const auto& [fd, queue] : world().queues) {
                         real_close(fd);
                         queue->close_inner();
                       }
                       world().queues.clear();
                       world().mutex.unlock();
                     });
    return made;
  }();
  return *instance;
}

// Registered when the program starts, so that it runs before the program's own handlers: a kernel
// has dropped the queues by then.
[[maybe_unused]] const World& kFromTheStart = world();

/// "Calling close() on a file descriptor will remove any kevents that reference the descriptor."
void forget(int fd) {
  const int saved = errno;
  if (const auto i = static_cast<std::size_t>(fd); i < world().no_sigpipe.size()) {
    world().no_sigpipe[i] = false;
  }
  const std::lock_guard lock(world().mutex);
  if (const auto found = world().queues.find(fd); found != world().queues.end()) {
    if (found->second->outer == fd) found->second->close_inner();
    world().queues.erase(found);
  }
  for (const auto& [number, queue] : world().queues) {
    for (const short filter : Queue::kFilters) {
      if (queue->knotes.erase({static_cast<uintptr_t>(fd), filter}) != 0) {
        ::epoll_ctl(queue->inner_of(filter), EPOLL_CTL_DEL, fd, nullptr);
      }
    }
  }
  errno = saved;
}

bool is_pipe(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/// The filter of the other direction can be attached to an end of a pipe, but never fires
/// (FreeBSD).
bool is_wrong_end(int fd, short filter) {
  const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
  return is_pipe(fd) && mode == (filter == EVFILT_WRITE ? O_RDONLY : O_WRONLY);
}

short poll_now(int fd, int mask) {
  pollfd entry{fd, static_cast<short>(mask), 0};
  return ::poll(&entry, 1, 0) > 0 ? entry.revents : short{0};
}

int apply_user(Queue& queue, const Native& change) {
  const std::pair key(change.ident, change.filter);
  if ((change.flags & EV_DELETE) != 0) return queue.knotes.erase(key) != 0 ? 0 : ENOENT;
  auto found = queue.knotes.find(key);
  const bool is_new = found == queue.knotes.end();
  if (is_new) {
    if ((change.flags & EV_ADD) == 0) return ENOENT;
    found = queue.knotes.emplace(key, Knote{change, false}).first;
  }
  found->second.native.udata = change.udata;
  // In FreeBSD the addition itself does not trigger, and EV_CLEAR takes a trigger back.
  if (is_new) return 0;
  if ((change.fflags & NOTE_TRIGGER) != 0) found->second.triggered = true;
  if ((change.flags & EV_CLEAR) != 0) found->second.triggered = false;
  const uint64_t one = 1;
  if (found->second.triggered && ::write(queue.doorbell, &one, sizeof(one)) < 0) return errno;
  return 0;
}

int apply_descriptor(Queue& queue, const Native& change) {
  const int fd = static_cast<int>(change.ident);
  if (::fcntl(fd, F_GETFD) < 0) return EBADF;
  const std::pair key(change.ident, change.filter);
  const int inner = queue.inner_of(change.filter);
  const auto found = queue.knotes.find(key);
  const bool is_new = found == queue.knotes.end();
  if ((change.flags & EV_DELETE) != 0) {
    if (is_new) return ENOENT;
    ::epoll_ctl(inner, EPOLL_CTL_DEL, fd, nullptr);
    queue.knotes.erase(found);
    return 0;
  }
  if (is_new && (change.flags & EV_ADD) == 0) return ENOENT;
  // The kernels refuse the writing end of a pipe that has no reader.
  if (change.filter == EVFILT_WRITE && is_pipe(fd) && (poll_now(fd, POLLOUT) & POLLERR) != 0) {
    return EPIPE;
  }
  Knote& knote = is_new ? queue.knotes[key] : found->second;
  if (is_new) knote.native = change;
  knote.native.udata = change.udata;
  epoll_event event{};
  event.events = change.filter == EVFILT_READ    ? EPOLLIN | EPOLLRDHUP
                 : change.filter == EVFILT_WRITE ? EPOLLOUT
                                                 : EPOLLPRI;
  if ((knote.native.flags & EV_CLEAR) != 0) event.events |= EPOLLET;
  event.data.fd = fd;
  if (::epoll_ctl(inner, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0) return 0;
  const int error = errno == EPERM ? EINVAL : errno;  // neither epoll nor this subset watches files
  queue.knotes.erase(key);
  return error;
}

int apply(Queue& queue, const Native& change) {
  if ((change.flags & EV_DISABLE) != 0) return EINVAL;  // not in the subset
  if (change.filter == EVFILT_USER) return apply_user(queue, change);
  if (queue.inner_of(change.filter) < 0) return EINVAL;
  return apply_descriptor(queue, change);
}

/// Gives the error of a kernel that is out of memory.
int apply_if_there_is_memory(Queue& queue, const Native& change) {
  try {
    return apply(queue, change);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

int64_t bytes_to_read(int fd) {
  int listens = 0;
  socklen_t length = sizeof(listens);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0) {
    tcp_info info{};
    length = sizeof(info);
    ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_unacked;  // of a listener: the backlog
  }
  int n = 0;
  return ::ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
}

int64_t room_to_write(int fd) {
  int used = 0;
  if (is_pipe(fd)) {
    ::ioctl(fd, FIONREAD, &used);
    return ::fcntl(fd, F_GETPIPE_SZ) - used;
  }
  int size = 0;
  socklen_t length = sizeof(size);
  if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0) return 1;
  ::ioctl(fd, SIOCOUTQ, &used);
  return std::max(size - used, 0);
}

/// False if kqueue would report nothing.
bool report(const Knote& knote, uint32_t mask, Native& out) {
  const int fd = static_cast<int>(knote.native.ident);
  if (is_wrong_end(fd, knote.native.filter)) return false;
  const bool failed = (mask & EPOLLERR) != 0;
  bool ended = (mask & EPOLLHUP) != 0;
  // epoll reports a socket that was never connected as hung up.
  if (ended && !failed && !is_pipe(fd) && (poll_now(fd, POLLRDHUP) & POLLRDHUP) == 0) return false;
  out = knote.native;
  out.flags = static_cast<unsigned short>(knote.native.flags & EV_CLEAR);
  out.fflags = 0;
  if (knote.native.filter == EVFILT_READ) {
    ended = ended || (mask & EPOLLRDHUP) != 0;
    out.data = bytes_to_read(fd);
  } else if (knote.native.filter == EVFILT_WRITE) {
    ended = ended || (failed && is_pipe(fd));
    out.data = room_to_write(fd);
  } else {
    if ((mask & EPOLLPRI) != 0)
      out.fflags = NOTE_OOB;
    else if (!ended)
      return false;
  }
  if (ended && (mask & EPOLLPRI) == 0) {
    out.flags |= EV_EOF;
    if (failed && !is_pipe(fd)) out.fflags = EIO;
  }
  return true;
}

/// The next user event that is triggered; false if there is none.
bool take_user(Queue& queue, Native& out) {
  const auto triggered = [](const auto& entry) { return entry.second.triggered; };
  const auto found = std::find_if(queue.knotes.begin(), queue.knotes.end(), triggered);
  if (found == queue.knotes.end()) {
    uint64_t drained = 0;
    static_cast<void>(!::read(queue.doorbell, &drained, sizeof(drained)));
    return false;
  }
  Knote& knote = found->second;
  out = knote.native;
  out.flags = static_cast<unsigned short>(knote.native.flags & EV_CLEAR);
  if ((knote.native.flags & EV_CLEAR) != 0) knote.triggered = false;
  return true;
}

bool take_descriptor(Queue& queue, std::size_t which, Native& out) {
  epoll_event ready{};
  if (::epoll_wait(queue.inner[which], &ready, 1, 0) != 1) return false;
  const auto found =
      queue.knotes.find({static_cast<uintptr_t>(ready.data.fd), Queue::kFilters[which]});
  return found != queue.knotes.end() && report(found->second, ready.events, out);
}

/// Takes one event at a time, from the filter that the outer epoll reports first. So events come in
/// the order in which they were triggered. Without EV_CLEAR an event comes again, and ends the
/// list.
int collect(Queue& queue, Native* events, int room) {
  const std::lock_guard lock(world().mutex);
  int n = 0;
  for (int looks = 0; n < room && looks < 2 * room + 8; ++looks) {
    epoll_event ready{};
    if (::epoll_wait(queue.outer, &ready, 1, 0) != 1) break;
    const std::size_t which = ready.data.u32;
    Native out{};
    if (!(which == 3 ? take_user(queue, out) : take_descriptor(queue, which, out))) continue;
    const auto same = [&](const Native& event) {
      return event.ident == out.ident && event.filter == out.filter;
    };
    if ((out.flags & EV_CLEAR) == 0 && std::any_of(events, events + n, same)) break;
    events[n++] = out;
  }
  return n;
}

int wait(Queue& queue, Native* events, int room, const timespec* timeout) {
  using std::chrono::nanoseconds;
  nanoseconds left = eddy::test::kqueue_longest_wait;
  if (timeout != nullptr && timeout->tv_sec < 86400) {
    // macOS counts in microseconds, and cuts off the rest.
    left = std::min<nanoseconds>(left, std::chrono::seconds(timeout->tv_sec) +
                                           std::chrono::microseconds(timeout->tv_nsec / 1000));
  }
  const Clock::time_point deadline = Clock::now() + left;
  for (;;) {
    if (const int n = collect(queue, events, room); n != 0) return n;
    if (timeout != nullptr) {
      left = deadline - Clock::now();
      if (left <= nanoseconds::zero()) return 0;
    }
    const timespec spec{static_cast<time_t>(left.count() / 1'000'000'000),
                        static_cast<long>(left.count() % 1'000'000'000)};
    pollfd entry{queue.outer, POLLIN, 0};
    if (::ppoll(&entry, 1, timeout == nullptr ? nullptr : &spec, nullptr) < 0) return -1;
  }
}

int fail(int error) {
  errno = error;
  return -1;
}

int with_sigpipe_flag(int fd, int flags) {
  const auto i = static_cast<std::size_t>(fd);
  const bool silent = i < world().no_sigpipe.size() && world().no_sigpipe[i];
  return silent ? flags | MSG_NOSIGNAL : flags;
}

}  // namespace

extern "C" {

int kqueue() {
  auto queue = std::make_shared<Queue>();
  if (!queue->open()) return fail(EMFILE);
  const std::lock_guard lock(world().mutex);
  world().queues[queue->outer] = queue;
  return queue->outer;
}

int kevent(int fd, const Native* changes, int n_changes, Native* events, int n_events,
           const timespec* timeout) {
  std::shared_ptr<Queue> queue;
  int receipts = 0;
  {
    const std::lock_guard lock(world().mutex);
    const auto found = world().queues.find(fd);
    if (found == world().queues.end()) return fail(EBADF);
    queue = found->second;
    for (int i = 0; i < n_changes; ++i) {
      const Native change = changes[i];  // a copy: the two lists may be one
      const int error = apply_if_there_is_memory(*queue, change);
      if (error == 0 && (change.flags & EV_RECEIPT) == 0) continue;
      if (receipts == n_events) return error == 0 ? receipts : fail(error);
      events[receipts] = change;
      events[receipts].flags = EV_ERROR;
      events[receipts].data = error;
      ++receipts;
    }
  }
  if (receipts != 0 || n_events == 0) return receipts;
  if (timeout != nullptr &&
      (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999'999'999)) {
    return fail(EINVAL);
  }
  return wait(*queue, events, n_events, timeout);
}

// Functions that close a descriptor also drop its kevents.

int close(int fd) {
  forget(fd);
  return real_close(fd);
}

int dup2(int fd, int fd2) noexcept {
  if (fd == fd2) return ::fcntl(fd, F_GETFD) < 0 ? -1 : fd;
  forget(fd2);
  return static_cast<int>(::syscall(SYS_dup3, fd, fd2, 0));
}

// A duplicate of a queue is the same queue, and a duplicate of a socket keeps SO_NOSIGPIPE.

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const auto argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  const auto result = static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
  if (result < 0 || command != F_DUPFD_CLOEXEC) return result;
  world().no_sigpipe.at(static_cast<std::size_t>(result)) =
      world().no_sigpipe.at(static_cast<std::size_t>(fd)).load();
  const std::lock_guard lock(world().mutex);
  if (const auto found = world().queues.find(fd); found != world().queues.end()) {
    found->second->outer = result;
    world().queues[result] = found->second;
  }
  return result;
}

// Functions that macOS does not have.

int accept4(int fd, sockaddr* addr, socklen_t* addr_len, int flags) {
  if (!eddy::test::kqueue_has_accept4) return fail(ENOSYS);
  return static_cast<int>(::syscall(SYS_accept4, fd, addr, addr_len, flags));
}

int pipe2(int* pipedes, int flags) noexcept {
  if (!eddy::test::kqueue_has_accept4) return fail(ENOSYS);
  return static_cast<int>(::syscall(SYS_pipe2, pipedes, flags));
}

// A socket with SO_NOSIGPIPE raises no SIGPIPE, whatever the flags of the call.

int setsockopt(int fd, int level, int optname, const void* optval, socklen_t optlen) noexcept {
  if (level != SOL_SOCKET || optname != SO_NOSIGPIPE) {
    return static_cast<int>(::syscall(SYS_setsockopt, fd, level, optname, optval, optlen));
  }
  if (::fcntl(fd, F_GETFD) < 0) return -1;
  // macOS sets no option of a socket whose two directions are shut down.
  constexpr short kShut = POLLHUP | POLLRDHUP;
  if (optlen != sizeof(int) || (poll_now(fd, POLLRDHUP) & kShut) == kShut) return fail(EINVAL);
  int on = 0;
  std::memcpy(&on, optval, sizeof(on));
  world().no_sigpipe.at(static_cast<std::size_t>(fd)) = on != 0;
  return 0;
}

ssize_t send(int fd, const void* buf, size_t n, int flags) {
  return ::syscall(SYS_sendto, fd, buf, n, with_sigpipe_flag(fd, flags), nullptr, 0);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return ::syscall(SYS_sendmsg, fd, message, with_sigpipe_flag(fd, flags));
}

}  // extern "C"
