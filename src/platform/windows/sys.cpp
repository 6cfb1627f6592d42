// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"

#include "platform/windows/errors.hpp"
#include "platform/windows/handle.hpp"
#include "platform/windows/windows.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace eddy::sys {
namespace {

// TCP_KEEPIDLE and its like are of Windows 10 1709; older headers lack them.
constexpr int kTcpKeepIdle = 3;
constexpr int kTcpKeepCount = 16;
constexpr int kTcpKeepInterval = 17;

constinit SRWLOCK process_lock = SRWLOCK_INIT;

constexpr DWORD kSocketFlags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;

std::unexpected<std::error_code> last_error() noexcept {
  return std::unexpected(from_winsock(::WSAGetLastError()));
}

Result<void> check(int result) noexcept {
  if (result == SOCKET_ERROR) return last_error();
  return {};
}

Count count(int n) noexcept {
  if (n == SOCKET_ERROR) return last_error();
  return static_cast<std::size_t>(n);
}

/// Takes over a socket that a call has made: makes it non-blocking and not inherited.
Result<Fd> own(SOCKET raw) noexcept {
  if (raw == INVALID_SOCKET) return last_error();
  Fd socket(raw);
  if (Result<void> set = set_nonblocking(raw); !set) return std::unexpected(set.error());
  ::SetHandleInformation(as_handle(raw), HANDLE_FLAG_INHERIT, 0);
  return socket;
}

struct NativeAddress {
  sockaddr_storage storage{};
  int length = sizeof(storage);

  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

NativeAddress to_native(const SocketAddress& address) noexcept {
  NativeAddress native;
  if (address.family() == SocketAddress::Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = ::htons(address.port());
    std::memcpy(&in.sin_addr, address.bytes().data(), sizeof(in.sin_addr));
    std::memcpy(&native.storage, &in, sizeof(in));
    native.length = sizeof(in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = ::htons(address.port());
    in.sin6_scope_id = address.scope_id();
    std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof(in.sin6_addr));
    std::memcpy(&native.storage, &in, sizeof(in));
    native.length = sizeof(in);
  }
  return native;
}

Result<SocketAddress> from_native(const NativeAddress& native) noexcept {
  if (native.storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &native.storage, sizeof(in));
    std::array<std::uint8_t, 4> ip{};
    std::memcpy(ip.data(), &in.sin_addr, ip.size());
    return SocketAddress::v4(ip, ::ntohs(in.sin_port));
  }
  if (native.storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &native.storage, sizeof(in));
    std::array<std::uint8_t, 16> ip{};
    std::memcpy(ip.data(), &in.sin6_addr, ip.size());
    return SocketAddress::v6(ip, ::ntohs(in.sin6_port), in.sin6_scope_id);
  }
  return failure(std::errc::address_family_not_supported);
}

struct NativeOption {
  int level;
  int name;
};

NativeOption to_native(SocketOption option) noexcept {
  switch (option) {
    case SocketOption::reuse_address:
      // Never SO_REUSEADDR, which here lets anybody take over a port in use. What POSIX means by
      // it, binding a port with old connections in TIME_WAIT, is how Windows always is.
      return {0, 0};
    case SocketOption::reuse_port:
      return {-1, -1};
    case SocketOption::v6_only:
      return {IPPROTO_IPV6, IPV6_V6ONLY};
    case SocketOption::no_delay:
      return {IPPROTO_TCP, TCP_NODELAY};
    case SocketOption::keep_alive:
      return {SOL_SOCKET, SO_KEEPALIVE};
    case SocketOption::keep_alive_idle:
      return {IPPROTO_TCP, kTcpKeepIdle};
    case SocketOption::keep_alive_interval:
      return {IPPROTO_TCP, kTcpKeepInterval};
    case SocketOption::keep_alive_count:
      return {IPPROTO_TCP, kTcpKeepCount};
    case SocketOption::send_buffer:
      return {SOL_SOCKET, SO_SNDBUF};
    case SocketOption::receive_buffer:
      return {SOL_SOCKET, SO_RCVBUF};
    case SocketOption::reset_on_close:
      return {SOL_SOCKET, SO_LINGER};
  }
  return {-1, -1};
}

