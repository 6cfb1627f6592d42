// Sole ownership of a descriptor.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/raw_source.hpp"

#include <utility>

namespace eddy {

/// Owns a descriptor (on Windows a socket) and closes it once.
class [[nodiscard]] Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(RawSource raw) noexcept : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      raw_ = other.release();
    }
    return *this;
  }
  ~Fd() { reset(); }

  /// Closes now. An error of the close is dropped: the descriptor is gone in any case.
  void reset() noexcept {
    if (raw_ != kNoSource) close_raw(std::exchange(raw_, kNoSource));
  }
  /// Gives the descriptor up to the caller.
  [[nodiscard]] RawSource release() noexcept { return std::exchange(raw_, kNoSource); }

  RawSource raw() const noexcept { return raw_; }
  explicit operator bool() const noexcept { return raw_ != kNoSource; }

 private:
  EDDY_EXPORT static void close_raw(RawSource raw) noexcept;

  RawSource raw_ = kNoSource;
};

}  // namespace eddy
