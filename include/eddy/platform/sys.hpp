// The kernel seam: every system call that the library makes, and nothing else.
//
// Each function that moves bytes, accepts, waits or registers is one system call, with no retry and
// no policy. So a test or a simulator that defines these functions sees what a kernel would see.
// The other functions may make several calls. All descriptors made here are close-on-exec and
// non-blocking from birth.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/small_result.hpp"
#include "eddy/platform/socket_address.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

struct epoll_event;
struct kevent;

namespace eddy {

/// The two ends of a pipe.
struct Pipe {
  Fd reader;
  Fd writer;
};

/// The socket options that the library sets; each takes an int.
enum class SocketOption : std::uint8_t {
  reuse_address,
  reuse_port,
  v6_only,
  no_delay,
  keep_alive,
  keep_alive_idle,      ///< seconds of silence before the first probe
  keep_alive_interval,  ///< seconds between probes
  keep_alive_count,     ///< unanswered probes before the connection is reset
  send_buffer,
  receive_buffer,
  reset_on_close,  ///< whether close discards what is unsent and resets the connection
};

enum class ShutdownHow : std::uint8_t { read, write, both };

/// How much longer than its timeout a kernel may make a wait, to wake for several things at once.
/// By `least`; or, if that is longer, by one `share`-th of the timeout, but by no more than `most`.
struct WaitSlack {
  std::chrono::nanoseconds least{};
  std::int64_t share = 0;  ///< none if 0
  std::chrono::nanoseconds most{};
};

/// What runs inside a signal handler.
using SignalCallback = void (*)(int signal_number) noexcept;

namespace sys {

/// True if `error`, which a function of the seam gave, is `code`. The seam's errors carry the
/// numbers of std::errc on every platform, so this is one comparison.
inline bool is(const std::error_code& error, std::errc code) noexcept {
  return error.value() == static_cast<int>(code);
}

// Any descriptor.
[[nodiscard]] Result<void> close(RawSource source) noexcept;
[[nodiscard]] Result<void> set_nonblocking(RawSource source) noexcept;
/// True where the system does not tell.
[[nodiscard]] Result<bool> is_nonblocking(RawSource source) noexcept;
[[nodiscard]] Result<Fd> duplicate(RawSource source) noexcept;
[[nodiscard]] Result<Pipe> create_pipe() noexcept;
Count read(RawSource source, std::span<std::byte> buffer) noexcept;
Count write(RawSource source, std::span<const std::byte> data) noexcept;
/// What of `interest` holds right now; hang-up and errors count as both directions.
[[nodiscard]] Result<Interest> poll_now(RawSource source, Interest interest) noexcept;
/// A descriptor that only takes up a number, to be closed when there are no more.
[[nodiscard]] Result<Fd> open_reserve() noexcept;

// Sockets.
[[nodiscard]] Result<Fd> create_stream_socket(SocketAddress::Family family) noexcept;
[[nodiscard]] Result<void> bind(RawSource socket, const SocketAddress& address) noexcept;
[[nodiscard]] Result<void> listen(RawSource socket, int backlog) noexcept;
/// `peer`, if not null, gets the address of the other side. A success without a descriptor means: a
/// connection was accepted and closed, because only numbers of standard streams were free.
[[nodiscard]] Result<Fd> accept(RawSource listener, SocketAddress* peer) noexcept;
/// In progress is `errc::operation_in_progress`.
[[nodiscard]] Result<void> connect(RawSource socket, const SocketAddress& address) noexcept;
Count receive(RawSource socket, std::span<std::byte> buffer) noexcept;
Count peek(RawSource socket, std::span<std::byte> buffer) noexcept;
Count send(RawSource socket, std::span<const std::byte> data) noexcept;
/// How many slices a vectored call takes; empty slices do not count. The next call takes the
/// rest.
inline constexpr std::size_t kSlicesPerCall = 64;
Count receive_vectored(RawSource socket, std::span<const std::span<std::byte>> buffers) noexcept;
Count send_vectored(RawSource socket, std::span<const std::span<const std::byte>> data) noexcept;
/// A pipe for splicing; function_not_supported where the system has no splice.
[[nodiscard]] Result<Pipe> create_splice_pipe() noexcept;
/// How many bytes such a pipe takes. The kernel makes small ones for a user who has many.
[[nodiscard]] Result<std::size_t> pipe_capacity(RawSource pipe) noexcept;
/// Moves what a socket has into such a pipe, at most `most` bytes, without copying them. May move
/// less although the socket has more. "Would block" and 0 do not say that the socket is empty, or
/// at its end: the call stops before an urgent mark too.
Count splice_from_socket(RawSource socket, RawSource pipe_writer, std::size_t most) noexcept;
/// The same out of the pipe, which holds at least `most` bytes. Never raises SIGPIPE. If the
/// program has one pending, it stays, and the error is operation_not_supported: the two look the
/// same.
Count splice_to_socket(RawSource pipe_reader, RawSource socket, std::size_t most) noexcept;
[[nodiscard]] Result<void> shutdown(RawSource socket, ShutdownHow how) noexcept;
[[nodiscard]] Result<void> set_option(RawSource socket, SocketOption option, int value) noexcept;
[[nodiscard]] Result<int> get_option(RawSource socket, SocketOption option) noexcept;
/// The pending error of the socket, which is cleared; success if there is none.
[[nodiscard]] Result<void> take_error(RawSource socket) noexcept;
[[nodiscard]] Result<SocketAddress> local_address(RawSource socket) noexcept;
[[nodiscard]] Result<SocketAddress> peer_address(RawSource socket) noexcept;

// Signals. The callback runs inside the signal handler, with errno saved around it.
/// Installs the handler of `signal_number` and remembers the previous one. invalid_argument for the
/// signals of faults.
[[nodiscard]] Result<void> install_signal(int signal_number, SignalCallback on_signal) noexcept;
/// A bell: an edge at every poller that watches a reader, each time the writer is rung; never full.
[[nodiscard]] Result<Pipe> create_bell() noexcept;
/// One more reader of the bell, for a poller of its own.
[[nodiscard]] Result<Fd> create_bell_reader(const Pipe& bell) noexcept;
/// Call it before you look at what the bell tells of. It silences the reader where a poller does
/// not report edges, and does nothing elsewhere.
void hush(RawSource bell_reader) noexcept;
/// Async-signal-safe.
void ring(const Pipe& bell) noexcept;
/// Puts the previous handler back, unless somebody has installed another meanwhile, which stays.
[[nodiscard]] Result<void> restore_signal(int signal_number) noexcept;

// Time, the process, the last resort.
std::chrono::nanoseconds monotonic_now() noexcept;
/// The slack of the calling thread's waits. It is zero where the kernel tells none, and where
/// somebody has chosen a large one, to be woken seldom.
WaitSlack wait_slack() noexcept;
void write_to_stderr(std::span<const std::byte> text) noexcept;
/// Maps memory that is all zero and aligned to its size: 64 KiB, or a larger power of two where the
/// system has mmap. Null if the system refuses. A page takes up no memory before it is touched.
void* map_memory(std::size_t size) noexcept;
/// Gives the system back what `map_memory` gave. False if the system refuses: then it stays mapped.
[[nodiscard]] bool unmap_memory(void* memory, std::size_t size) noexcept;
/// A mutex of the process. No other thread holds it when the process forks. It is there before
/// static objects are made, and after they are destroyed.
void lock_process() noexcept;
void unlock_process() noexcept;
/// How many forks lie between the start of the program and this process. A load, and no system
/// call.
EDDY_EXPORT std::uint32_t fork_count() noexcept;

// epoll, of the Linux backend alone.
[[nodiscard]] Result<Fd> epoll_create() noexcept;
[[nodiscard]] Result<void> epoll_add(RawSource epoll, RawSource source,
                                     epoll_event& event) noexcept;
[[nodiscard]] Result<void> epoll_modify(RawSource epoll, RawSource source,
                                        epoll_event& event) noexcept;
[[nodiscard]] Result<void> epoll_remove(RawSource epoll, RawSource source) noexcept;
/// No timeout waits for ever. A kernel without epoll_pwait2 rounds it up to a millisecond.
Count epoll_wait(RawSource epoll, std::span<epoll_event> events,
                 std::optional<std::chrono::nanoseconds> timeout) noexcept;

// kqueue, of the backend of macOS and FreeBSD alone.
[[nodiscard]] Result<Fd> kqueue_create() noexcept;
/// Applies changes that all have EV_RECEIPT, and puts their receipts in their place. Takes no event
/// from the queue, and never blocks.
Count kqueue_change(RawSource kqueue, std::span<struct ::kevent> changes) noexcept;
/// No timeout waits for ever; one of more than a day may end after a day.
Count kqueue_wait(RawSource kqueue, std::span<struct ::kevent> events,
                  std::optional<std::chrono::nanoseconds> timeout) noexcept;
/// True of a file, a folder and a disk, whose readiness says nothing.
[[nodiscard]] Result<bool> is_file(RawSource source) noexcept;
}  // namespace sys
}  // namespace eddy