int to_length(std::size_t size) noexcept {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

using NativeSlices = std::array<WSABUF, kSlicesPerCall>;

template <class Slice>
DWORD to_native(std::span<const Slice> slices, NativeSlices& native) noexcept {
  std::size_t n = 0;
  for (const Slice& slice : slices) {
    if (slice.empty()) continue;
    if (n == kSlicesPerCall) break;
    // WSABUF has no const form; WSASend does not write through it.
    native[n].buf = reinterpret_cast<char*>(const_cast<std::byte*>(slice.data()));
    native[n++].len = static_cast<ULONG>(to_length(slice.size()));
  }
  return static_cast<DWORD>(n);
}

/// The result of a call that receives. After this side has shut reading down the call fails here;
/// on all other systems that is the end of the stream, so it becomes that.
Count received(int result, std::size_t moved) noexcept {
  if (result != SOCKET_ERROR) return moved;
  if (::WSAGetLastError() == WSAESHUTDOWN) return 0;
  return last_error();
}

SHORT to_poll_mask(Interest interest) noexcept {
  int mask = 0;
  if (interest.contains(Interest::readable)) mask |= POLLRDNORM;
  if (interest.contains(Interest::writable)) mask |= POLLWRNORM;
  if (interest.contains(Interest::priority)) mask |= POLLRDBAND;
  return static_cast<SHORT>(mask);
}

/// True of a connect that failed. WSAPoll does not report that before Windows 10 2004.
bool has_failed(RawSource source) noexcept {
  fd_set failed;
  FD_ZERO(&failed);
  failed.fd_count = 1;
  failed.fd_array[0] = source;
  timeval at_once{};
  if (::select(0, nullptr, nullptr, &failed, &at_once) != 1) return false;
  // Out-of-band data is in this set as well, but only of what is connected.
  const Result<SocketAddress> peer = peer_address(source);
  return !peer && is(peer.error(), std::errc::not_connected);
}

}  // namespace

Result<void> close(RawSource source) noexcept { return check(::closesocket(source)); }

Result<void> set_nonblocking(RawSource source) noexcept {
  u_long on = 1;
  return check(::ioctlsocket(source, static_cast<long>(FIONBIO), &on));
}

Result<bool> is_nonblocking(RawSource) noexcept { return true; }

Result<Fd> duplicate(RawSource source) noexcept {
  WSAPROTOCOL_INFOW info{};
  if (::WSADuplicateSocketW(source, ::GetCurrentProcessId(), &info) == SOCKET_ERROR) {
    return last_error();
  }
  return own(::WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                          kSocketFlags));
}

/// Two connected sockets: pipes of Windows cannot be polled.
Result<Pipe> create_pipe() noexcept {
  const Result<Fd> listener = create_stream_socket(SocketAddress::Family::v4);
  if (!listener) return std::unexpected(listener.error());
  Result<void> done = bind(listener->raw(), SocketAddress::loopback(0));
  if (done) done = listen(listener->raw(), 8);
  if (!done) return std::unexpected(done.error());
  const Result<SocketAddress> address = local_address(listener->raw());
  if (!address) return std::unexpected(address.error());
  Result<Fd> writer = create_stream_socket(SocketAddress::Family::v4);
  if (!writer) return std::unexpected(writer.error());
  const Result<void> connected = connect(writer->raw(), *address);
  if (!connected && !is(connected.error(), std::errc::operation_in_progress)) {
    return std::unexpected(connected.error());
  }
  for (;;) {
    WSAPOLLFD entry{listener->raw(), POLLRDNORM, 0};
    if (::WSAPoll(&entry, 1, -1) == SOCKET_ERROR) return last_error();
    SocketAddress peer;
    Result<Fd> reader = accept(listener->raw(), &peer);
    if (!reader && is(reader.error(), std::errc::operation_would_block)) continue;
    if (!reader) return std::unexpected(reader.error());
    // Another program on this machine may have connected first.
    const Result<SocketAddress> own_address = local_address(writer->raw());
    if (!own_address || peer != *own_address) continue;
    done = set_option(writer->raw(), SocketOption::no_delay, 1);
    if (!done) return std::unexpected(done.error());
    entry = {writer->raw(), POLLWRNORM, 0};  // its side may be told a moment later
    if (::WSAPoll(&entry, 1, -1) == SOCKET_ERROR) return last_error();
    return Pipe{std::move(*reader), std::move(*writer)};
  }
}

