// The errors of Windows in the numbers of std::errc, as the kernel seam promises.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"

#include <cstdint>

namespace eddy::sys {

/// From what WSAGetLastError gives.
std::error_code from_winsock(int error) noexcept;
/// From what GetLastError gives.
std::error_code from_win32(std::uint32_t error) noexcept;
/// From an NTSTATUS.
std::error_code from_status(std::int32_t status) noexcept;

/// Starts Winsock, once for the life of the process.
[[nodiscard]] Result<> start_winsock() noexcept;

}  // namespace eddy::sys
