// The completion port, on which everything that wakes a reactor arrives.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"

#include "platform/windows/handle.hpp"
#include "platform/windows/windows.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace eddy::sys {

/// Who a completion is from.
enum class PortKey : std::uintptr_t { afd, notification, timer };

/// A completion port. A notification is in it once at most. Its timer is finer than the system's
/// tick where the system has such timers.
///
/// **Thread**: any may call `notify`; only one at a time may `wait`.
class CompletionPort {
 public:
  CompletionPort() = default;
  CompletionPort(const CompletionPort&) = delete;
  CompletionPort& operator=(const CompletionPort&) = delete;
  ~CompletionPort() = default;

  [[nodiscard]] Result<> open() noexcept;

  /// Wakes the thread that waits, or the next one that will.
  void notify() noexcept;
  /// The notification was taken out: the next `notify` puts in another.
  void accept_notification() noexcept { notified_.store(false); }

  /// Takes out what has arrived, or waits for it. Without a timeout it waits for ever. It may
  /// return with nothing, even before the timeout.
  [[nodiscard]] Result<std::size_t> wait(std::span<OVERLAPPED_ENTRY> entries,
                                         std::optional<std::chrono::nanoseconds> timeout) noexcept;

  HANDLE raw() const noexcept { return port_.raw(); }

 private:
  bool start_timer(std::chrono::nanoseconds timeout) noexcept;
  void stop_timer() noexcept;

  Handle port_;
  Handle timer_;
  Handle
      timer_packet_;  ///< puts the timer's signal into the port; null where there is no such thing
  std::atomic<bool> notified_ = false;
};

}  // namespace eddy::sys