Count read(RawSource source, std::span<std::byte> buffer) noexcept {
  return receive(source, buffer);
}

Count write(RawSource source, std::span<const std::byte> data) noexcept {
  return send(source, data);
}

Result<Interest> poll_now(RawSource source, Interest interest) noexcept {
  if (source == kNoSource) return Interest::none;
  WSAPOLLFD entry{source, to_poll_mask(interest), 0};
  if (::WSAPoll(&entry, 1, 0) == SOCKET_ERROR) return last_error();
  const bool over =
      (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ||
      (interest.contains(Interest::writable) && entry.revents == 0 && has_failed(source));
  Interest ready;
  if (over || (entry.revents & POLLRDNORM) != 0) ready = ready | Interest::readable;
  if (over || (entry.revents & POLLWRNORM) != 0) ready = ready | Interest::writable;
  if ((entry.revents & POLLRDBAND) != 0) ready = ready | Interest::priority;
  return ready;
}

Result<Fd> open_reserve() noexcept { return create_stream_socket(SocketAddress::Family::v4); }

Result<Fd> create_stream_socket(SocketAddress::Family family) noexcept {
  if (const Result<> started = start_winsock(); !started) {
    return std::unexpected(started.error());
  }
  const int domain = family == SocketAddress::Family::v4 ? AF_INET : AF_INET6;
  return own(::WSASocketW(domain, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, kSocketFlags));
}

Result<void> bind(RawSource socket, const SocketAddress& address) noexcept {
  NativeAddress native = to_native(address);
  return check(::bind(socket, native.get(), native.length));
}

Result<void> listen(RawSource socket, int backlog) noexcept {
  return check(::listen(socket, backlog));
}

Result<Fd> accept(RawSource listener, SocketAddress* peer) noexcept {
  if (peer == nullptr) return own(::accept(listener, nullptr, nullptr));
  NativeAddress native;
  Result<Fd> accepted = own(::accept(listener, native.get(), &native.length));
  if (accepted) *peer = from_native(native).value_or(SocketAddress());
  return accepted;
}

Result<void> connect(RawSource socket, const SocketAddress& address) noexcept {
  NativeAddress native = to_native(address);
  Result<void> connected = check(::connect(socket, native.get(), native.length));
  if (!connected && is(connected.error(), std::errc::operation_would_block)) {
    return failure(std::errc::operation_in_progress);
  }
  return connected;
}

Count receive(RawSource socket, std::span<std::byte> buffer) noexcept {
  const int n = ::recv(socket, reinterpret_cast<char*>(buffer.data()), to_length(buffer.size()), 0);
  return received(n, static_cast<std::size_t>(n));
}

Count peek(RawSource socket, std::span<std::byte> buffer) noexcept {
  const int n =
      ::recv(socket, reinterpret_cast<char*>(buffer.data()), to_length(buffer.size()), MSG_PEEK);
  return received(n, static_cast<std::size_t>(n));
}

Count send(RawSource socket, std::span<const std::byte> data) noexcept {
  return count(
      ::send(socket, reinterpret_cast<const char*>(data.data()), to_length(data.size()), 0));
}

Count receive_vectored(RawSource socket, std::span<const std::span<std::byte>> buffers) noexcept {
  NativeSlices slices;
  const DWORD n = to_native(buffers, slices);
  DWORD moved = 0;
  DWORD flags = 0;
  const int result = ::WSARecv(socket, slices.data(), n, &moved, &flags, nullptr, nullptr);
  return received(result, moved);
}

Count send_vectored(RawSource socket, std::span<const std::span<const std::byte>> data) noexcept {
  NativeSlices slices;
  const DWORD n = to_native(data, slices);
  DWORD moved = 0;
  const int sent = ::WSASend(socket, slices.data(), n, &moved, 0, nullptr, nullptr);
  if (sent == SOCKET_ERROR) return last_error();
  return moved;
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

Result<void> shutdown(RawSource socket, ShutdownHow how) noexcept {
  constexpr std::array<int, 3> kNative = {SD_RECEIVE, SD_SEND, SD_BOTH};
  return check(::shutdown(socket, kNative[static_cast<std::size_t>(how)]));
}

Result<void> set_option(RawSource socket, SocketOption option, int value) noexcept {
  const NativeOption native = to_native(option);
  if (native.level == -1) return failure(std::errc::no_protocol_option);
  if (native.level == 0) return {};
  if (option == SocketOption::reset_on_close) {
    ::linger linger{};
    linger.l_onoff = value != 0 ? 1 : 0;
    return check(::setsockopt(socket, native.level, native.name,
                              reinterpret_cast<const char*>(&linger), sizeof(linger)));
  }
  return check(::setsockopt(socket, native.level, native.name,
                            reinterpret_cast<const char*>(&value), sizeof(value)));
}

Result<int> get_option(RawSource socket, SocketOption option) noexcept {
  const NativeOption native = to_native(option);
  if (native.level == -1) return failure(std::errc::no_protocol_option);
  if (native.level == 0) return 1;
  if (option == SocketOption::reset_on_close) {
    ::linger linger{};
    int length = sizeof(linger);
    if (::getsockopt(socket, native.level, native.name, reinterpret_cast<char*>(&linger),
                     &length) == SOCKET_ERROR) {
      return last_error();
    }
    return linger.l_onoff != 0 && linger.l_linger == 0 ? 1 : 0;
  }
  int value = 0;  // some options fill in only one byte of it
  int length = sizeof(value);
  if (::getsockopt(socket, native.level, native.name, reinterpret_cast<char*>(&value), &length) ==
      SOCKET_ERROR) {
    return last_error();
  }
  return value;
}

Result<void> take_error(RawSource socket) noexcept {
  int error = 0;
  int length = sizeof(error);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &length) ==
      SOCKET_ERROR) {
    return last_error();
  }
  if (error != 0) return std::unexpected(from_winsock(error));
  return {};
}

