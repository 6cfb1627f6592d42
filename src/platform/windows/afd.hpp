// The poll of the Ancillary Function Driver, which is what select and WSAPoll of Windows are made
// of: it is asynchronous, and its completion can go to a completion port.
//
// Not in the documentation of Windows, but unchanged since Windows 2000; libuv, mio (so all of
// Rust), node and wepoll stand on it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"

#include "platform/windows/handle.hpp"
#include "platform/windows/windows.hpp"

#include <cstdint>

namespace eddy::sys {

/// What a poll asks for and reports.
enum AfdEvent : std::uint32_t {
  kAfdReceive = 0x0001,
  kAfdReceiveExpedited = 0x0002,  ///< out-of-band data
  kAfdSend = 0x0004,
  kAfdDisconnect = 0x0008,  ///< the peer ended its stream
  kAfdAbort = 0x0010,       ///< the connection was reset
  kAfdLocalClose = 0x0020,  ///< the socket was closed on this side
  kAfdAccept = 0x0080,
  kAfdConnectFail = 0x0100,
};

/// The status of a poll that was cancelled.
inline constexpr std::int32_t kStatusCancelled = static_cast<std::int32_t>(0xC0000120);

/// The driver's own layout, for one socket a poll.
struct AfdPoll {
  LARGE_INTEGER timeout;
  ULONG count;
  ULONG exclusive;
  HANDLE socket;
  ULONG events;
  LONG status;
};

/// A handle of the driver, on which polls are made. Its polls complete on `port` under `key`, with
/// the poll's context in the place of the OVERLAPPED.
[[nodiscard]] Result<Handle> open_afd(HANDLE port, std::uintptr_t key) noexcept;

/// The base socket, below any layers: the one that the driver knows.
/// **Errors**: bad_file_descriptor; operation_not_permitted for what is no socket.
[[nodiscard]] Result<RawSource> base_socket(RawSource socket) noexcept;

/// True if this side has ended its stream. The driver does not report that.
bool is_shut_for_writing(RawSource socket) noexcept;

/// Starts a poll of `socket` for `events`. On success a completion comes, even if something is
/// ready at once. Until it has come, `poll` and `status` belong to the kernel.
/// **Errors**: bad_file_descriptor if the socket is closed; not_enough_memory.
[[nodiscard]] Result<> start_afd_poll(HANDLE afd, RawSource socket, std::uint32_t events,
                                      AfdPoll& poll, IO_STATUS_BLOCK& status,
                                      void* context) noexcept;

/// Asks for the end of a poll. Its completion comes in any case, cancelled or not.
void cancel_afd_poll(HANDLE afd, IO_STATUS_BLOCK& status) noexcept;

}  // namespace eddy::sys
