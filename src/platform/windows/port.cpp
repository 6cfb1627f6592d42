// SPDX-License-Identifier: MIT

#include "platform/windows/port.hpp"

#include "platform/windows/errors.hpp"

#include <algorithm>
#include <bit>

namespace eddy::sys {
namespace {

/// Wait completion packets of ntdll: since Windows 8, not in its headers, missing in Wine 8.
struct WaitPackets {
  using Create = NTSTATUS(NTAPI*)(HANDLE* packet, ACCESS_MASK access,
                                  OBJECT_ATTRIBUTES* attributes);
  using Associate = NTSTATUS(NTAPI*)(HANDLE packet, HANDLE port, HANDLE target, void* key,
                                     void* context, NTSTATUS status, ULONG_PTR information,
                                     BOOLEAN* already_signaled);
  using Cancel = NTSTATUS(NTAPI*)(HANDLE packet, BOOLEAN remove_signaled);

  Create create = nullptr;
  Associate associate = nullptr;
  Cancel cancel = nullptr;

  bool complete() const noexcept {
    return create != nullptr && associate != nullptr && cancel != nullptr;
  }
};

template <class F>
F look_up(HMODULE library, const char* name) noexcept {
  return std::bit_cast<F>(::GetProcAddress(library, name));
}

const WaitPackets& wait_packets() noexcept {
  static const WaitPackets packets = [] {
    WaitPackets found;
    if (const HMODULE library = ::GetModuleHandleW(L"ntdll.dll")) {
      found.create = look_up<WaitPackets::Create>(library, "NtCreateWaitCompletionPacket");
      found.associate = look_up<WaitPackets::Associate>(library, "NtAssociateWaitCompletionPacket");
      found.cancel = look_up<WaitPackets::Cancel>(library, "NtCancelWaitCompletionPacket");
    }
    return found;
  }();
  return packets;
}

constexpr ACCESS_MASK kAllAccess = GENERIC_ALL;

/// CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, which older headers lack.
constexpr DWORD kHighResolution = 0x00000002;

DWORD to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<DWORD>(std::min<std::chrono::milliseconds::rep>(rounded, 1'000'000'000));
}

}  // namespace

Result<> CompletionPort::open() noexcept {
  port_ = Handle(::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1));
  if (!port_) return std::unexpected(from_win32(::GetLastError()));
  if (!wait_packets().complete()) return {};
  // Windows 10 1803 and later. Without it, or without the packet, timeouts have the system's tick.
  Handle timer(::CreateWaitableTimerExW(nullptr, nullptr, kHighResolution, TIMER_ALL_ACCESS));
  HANDLE packet = nullptr;
  if (timer && wait_packets().create(&packet, kAllAccess, nullptr) == 0) {
    timer_ = std::move(timer);
    timer_packet_ = Handle(packet);
  }
  return {};
}

void CompletionPort::notify() noexcept {
  if (notified_.exchange(true)) return;
  while (!::PostQueuedCompletionStatus(port_.raw(), 0,
                                       static_cast<ULONG_PTR>(PortKey::notification), nullptr)) {
    // The kernel is out of memory for the moment; a wake must not be lost.
    ::SwitchToThread();
  }
}

Result<std::size_t> CompletionPort::wait(std::span<OVERLAPPED_ENTRY> entries,
                                         std::optional<std::chrono::nanoseconds> timeout) noexcept {
  const bool bounded = timeout && *timeout > std::chrono::nanoseconds::zero();
  const bool timed = bounded && start_timer(*timeout);
  DWORD milliseconds = INFINITE;
  if (timeout && !timed) milliseconds = bounded ? to_milliseconds(*timeout) : 0;
  ULONG count = 0;
  const BOOL got = ::GetQueuedCompletionStatusEx(
      port_.raw(), entries.data(), static_cast<ULONG>(entries.size()), &count, milliseconds, FALSE);
  const DWORD error = got ? ERROR_SUCCESS : ::GetLastError();
  if (timed) stop_timer();
  if (got) return count;
  if (error == WAIT_TIMEOUT) return 0;
  return std::unexpected(from_win32(error));
}

bool CompletionPort::start_timer(std::chrono::nanoseconds timeout) noexcept {
  if (!timer_packet_) return false;
  // Relative times are negative, in units of 100 ns.
  LARGE_INTEGER due;
  due.QuadPart = -((timeout.count() - 1) / 100 + 1);
  if (!::SetWaitableTimer(timer_.raw(), &due, 0, nullptr, nullptr, FALSE)) return false;
  void* const key = reinterpret_cast<void*>(PortKey::timer);  // NOLINT(performance-no-int-to-ptr)
  return wait_packets().associate(timer_packet_.raw(), port_.raw(), timer_.raw(), key, nullptr, 0,
                                  0, nullptr) == 0;
}

void CompletionPort::stop_timer() noexcept {
  // Even if it is in the port already, so that it does not end a later wait.
  static_cast<void>(wait_packets().cancel(timer_packet_.raw(), TRUE));
}

}  // namespace eddy::sys
