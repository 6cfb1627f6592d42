// SPDX-License-Identifier: MIT

#include "fault/faulty_sys.hpp"

#include "eddy/platform/fd.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_address.hpp"

#include "fault/scripted_splice.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// The real calls, under another name: these are the library's own sources, whose headers are all
// included above. Tests can script their splice.
#define sys real_sys
#define splice scripted_splice
#include "platform/linux/sys.cpp"
#include "platform/posix/sys.cpp"
#undef splice
#undef sys

namespace fault {
namespace {

using eddy::RawSource;
using eddy::real_sys::Count;

struct Plan {
  std::size_t index = 0;
  std::optional<Kind> kind;
  std::optional<Call> met;
  std::optional<Call> only{};  ///< the function that is to fail, if not any
};

thread_local Plan plan;
thread_local std::array<std::size_t, static_cast<std::size_t>(Call::count_)> counts{};
thread_local std::size_t sleeping_waits = 0;

struct Refusal {
  Call call;
  Kind kind;
};
thread_local std::optional<Refusal> refusal;
thread_local int signal_to_raise = 0;
thread_local std::optional<std::size_t> small_pipes;

thread_local std::optional<std::chrono::nanoseconds> manual_now;
/// How far this thread's manual clocks are ahead of the real clock, because no clock goes back.
thread_local std::chrono::nanoseconds ahead{};

thread_local eddy::WaitSlack slack;
thread_local bool slack_is_used = false;

/// How much longer this thread's waits are made.
std::chrono::nanoseconds slack_of(std::chrono::nanoseconds timeout) {
  if (!slack_is_used) return {};
  return std::max(slack.least, std::min(timeout / slack.share, slack.most));
}

/// The registrations of each epoll. After a fault, they allow giving the edge that a kernel would
/// give.
struct Registration {
  RawSource epoll;
  epoll_event event;
};
std::mutex registrations_mutex;
std::map<RawSource, Registration> registrations;

bool transfers(Call call) {
  constexpr std::array kTransfers = {Call::read,
                                     Call::write,
                                     Call::receive,
                                     Call::send,
                                     Call::peek,
                                     Call::receive_vectored,
                                     Call::send_vectored,
                                     Call::splice_from_socket,
                                     Call::splice_to_socket};
  return std::find(kTransfers.begin(), kTransfers.end(), call) != kTransfers.end();
}

bool writes(Call call) {
  return call == Call::write || call == Call::send || call == Call::send_vectored ||
         call == Call::splice_to_socket;
}

bool can_meet(Call call, Kind kind) {
  if (kind.is_short()) return transfers(call);
  // A reactor that cannot wait at all stops the program; another test shows that.
  if (call == Call::epoll_wait) return kind.error_number() == EINTR;
  // These give no error; without memory a coroutine throws.
  if (call == Call::map_memory || call == Call::unmap_memory) return false;
  // These give "would block" or no error.
  if (kind.error_number() == EAGAIN) return transfers(call) || call == Call::accept;
  return true;
}

}  // namespace

void promise_edge(RawSource source) {
  const std::lock_guard lock(registrations_mutex);
  const auto found = registrations.find(source);
  if (found == registrations.end()) return;
  ::epoll_ctl(found->second.epoll, EPOLL_CTL_MOD, source, &found->second.event);
}

namespace {

/// Counts the call, and returns the fault that it meets, if any.
std::optional<Kind> meet(Call call) {
  ++counts[static_cast<std::size_t>(call)];
  if (refusal && refusal->call == call) return refusal->kind;
  if (!plan.kind || plan.met) return std::nullopt;
  if (plan.only ? call != *plan.only : !can_meet(call, *plan.kind)) return std::nullopt;
  if (plan.index-- != 0) return std::nullopt;
  plan.met = call;
  return plan.kind;
}

/// Makes the call, or gives its fault.
template <class F>
auto run(Call call, F real) -> decltype(real()) {
  if (const std::optional<Kind> kind = meet(call)) {
    return std::unexpected(std::error_code(kind->error_number(), std::generic_category()));
  }
  return real();
}

/// A call that moves bytes: `real(limit)` moves at most `limit`.
template <class F>
Count transfer(Call call, RawSource source, std::size_t size, F real) {
  const std::optional<Kind> kind = meet(call);
  if (!kind) return real(size);
  if (kind->is_short()) {
    const Count moved = real(std::min<std::size_t>(size, 1));
    // A write may be short although there is room: then no edge follows.
    if (!writes(call)) promise_edge(source);
    return moved;
  }
  if (kind->error_number() == EAGAIN) promise_edge(source);
  return std::unexpected(std::error_code(kind->error_number(), std::generic_category()));
}

}  // namespace

std::string name_of(Call call) {
  constexpr std::array kNames = {"close",
                                 "set_nonblocking",
                                 "is_nonblocking",
                                 "duplicate",
                                 "create_pipe",
                                 "read",
                                 "write",
                                 "poll_now",
                                 "open_reserve",
                                 "create_stream_socket",
                                 "bind",
                                 "listen",
                                 "accept",
                                 "connect",
                                 "receive",
                                 "peek",
                                 "send",
                                 "receive_vectored",
                                 "send_vectored",
                                 "create_splice_pipe",
                                 "pipe_capacity",
                                 "splice_from_socket",
                                 "splice_to_socket",
                                 "shutdown",
                                 "set_option",
                                 "get_option",
                                 "take_error",
                                 "local_address",
                                 "peer_address",
                                 "install_signal",
                                 "restore_signal",
                                 "create_bell",
                                 "create_bell_reader",
                                 "epoll_create",
                                 "epoll_add",
                                 "epoll_modify",
                                 "epoll_remove",
                                 "epoll_wait",
                                 "map_memory",
                                 "unmap_memory"};
  static_assert(kNames.size() == static_cast<std::size_t>(Call::count_));
  return kNames[static_cast<std::size_t>(call)];
}

std::string Kind::name() const { return is_short() ? "a short transfer" : std::strerror(error_); }

void arm(std::size_t index, Kind kind) { plan = Plan{index, kind, std::nullopt}; }

void arm_call(Call call, Kind kind, std::size_t index) {
  plan = Plan{index, kind, std::nullopt, call};
}

std::optional<Call> disarm() {
  const std::optional<Call> met = plan.met;
  plan = Plan{};
  return met;
}

std::size_t count_of(Call call) { return counts[static_cast<std::size_t>(call)]; }

std::size_t count_of_all() {
  std::size_t total = 0;
  for (const std::size_t count : counts) total += count;
  return total;
}

std::size_t count_of_sleeping_waits() { return sleeping_waits; }

void reset_counts() {
  counts.fill(0);
  sleeping_waits = 0;
}

Refused::Refused(Call call, int error_number) { refusal.emplace(call, Kind::error(error_number)); }
Refused::~Refused() { refusal.reset(); }

SmallPipes::SmallPipes(std::size_t capacity) { small_pipes = capacity; }
SmallPipes::~SmallPipes() { small_pipes.reset(); }

void raise_when_installed(int signal_number) { signal_to_raise = signal_number; }

ManualClock::ManualClock() { manual_now = eddy::real_sys::monotonic_now() + ahead; }
void ManualClock::set_slack(const eddy::WaitSlack& new_slack, bool used) {
  slack = new_slack;
  slack_is_used = used;
}
ManualClock::~ManualClock() {
  const std::chrono::nanoseconds left = *manual_now - eddy::real_sys::monotonic_now();
  ahead = std::max(left, std::chrono::nanoseconds::zero());
  manual_now.reset();
}
void ManualClock::pass(std::chrono::nanoseconds length) { *manual_now += length; }

}  // namespace fault

