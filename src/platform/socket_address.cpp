// SPDX-License-Identifier: MIT

#include "eddy/platform/socket_address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace eddy {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base, std::size_t max_digits) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> ip{};
  for (std::size_t i = 0; i < ip.size(); ++i) {
    const std::size_t dot = i + 1 < ip.size() ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const std::string_view part = text.substr(0, dot);
    if (part.size() > 1 && part.front() == '0')
      return std::nullopt;  // octal to some, not to others
    const auto value = parse_number<std::uint8_t>(part, 10, 3);
    if (!value) return std::nullopt;
    ip[i] = *value;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return ip;
}

enum class Part : bool { head, tail };

/// The groups of a part of an IPv6 address that has no "::". The last of the address may be a
/// dotted IPv4 address.
std::optional<std::size_t> parse_groups(std::string_view text, Part which,
                                        std::array<std::uint16_t, 8>& groups) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      const auto tail = parse_v4(part);
      if (!tail || which == Part::head || count > 6) return std::nullopt;
      groups[count++] = static_cast<std::uint16_t>((*tail)[0] << 8 | (*tail)[1]);
      groups[count++] = static_cast<std::uint16_t>((*tail)[2] << 8 | (*tail)[3]);
      return count;
    }
    const auto group = parse_number<std::uint16_t>(part, 16, 4);
    if (!group || count == 8) return std::nullopt;
    groups[count++] = *group;
    if (colon == std::string_view::npos) return count;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return count;
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
  std::array<std::uint16_t, 8> groups{};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (parse_groups(text, Part::tail, groups) != 8) return std::nullopt;
  } else {
    std::array<std::uint16_t, 8> tail{};
    const auto head_count = parse_groups(text.substr(0, gap), Part::head, groups);
    const auto tail_count = parse_groups(text.substr(gap + 2), Part::tail, tail);
    if (!head_count || !tail_count || *head_count + *tail_count > 7) return std::nullopt;
    const auto from = tail.begin();
    std::copy(from, from + static_cast<std::ptrdiff_t>(*tail_count),
              groups.end() - static_cast<std::ptrdiff_t>(*tail_count));
  }
  std::array<std::uint8_t, 16> ip{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    ip[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    ip[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return ip;
}

void append_number(std::string& out, std::uint32_t value, int base) {
  std::array<char, 10> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  out.append(digits.data(), end);
}

void append_v4(std::string& out, const std::uint8_t* ip) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) out += '.';
    append_number(out, ip[i], 10);
  }
}

/// The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2).
struct ZeroRun {
  std::size_t start = 0;
  std::size_t length = 0;
};

ZeroRun longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  ZeroRun best;
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t end = i;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - i > best.length && end - i >= 2) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

void append_v6(std::string& out, const std::array<std::uint8_t, 16>& ip) {
  std::array<std::uint16_t, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<std::uint16_t>(ip[2 * i] << 8 | ip[2 * i + 1]);
  }
  const ZeroRun zeros = longest_zero_run(groups);
  if (zeros.start == 0 && zeros.length == 5 && groups[5] == 0xffff) {
    out += "::ffff:";
    append_v4(out, &ip[12]);
    return;
  }
  for (std::size_t i = 0; i < groups.size();) {
    if (zeros.length != 0 && i == zeros.start) {
      out += "::";
      i += zeros.length;
      continue;
    }
    if (i != 0 && out.back() != ':') out += ':';
    append_number(out, groups[i++], 16);
  }
}

}  // namespace

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const std::unexpected bad(make_error_code(Error::bad_address));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 10, 5);
  if (!port) return bad;

  std::string_view host = text.substr(0, colon);
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') {
    const auto ip = parse_v4(host);
    if (!ip) return bad;
    return v4(*ip, *port);
  }
  host = host.substr(1, host.size() - 2);
  std::uint32_t scope_id = 0;
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    const auto scope = parse_number<std::uint32_t>(host.substr(percent + 1), 10, 10);
    if (!scope) return bad;
    scope_id = *scope;
    host = host.substr(0, percent);
  }
  const auto ip = parse_v6(host);
  if (!ip) return bad;
  return v6(*ip, *port, scope_id);
}

std::string SocketAddress::to_string() const {
  std::string out;
  if (family_ == Family::v4) {
    append_v4(out, ip_.data());
  } else {
    out += '[';
    append_v6(out, ip_);
    if (scope_id_ != 0) {
      out += '%';
      append_number(out, scope_id_, 10);
    }
    out += ']';
  }
  out += ':';
  append_number(out, port_, 10);
  return out;
}

}  // namespace eddy
