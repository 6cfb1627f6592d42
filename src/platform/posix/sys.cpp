// The part of the seam that is the same on Linux, macOS and FreeBSD. Where they differ in a name or
// a step, "os.hpp" in the platform's folder has it.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "os.hpp"
#include "platform/posix/native.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace eddy::sys {

using namespace posix;

namespace {

struct NativeOption {
  int level;
  int name;
};

NativeOption name_of(SocketOption option) noexcept {
  switch (option) {
    case SocketOption::reuse_address:
      return {SOL_SOCKET, SO_REUSEADDR};
    case SocketOption::reuse_port:
      return {SOL_SOCKET, SO_REUSEPORT};
    case SocketOption::v6_only:
      return {IPPROTO_IPV6, IPV6_V6ONLY};
    case SocketOption::no_delay:
      return {IPPROTO_TCP, TCP_NODELAY};
    case SocketOption::keep_alive:
      return {SOL_SOCKET, SO_KEEPALIVE};
    case SocketOption::keep_alive_idle:
      return {IPPROTO_TCP, os::kKeepAliveIdle};
    case SocketOption::keep_alive_interval:
      return {IPPROTO_TCP, TCP_KEEPINTVL};
    case SocketOption::keep_alive_count:
      return {IPPROTO_TCP, TCP_KEEPCNT};
    case SocketOption::send_buffer:
      return {SOL_SOCKET, SO_SNDBUF};
    case SocketOption::receive_buffer:
      return {SOL_SOCKET, SO_RCVBUF};
    case SocketOption::reset_on_close:
      return {SOL_SOCKET, SO_LINGER};
  }
  return {-1, -1};
}

short to_poll_mask(Interest interest) noexcept {
  int mask = 0;
  if (interest.contains(Interest::readable)) mask |= POLLIN | os::kPollReadHangUp;
  if (interest.contains(Interest::writable)) mask |= POLLOUT;
  if (interest.contains(Interest::priority)) mask |= POLLPRI;
  return static_cast<short>(mask);
}

constexpr int kSignalLimit = 65;
std::array<std::atomic<SignalCallback>, kSignalLimit> signal_callbacks{};
std::array<struct sigaction, kSignalLimit> previous_actions{};

/// While it lives, no write of this thread to a pipe or socket without a reader raises SIGPIPE.
/// write(2) has no flag for that.
class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    was_pending_ = is_pending();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// Call it after a write that failed with EPIPE: takes back the signal that the write has raised.
  /// A signal that was pending before is the program's, and stays.
  void take_back() const noexcept {
    // Not by sigtimedwait, which macOS does not have.
    int taken = 0;
    if (!was_pending_ && is_pending()) ::sigwait(&sigpipe_, &taken);
  }

 private:
  static bool is_pending() noexcept {
    sigset_t pending;
    ::sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
  }

  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

void handle_signal(int signal_number) noexcept;

bool is_own(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == handle_signal;
}

Result<void> install_own(int signal_number, struct sigaction* replaced) noexcept {
  struct sigaction action{};
  action.sa_handler = handle_signal;
  // On the alternate stack, if the thread has one: its own stack may be used up or too small.
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  return check(::sigaction(signal_number, &action, replaced));
}

/// Nobody listens any more, but somebody who had saved this handler has put it back. So the signal
/// goes to the handler that was there before. Another handler that calls this one stays.
void pass_on(int signal_number) noexcept {
  const auto i = static_cast<std::size_t>(signal_number);
  struct sigaction now{};
  if (::sigaction(signal_number, nullptr, &now) < 0 || !is_own(now)) return;
  ::sigaction(signal_number, &previous_actions[i], nullptr);
  // Another thread may have begun to listen meanwhile.
  if (signal_callbacks[i].load() != nullptr) static_cast<void>(install_own(signal_number, nullptr));
  ::raise(signal_number);  // comes when this handler has returned
}

void handle_signal(int signal_number) noexcept {
  const int saved = errno;
  if (const SignalCallback callback =
          signal_callbacks[static_cast<std::size_t>(signal_number)].load()) {
    callback(signal_number);
  } else {
    pass_on(signal_number);
  }
  errno = saved;
}

bool is_signal(int signal_number) noexcept {
  return signal_number > 0 && signal_number < kSignalLimit;
}

// Not a std::mutex: some have a destructor.
constinit pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;

constinit std::atomic<std::uint32_t> forks{0};
// As the program starts, because handlers run in the order of their registration, and a handler of
// the program's own may rebuild a reactor.
[[maybe_unused]] const int kWatchesForks = ::pthread_atfork(
    [] { ::pthread_mutex_lock(&process_mutex); }, [] { ::pthread_mutex_unlock(&process_mutex); },
    [] {
      forks.fetch_add(1, std::memory_order_relaxed);
      ::pthread_mutex_unlock(&process_mutex);
    });

/// True of signals that a fault of the program raises: its code would fault again after the
/// handler.
bool is_fault(int signal_number) noexcept {
  return signal_number == SIGSEGV || signal_number == SIGBUS || signal_number == SIGFPE ||
         signal_number == SIGILL;
}

}  // namespace

