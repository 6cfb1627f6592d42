// The address of a TCP endpoint: an IPv4 or IPv6 address and a port.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace eddy {

/// An IPv4 or IPv6 address with a port. Plain data; compares by value.
class EDDY_EXPORT SocketAddress {
 public:
  enum class Family : std::uint8_t { v4, v6 };

  /// 0.0.0.0:0.
  constexpr SocketAddress() noexcept = default;

  static constexpr SocketAddress v4(std::array<std::uint8_t, 4> ip, std::uint16_t port) noexcept {
    SocketAddress address;
    for (std::size_t i = 0; i < ip.size(); ++i) address.ip_[i] = ip[i];
    address.port_ = port;
    return address;
  }
  static constexpr SocketAddress v6(std::array<std::uint8_t, 16> ip, std::uint16_t port,
                                    std::uint32_t scope_id = 0) noexcept {
    SocketAddress address;
    address.ip_ = ip;
    address.scope_id_ = scope_id;
    address.port_ = port;
    address.family_ = Family::v6;
    return address;
  }
  /// 127.0.0.1 with `port`.
  static constexpr SocketAddress loopback(std::uint16_t port) noexcept {
    return v4({127, 0, 0, 1}, port);
  }

  /// Reads "127.0.0.1:80", "[::1]:80" or "[fe80::1%2]:80" (a numeric scope). Names are not looked
  /// up.
  /// **Errors**: `Error::bad_address`.
  [[nodiscard]] static Result<SocketAddress> parse(std::string_view text);

  /// The form that `parse` reads; IPv6 after RFC 5952.
  std::string to_string() const;

  constexpr Family family() const noexcept { return family_; }
  constexpr std::uint16_t port() const noexcept { return port_; }
  /// The address in network order: 4 bytes of it for IPv4, 16 for IPv6.
  constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return ip_; }
  constexpr std::uint32_t scope_id() const noexcept { return scope_id_; }

  friend constexpr bool operator==(const SocketAddress&, const SocketAddress&) noexcept = default;

 private:
  std::array<std::uint8_t, 16> ip_{};
  std::uint32_t scope_id_ = 0;
  std::uint16_t port_ = 0;
  Family family_ = Family::v4;
};

}  // namespace eddy
