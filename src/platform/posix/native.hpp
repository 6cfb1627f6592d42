// What the seams of the POSIX systems share: results, addresses and slices in the kernel's form.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/fd.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_address.hpp"
#include "eddy/platform/sys.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace eddy::posix {

inline std::unexpected<std::error_code> last_error() noexcept {
  return std::unexpected(sys::error_of(errno));
}

[[nodiscard]] inline Result<void> check(int result) noexcept {
  if (result < 0) return last_error();
  return {};
}

/// The numbers below belong to the standard streams, even while those are closed: what is written
/// to standard error must never go to a peer.
inline constexpr int kFirstNumber = STDERR_FILENO + 1;

/// Moves `fd`, which has the number of a standard stream, to a number above those.
[[nodiscard]] inline Result<Fd> move_up(int fd) noexcept {
  const Fd low(fd);
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstNumber);
  if (moved < 0) return last_error();
  return Fd(moved);
}

/// Takes over a descriptor that a call has opened.
[[nodiscard]] inline Result<Fd> own(int fd) noexcept {
  if (fd < 0) return last_error();
  if (fd < kFirstNumber) [[unlikely]] {
    return move_up(fd);
  }
  return Fd(fd);
}

/// The same for a connection, which is lost if it cannot be moved up.
[[nodiscard]] inline Result<Fd> own_accepted(int fd) noexcept {
  Result<Fd> owned = own(fd);
  if (!owned && fd >= 0) return Fd();
  return owned;
}

inline sys::Count count(ssize_t n) noexcept {
  if (n < 0) return last_error();
  return static_cast<std::size_t>(n);
}

struct NativeAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);

  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

inline NativeAddress to_native(const SocketAddress& address) noexcept {
  NativeAddress native;
  if (address.family() == SocketAddress::Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port());
    std::memcpy(&in.sin_addr, address.bytes().data(), sizeof(in.sin_addr));
    std::memcpy(&native.storage, &in, sizeof(in));
    native.length = sizeof(in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port());
    in.sin6_scope_id = address.scope_id();
    std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof(in.sin6_addr));
    std::memcpy(&native.storage, &in, sizeof(in));
    native.length = sizeof(in);
  }
  return native;
}

[[nodiscard]] inline Result<SocketAddress> from_native(const NativeAddress& native) noexcept {
  if (native.storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &native.storage, sizeof(in));
    std::array<std::uint8_t, 4> ip{};
    std::memcpy(ip.data(), &in.sin_addr, ip.size());
    return SocketAddress::v4(ip, ntohs(in.sin_port));
  }
  if (native.storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &native.storage, sizeof(in));
    std::array<std::uint8_t, 16> ip{};
    std::memcpy(ip.data(), &in.sin6_addr, ip.size());
    return SocketAddress::v6(ip, ntohs(in.sin6_port), in.sin6_scope_id);
  }
  return failure(std::errc::address_family_not_supported);
}

using NativeSlices = std::array<iovec, sys::kSlicesPerCall>;

template <class Slice>
std::size_t to_native(std::span<const Slice> slices, NativeSlices& native) noexcept {
  std::size_t n = 0;
  for (const Slice& slice : slices) {
    if (slice.empty()) continue;
    if (n == sys::kSlicesPerCall) break;
    // iovec has no const form; sendmsg does not write through it.
    native[n++] = {const_cast<std::byte*>(slice.data()), slice.size()};
  }
  return n;
}

}  // namespace eddy::posix