Result<void> close(RawSource source) noexcept { return check(::close(source)); }

Result<void> set_nonblocking(RawSource source) noexcept {
  const int flags = ::fcntl(source, F_GETFL);
  if (flags < 0) return last_error();
  return check(::fcntl(source, F_SETFL, flags | O_NONBLOCK));
}

Result<bool> is_nonblocking(RawSource source) noexcept {
  const int flags = ::fcntl(source, F_GETFL);
  if (flags < 0) return last_error();
  return (flags & O_NONBLOCK) != 0;
}

Result<Fd> duplicate(RawSource source) noexcept {
  return own(::fcntl(source, F_DUPFD_CLOEXEC, kFirstNumber));
}

Result<Pipe> create_pipe() noexcept {
  std::array<int, 2> ends{-1, -1};
  const int made = os::open_pipe(ends);
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (made < 0) return last_error();
  for (Fd* end : {&pipe.reader, &pipe.writer}) {
    Result<Fd> owned = own(end->release());
    if (!owned) return std::unexpected(owned.error());
    *end = std::move(*owned);
  }
  return pipe;
}

Count read(RawSource source, std::span<std::byte> buffer) noexcept {
  return count(::read(source, buffer.data(), buffer.size()));
}

Count write(RawSource source, std::span<const std::byte> data) noexcept {
  return count(::write(source, data.data(), data.size()));
}

