// Options of sockets, for streams and listeners.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"

#include <algorithm>
#include <chrono>

namespace eddy::detail {

/// What a call on the socket of `source` gave.
template <class T>
[[nodiscard]] Result<T> outcome(const IoSource& source, Result<T> result) noexcept {
  if (!result) return std::unexpected(source.error_of_call(result.error()));
  return result;
}

[[nodiscard]] inline Result<int> get_option(const IoSource& source, SocketOption option) noexcept {
  // Windows answers for some options without a look at the socket.
  if (source.is_closed()) return failure(std::errc::operation_canceled);
  return outcome(source, sys::get_option(source.raw(), option));
}

[[nodiscard]] inline Result<bool> is_on(const IoSource& source, SocketOption option) noexcept {
  const Result<int> value = get_option(source, option);
  if (!value) return std::unexpected(value.error());
  return *value != 0;
}

/// Rounded up, as far as an int goes.
inline int to_seconds(Duration length) noexcept {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(length).count();
  return static_cast<int>(std::clamp<std::chrono::seconds::rep>(seconds, 0, 1 << 30));
}

[[nodiscard]] inline Result<> set_keep_alive(RawSource socket,
                                             const std::optional<KeepAlive>& keep_alive) noexcept {
  if (!keep_alive) return sys::set_option(socket, SocketOption::keep_alive, 0);
  struct Setting {
    SocketOption option;
    int value;
  };
  for (const Setting& setting :
       {Setting{SocketOption::keep_alive_idle, to_seconds(keep_alive->idle)},
        Setting{SocketOption::keep_alive_interval, to_seconds(keep_alive->interval)},
        Setting{SocketOption::keep_alive_count, keep_alive->count},
        Setting{SocketOption::keep_alive, 1}}) {
    Result<> set = sys::set_option(socket, setting.option, setting.value);
    if (!set) return set;
  }
  return {};
}

/// Sizes of 0 are left to the system.
[[nodiscard]] inline Result<> set_buffer_sizes(RawSource socket, int send, int receive) noexcept {
  Result<> done;
  if (send != 0) done = sys::set_option(socket, SocketOption::send_buffer, send);
  if (done && receive != 0) done = sys::set_option(socket, SocketOption::receive_buffer, receive);
  return done;
}

}  // namespace eddy::detail