namespace eddy::sys {

using fault::Call;
using fault::run;
using fault::transfer;
using real_sys::Count;

Result<void> close(RawSource source) noexcept {
  {
    const std::lock_guard lock(fault::registrations_mutex);
    fault::registrations.erase(source);
  }
  // The descriptor is gone, even if close gives an error.
  const Result<void> closed = real_sys::close(source);
  return run(Call::close, [&] { return closed; });
}
Result<void> set_nonblocking(RawSource source) noexcept {
  return run(Call::set_nonblocking, [&] { return real_sys::set_nonblocking(source); });
}
Result<bool> is_nonblocking(RawSource source) noexcept {
  return run(Call::is_nonblocking, [&] { return real_sys::is_nonblocking(source); });
}
Result<Fd> duplicate(RawSource source) noexcept {
  return run(Call::duplicate, [&] { return real_sys::duplicate(source); });
}
Result<Pipe> create_pipe() noexcept {
  return run(Call::create_pipe, [] { return real_sys::create_pipe(); });
}
Count read(RawSource source, std::span<std::byte> buffer) noexcept {
  return transfer(Call::read, source, buffer.size(),
                  [&](std::size_t n) { return real_sys::read(source, buffer.first(n)); });
}
Count write(RawSource source, std::span<const std::byte> data) noexcept {
  return transfer(Call::write, source, data.size(),
                  [&](std::size_t n) { return real_sys::write(source, data.first(n)); });
}
Result<Interest> poll_now(RawSource source, Interest interest) noexcept {
  return run(Call::poll_now, [&] { return real_sys::poll_now(source, interest); });
}
Result<Fd> open_reserve() noexcept {
  return run(Call::open_reserve, [] { return real_sys::open_reserve(); });
}
Result<Fd> create_stream_socket(SocketAddress::Family family) noexcept {
  return run(Call::create_stream_socket, [&] { return real_sys::create_stream_socket(family); });
}
Result<void> bind(RawSource socket, const SocketAddress& address) noexcept {
  return run(Call::bind, [&] { return real_sys::bind(socket, address); });
}
Result<void> listen(RawSource socket, int backlog) noexcept {
  return run(Call::listen, [&] { return real_sys::listen(socket, backlog); });
}
Result<Fd> accept(RawSource listener, SocketAddress* peer) noexcept {
  Result<Fd> accepted = run(Call::accept, [&] { return real_sys::accept(listener, peer); });
  if (!accepted && accepted.error().value() == EAGAIN) fault::promise_edge(listener);
  return accepted;
}
Result<void> connect(RawSource socket, const SocketAddress& address) noexcept {
  const auto faulty = [&]() -> Result<void> { return real_sys::connect(socket, address); };
  Result<void> connected = run(Call::connect, faulty);
  // An interrupted connect goes on in the kernel, as one that is in progress.
  if (!connected &&
      (connected.error().value() == EINTR || connected.error().value() == EINPROGRESS)) {
    static_cast<void>(real_sys::connect(socket, address));
  }
  return connected;
}
Count receive(RawSource socket, std::span<std::byte> buffer) noexcept {
  return transfer(Call::receive, socket, buffer.size(),
                  [&](std::size_t n) { return real_sys::receive(socket, buffer.first(n)); });
}
Count peek(RawSource socket, std::span<std::byte> buffer) noexcept {
  return transfer(Call::peek, socket, buffer.size(),
                  [&](std::size_t n) { return real_sys::peek(socket, buffer.first(n)); });
}
Count send(RawSource socket, std::span<const std::byte> data) noexcept {
  return transfer(Call::send, socket, data.size(),
                  [&](std::size_t n) { return real_sys::send(socket, data.first(n)); });
}
Count receive_vectored(RawSource socket, std::span<const std::span<std::byte>> buffers) noexcept {
  return transfer(Call::receive_vectored, socket, buffers[0].size(), [&](std::size_t n) {
    if (n == buffers[0].size()) return real_sys::receive_vectored(socket, buffers);
    return real_sys::receive(socket, buffers[0].first(n));
  });
}
Count send_vectored(RawSource socket, std::span<const std::span<const std::byte>> data) noexcept {
  return transfer(Call::send_vectored, socket, data[0].size(), [&](std::size_t n) {
    if (n == data[0].size()) return real_sys::send_vectored(socket, data);
    return real_sys::send(socket, data[0].first(n));
  });
}
Result<Pipe> create_splice_pipe() noexcept {
  return run(Call::create_splice_pipe, [] { return real_sys::create_splice_pipe(); });
}
Result<std::size_t> pipe_capacity(RawSource pipe) noexcept {
  const auto real = [&]() -> Result<std::size_t> {
    if (fault::small_pipes) return *fault::small_pipes;
    return real_sys::pipe_capacity(pipe);
  };
  return run(Call::pipe_capacity, real);
}
Count splice_from_socket(RawSource socket, RawSource pipe_writer, std::size_t most) noexcept {
  return transfer(Call::splice_from_socket, socket, most, [&](std::size_t n) {
    return real_sys::splice_from_socket(socket, pipe_writer, n);
  });
}
Count splice_to_socket(RawSource pipe_reader, RawSource socket, std::size_t most) noexcept {
  return transfer(Call::splice_to_socket, socket, most, [&](std::size_t n) {
    return real_sys::splice_to_socket(pipe_reader, socket, n);
  });
}
Result<void> shutdown(RawSource socket, ShutdownHow how) noexcept {
  return run(Call::shutdown, [&] { return real_sys::shutdown(socket, how); });
}
Result<void> set_option(RawSource socket, SocketOption option, int value) noexcept {
  return run(Call::set_option, [&] { return real_sys::set_option(socket, option, value); });
}
Result<int> get_option(RawSource socket, SocketOption option) noexcept {
  return run(Call::get_option, [&] { return real_sys::get_option(socket, option); });
}
Result<void> take_error(RawSource socket) noexcept {
  return run(Call::take_error, [&] { return real_sys::take_error(socket); });
}
Result<SocketAddress> local_address(RawSource socket) noexcept {
  return run(Call::local_address, [&] { return real_sys::local_address(socket); });
}
Result<SocketAddress> peer_address(RawSource socket) noexcept {
  return run(Call::peer_address, [&] { return real_sys::peer_address(socket); });
}
Result<void> install_signal(int signal_number, SignalCallback on_signal) noexcept {
  Result<void> installed =
      run(Call::install_signal, [&] { return real_sys::install_signal(signal_number, on_signal); });
  if (const int raised = std::exchange(fault::signal_to_raise, 0); raised != 0) std::raise(raised);
  return installed;
}
Result<void> restore_signal(int signal_number) noexcept {
  return run(Call::restore_signal, [&] { return real_sys::restore_signal(signal_number); });
}
Result<Pipe> create_bell() noexcept {
  return run(Call::create_bell, [] { return real_sys::create_bell(); });
}
Result<Fd> create_bell_reader(const Pipe& bell) noexcept {
  return run(Call::create_bell_reader, [&] { return real_sys::create_bell_reader(bell); });
}
void hush(RawSource bell_reader) noexcept { real_sys::hush(bell_reader); }
void ring(const Pipe& bell) noexcept { real_sys::ring(bell); }
WaitSlack wait_slack() noexcept { return fault::slack; }
void* map_memory(std::size_t size) noexcept {
  return fault::meet(Call::map_memory) ? nullptr : real_sys::map_memory(size);
}
bool unmap_memory(void* memory, std::size_t size) noexcept {
  return !fault::meet(Call::unmap_memory) && real_sys::unmap_memory(memory, size);
}
void lock_process() noexcept { real_sys::lock_process(); }
void unlock_process() noexcept { real_sys::unlock_process(); }
std::uint32_t fork_count() noexcept { return real_sys::fork_count(); }
std::chrono::nanoseconds monotonic_now() noexcept {
  if (fault::manual_now) return *fault::manual_now;
  return real_sys::monotonic_now() + fault::ahead;
}
void write_to_stderr(std::span<const std::byte> text) noexcept { real_sys::write_to_stderr(text); }

Result<Fd> epoll_create() noexcept {
  return run(Call::epoll_create, [] { return real_sys::epoll_create(); });
}
Result<void> epoll_add(RawSource epoll, RawSource source, epoll_event& event) noexcept {
  const auto faulty = [&] { return real_sys::epoll_add(epoll, source, event); };
  const Result<void> added = run(Call::epoll_add, faulty);
  if (added) {
    const std::lock_guard lock(fault::registrations_mutex);
    fault::registrations.insert_or_assign(source, fault::Registration{epoll, event});
  }
  return added;
}
Result<void> epoll_modify(RawSource epoll, RawSource source, epoll_event& event) noexcept {
  return run(Call::epoll_modify, [&] { return real_sys::epoll_modify(epoll, source, event); });
}
Result<void> epoll_remove(RawSource epoll, RawSource source) noexcept {
  // A removal that fails leaves the registration; the close that follows removes it.
  return run(Call::epoll_remove, [&] { return real_sys::epoll_remove(epoll, source); });
}
Count epoll_wait(RawSource epoll, std::span<epoll_event> events,
                 std::optional<std::chrono::nanoseconds> timeout) noexcept {
  const bool passes = fault::manual_now && timeout;
  if (timeout != std::chrono::nanoseconds::zero()) ++fault::sleeping_waits;
  const auto faulty = [&]() -> Count {
    if (!passes) return real_sys::epoll_wait(epoll, events, timeout);
    const Count found = real_sys::epoll_wait(epoll, events, std::chrono::nanoseconds::zero());
    if (found && *found == 0) *fault::manual_now += *timeout + fault::slack_of(*timeout);
    return found;
  };
  return run(Call::epoll_wait, faulty);
}

}  // namespace eddy::sys