Result<Interest> poll_now(RawSource source, Interest interest) noexcept {
  pollfd entry{source, to_poll_mask(interest), 0};
  if (::poll(&entry, 1, 0) < 0) return last_error();
  const bool over = (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  Interest ready;
  if (over || (entry.revents & (POLLIN | os::kPollReadHangUp)) != 0)
    ready = ready | Interest::readable;
  if (over || (entry.revents & POLLOUT) != 0) ready = ready | Interest::writable;
  if ((entry.revents & POLLPRI) != 0) ready = ready | Interest::priority;
  return ready;
}

Result<Fd> open_reserve() noexcept { return own(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

Result<Fd> create_stream_socket(SocketAddress::Family family) noexcept {
  const int domain = family == SocketAddress::Family::v4 ? AF_INET : AF_INET6;
  return own(os::open_socket(domain, SOCK_STREAM));
}

Result<void> bind(RawSource socket, const SocketAddress& address) noexcept {
  NativeAddress native = to_native(address);
  return check(::bind(socket, native.get(), native.length));
}

Result<void> listen(RawSource socket, int backlog) noexcept {
  return check(::listen(socket, backlog));
}

Result<Fd> accept(RawSource listener, SocketAddress* peer) noexcept {
  if (peer == nullptr) return own_accepted(os::accept_socket(listener, nullptr, nullptr));
  NativeAddress native;
  Result<Fd> accepted = own_accepted(os::accept_socket(listener, native.get(), &native.length));
  if (accepted) *peer = from_native(native).value_or(SocketAddress());
  return accepted;
}

Result<void> connect(RawSource socket, const SocketAddress& address) noexcept {
  NativeAddress native = to_native(address);
  return check(::connect(socket, native.get(), native.length));
}

Count receive(RawSource socket, std::span<std::byte> buffer) noexcept {
  return count(::recv(socket, buffer.data(), buffer.size(), 0));
}

Count peek(RawSource socket, std::span<std::byte> buffer) noexcept {
  return count(::recv(socket, buffer.data(), buffer.size(), MSG_PEEK));
}

Count send(RawSource socket, std::span<const std::byte> data) noexcept {
  return count(::send(socket, data.data(), data.size(), os::kSendFlags));
}

Count receive_vectored(RawSource socket, std::span<const std::span<std::byte>> buffers) noexcept {
  NativeSlices slices;
  msghdr message{};
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(to_native(buffers, slices));
  message.msg_iov = slices.data();
  return count(::recvmsg(socket, &message, 0));
}

Count send_vectored(RawSource socket, std::span<const std::span<const std::byte>> data) noexcept {
  NativeSlices slices;
  msghdr message{};
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(to_native(data, slices));
  message.msg_iov = slices.data();
  return count(::sendmsg(socket, &message, os::kSendFlags));
}

Result<void> shutdown(RawSource socket, ShutdownHow how) noexcept {
  constexpr std::array<int, 3> kNative = {SHUT_RD, SHUT_WR, SHUT_RDWR};
  return check(::shutdown(socket, kNative[static_cast<std::size_t>(how)]));
}

Result<void> set_option(RawSource socket, SocketOption option, int value) noexcept {
  const NativeOption native = name_of(option);
  if (option == SocketOption::reset_on_close) {
    const ::linger linger{value != 0 ? 1 : 0, 0};
    return check(::setsockopt(socket, native.level, native.name, &linger, sizeof(linger)));
  }
  return check(::setsockopt(socket, native.level, native.name, &value, sizeof(value)));
}

Result<int> get_option(RawSource socket, SocketOption option) noexcept {
  const NativeOption native = name_of(option);
  if (option == SocketOption::reset_on_close) {
    ::linger linger{};
    socklen_t length = sizeof(linger);
    if (::getsockopt(socket, native.level, native.name, &linger, &length) < 0) return last_error();
    return linger.l_onoff != 0 && linger.l_linger == 0 ? 1 : 0;
  }
  int value = 0;
  socklen_t length = sizeof(value);
  if (::getsockopt(socket, native.level, native.name, &value, &length) < 0) return last_error();
  return value;
}

Result<void> take_error(RawSource socket) noexcept {
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return last_error();
  if (error != 0) return std::unexpected(error_of(error));
  return {};
}

Result<SocketAddress> local_address(RawSource socket) noexcept {
  NativeAddress native;
  if (::getsockname(socket, native.get(), &native.length) < 0) return last_error();
  return from_native(native);
}

Result<SocketAddress> peer_address(RawSource socket) noexcept {
  NativeAddress native;
  if (::getpeername(socket, native.get(), &native.length) < 0) return last_error();
  return from_native(native);
}

Result<void> install_signal(int signal_number, SignalCallback on_signal) noexcept {
  if (!is_signal(signal_number) || is_fault(signal_number)) {
    return failure(std::errc::invalid_argument);
  }
  const auto i = static_cast<std::size_t>(signal_number);
  signal_callbacks[i].store(on_signal);
  struct sigaction replaced{};
  const Result<void> installed = install_own(signal_number, &replaced);
  if (installed && !is_own(replaced)) previous_actions[i] = replaced;
  return installed;
}

Result<void> restore_signal(int signal_number) noexcept {
  if (!is_signal(signal_number)) return failure(std::errc::invalid_argument);
  const auto i = static_cast<std::size_t>(signal_number);
  struct sigaction now{};
  Result<void> restored = check(::sigaction(signal_number, nullptr, &now));
  // A handler that somebody has installed meanwhile stays, even if it calls this one.
  if (restored && is_own(now)) {
    restored = check(::sigaction(signal_number, &previous_actions[i], nullptr));
  }
  signal_callbacks[i].store(nullptr);
  return restored;
}

Result<Fd> create_bell_reader(const Pipe& bell) noexcept { return duplicate(bell.reader.raw()); }

void hush(RawSource /*bell_reader*/) noexcept {}

std::chrono::nanoseconds monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(os::kClock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

bool unmap_memory(void* memory, std::size_t size) noexcept { return ::munmap(memory, size) == 0; }

void* map_memory(std::size_t size) noexcept {
  const auto map = [](std::size_t bytes) -> std::byte* {
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
  };
  const auto over = [size](const std::byte* at) {
    return reinterpret_cast<std::uintptr_t>(at) & (size - 1);
  };
  // All but the first lie beside another, and so are aligned at once.
  std::byte* const memory = map(size);
  if (memory == nullptr || over(memory) == 0) return memory;
  ::munmap(memory, size);
  std::byte* const twice = map(2 * size);
  if (twice == nullptr) return nullptr;
  std::byte* const aligned = twice + size - over(twice);
  ::munmap(twice, static_cast<std::size_t>(aligned - twice));
  if (const std::size_t rest = over(twice); rest != 0) ::munmap(aligned + size, rest);
  return aligned;
}

void lock_process() noexcept { ::pthread_mutex_lock(&process_mutex); }

void unlock_process() noexcept { ::pthread_mutex_unlock(&process_mutex); }

std::uint32_t fork_count() noexcept { return forks.load(std::memory_order_relaxed); }

void write_to_stderr(std::span<const std::byte> text) noexcept {
  const NoSigpipe no_sigpipe;
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) no_sigpipe.take_back();
    if (n <= 0) return;
    text = text.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace eddy::sys