Result<SocketAddress> local_address(RawSource socket) noexcept {
  NativeAddress native;
  if (::getsockname(socket, native.get(), &native.length) == SOCKET_ERROR) return last_error();
  return from_native(native);
}

Result<SocketAddress> peer_address(RawSource socket) noexcept {
  NativeAddress native;
  if (::getpeername(socket, native.get(), &native.length) == SOCKET_ERROR) return last_error();
  return from_native(native);
}

std::chrono::nanoseconds monotonic_now() noexcept {
  static const std::int64_t frequency = [] {
    LARGE_INTEGER ticks;
    ::QueryPerformanceFrequency(&ticks);
    return ticks.QuadPart;
  }();
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  LARGE_INTEGER now;
  ::QueryPerformanceCounter(&now);
  return std::chrono::seconds(now.QuadPart / frequency) +
         std::chrono::nanoseconds(now.QuadPart % frequency * kNanoseconds / frequency);
}

WaitSlack wait_slack() noexcept { return {}; }

void* map_memory(std::size_t size) noexcept {
  return ::VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);  // to 64 KiB
}

bool unmap_memory(void* memory, std::size_t /*size*/) noexcept {
  return ::VirtualFree(memory, 0, MEM_RELEASE) != 0;
}

void lock_process() noexcept { ::AcquireSRWLockExclusive(&process_lock); }

void unlock_process() noexcept { ::ReleaseSRWLockExclusive(&process_lock); }

std::uint32_t fork_count() noexcept { return 0; }

void write_to_stderr(std::span<const std::byte> text) noexcept {
  HANDLE out = ::GetStdHandle(STD_ERROR_HANDLE);
  while (!text.empty()) {
    DWORD n = 0;
    const auto size = static_cast<DWORD>(to_length(text.size()));
    if (!::WriteFile(out, text.data(), size, &n, nullptr) || n == 0) return;
    text = text.subspan(n);
  }
}

}  // namespace eddy::sys
