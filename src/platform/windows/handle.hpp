// Handles of kernel objects.
// SPDX-License-Identifier: MIT
#pragma once

#include "platform/windows/windows.hpp"

#include <utility>

namespace eddy::sys {

/// A socket, for the functions that take any handle.
inline HANDLE as_handle(SOCKET socket) noexcept {
  return reinterpret_cast<HANDLE>(socket);  // NOLINT(performance-no-int-to-ptr)
}

/// Owns the handle of what is no socket, and closes it once.
class [[nodiscard]] Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(HANDLE raw) noexcept : raw_(raw) {}
  Handle(Handle&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Handle() {
    if (raw_ != nullptr) ::CloseHandle(raw_);
  }

  HANDLE raw() const noexcept { return raw_; }
  explicit operator bool() const noexcept { return raw_ != nullptr; }

 private:
  HANDLE raw_ = nullptr;
};

}  // namespace eddy::sys
