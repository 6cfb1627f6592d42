// Options and messages of the example programs.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace example {

inline CLI::Option* add_address(CLI::App& app, const char* name, eddy::SocketAddress& address,
                                const std::string& help) {
  const auto parse = [&address, name](const std::string& text) {
    const eddy::Result<eddy::SocketAddress> parsed = eddy::SocketAddress::parse(text);
    if (!parsed) {
      throw CLI::ValidationError(name, "'" + text +
                                           "' is not an address such as 127.0.0.1:8080 or "
                                           "[::1]:8080 (names are not looked up)");
    }
    address = *parsed;
  };
  return app.add_option_function<std::string>(name, parse, help)->type_name("ADDR")->required();
}

/// Reads "500ms", "1.5s", "2m" or "1h"; a bare number is seconds.
inline eddy::Result<eddy::Duration> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 7> kUnits = {
      {{"", 1e9}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  // Not by std::from_chars: libc++ has none for double.
  const std::string number(text.substr(0, text.find_first_not_of("0123456789.")));
  char* end = nullptr;
  const double count = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0') return eddy::failure(std::errc::invalid_argument);
  text.remove_prefix(number.size());
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (unit != text) continue;
    const double length = count * nanoseconds;
    if (length > 1e18) break;
    return eddy::Duration(std::llround(length));
  }
  return eddy::failure(std::errc::invalid_argument);
}

inline CLI::Option* add_duration(CLI::App& app, const char* name, eddy::Duration& duration,
                                 const std::string& help) {
  const auto parse = [&duration, name](const std::string& text) {
    const eddy::Result<eddy::Duration> parsed = parse_duration(text);
    if (!parsed) {
      throw CLI::ValidationError(name, "'" + text + "' is not a duration such as 500ms, 10s or 2m");
    }
    duration = *parsed;
  };
  return app.add_option_function<std::string>(name, parse, help)->type_name("DURATION");
}

/// Prints what went wrong, and returns the exit code.
inline int complain(const std::string& what, std::error_code error) {
  std::fprintf(stderr, "error: %s: %s\n", what.c_str(), error.message().c_str());
  return 1;
}

/// Listens, and prints where: for port 0 the port that the system chose. Or prints why it cannot.
inline eddy::Result<eddy::TcpListener> listen(const eddy::SocketAddress& address,
                                              const eddy::ListenOptions& options = {}) {
  eddy::Result<eddy::TcpListener> listener = eddy::TcpListener::bind(address, options);
  if (!listener) {
    complain("cannot listen on " + address.to_string(), listener.error());
    return listener;
  }
  const eddy::SocketAddress chosen = listener->local_address().value_or(address);
  std::printf("listening on %s\n", chosen.to_string().c_str());
  std::fflush(stdout);
  return listener;
}

/// True if there was nothing to read, or no room to write.
inline bool would_block(const eddy::Result<std::size_t>& count) {
  return !count && count.error() == std::errc::operation_would_block;
}

}  // namespace example
