// SPDX-License-Identifier: MIT

#include "platform/windows/afd.hpp"

#include "platform/windows/errors.hpp"

#include <array>

// winternl.h leaves it out. NOLINTNEXTLINE(readability-identifier-naming): the system's name
extern "C" NTSTATUS NTAPI NtCancelIoFileEx(HANDLE file, PIO_STATUS_BLOCK to_cancel,
                                           PIO_STATUS_BLOCK status);

namespace eddy::sys {
namespace {

constexpr ULONG kIoctlAfdPoll = 0x00012024;
constexpr NTSTATUS kStatusSuccess = 0;
constexpr NTSTATUS kStatusPending = 0x00000103;

/// Asks for SO_TYPE first, because Wine gives any handle as its own base.
bool is_socket(RawSource raw) noexcept {
  int type = 0;
  int length = sizeof(type);
  return ::getsockopt(raw, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &length) !=
         SOCKET_ERROR;
}

bool ask_for_socket(RawSource socket, DWORD question, SOCKET& answer) noexcept {
  DWORD size = 0;
  return ::WSAIoctl(socket, question, nullptr, 0, &answer, sizeof(answer), &size, nullptr,
                    nullptr) != SOCKET_ERROR;
}

}  // namespace

Result<Handle> open_afd(HANDLE port, std::uintptr_t key) noexcept {
  static constexpr wchar_t kName[] = L"\\Device\\Afd\\Eddy";
  UNICODE_STRING name;
  name.Length = sizeof(kName) - sizeof(wchar_t);
  name.MaximumLength = sizeof(kName);
  name.Buffer = const_cast<wchar_t*>(kName);  // the kernel reads it
  OBJECT_ATTRIBUTES attributes{};
  attributes.Length = sizeof(attributes);
  attributes.ObjectName = &name;
  IO_STATUS_BLOCK status{};
  HANDLE raw = nullptr;
  const NTSTATUS opened =
      ::NtCreateFile(&raw, SYNCHRONIZE, &attributes, &status, nullptr, 0,
                     FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, nullptr, 0);
  if (opened != kStatusSuccess) return std::unexpected(from_status(opened));
  Handle afd(raw);
  if (::CreateIoCompletionPort(afd.raw(), port, key, 0) == nullptr) {
    return std::unexpected(from_win32(::GetLastError()));
  }
  // So the kernel need not set an event that nobody waits for.
  ::SetFileCompletionNotificationModes(afd.raw(), FILE_SKIP_SET_EVENT_ON_HANDLE);
  return afd;
}

Result<RawSource> base_socket(RawSource socket) noexcept {
  if (socket == kNoSource) return failure(std::errc::bad_file_descriptor);
  if (!is_socket(socket)) {
    DWORD flags = 0;
    const bool open = ::GetHandleInformation(as_handle(socket), &flags) != 0;
    return failure(open ? std::errc::operation_not_permitted : std::errc::bad_file_descriptor);
  }
  SOCKET base = INVALID_SOCKET;
  if (ask_for_socket(socket, SIO_BASE_HANDLE, base)) return base;
  const int error = ::WSAGetLastError();
  // Some layered providers do not tell the base, against the rules, but answer what select and
  // WSAPoll ask. Their answer may be a layer again, of a provider that follows the rules.
  for (const DWORD question : std::array<DWORD, 2>{SIO_BSP_HANDLE_SELECT, SIO_BSP_HANDLE_POLL}) {
    SOCKET below = INVALID_SOCKET;
    if (!ask_for_socket(socket, question, below) || below == socket) continue;
    if (ask_for_socket(below, SIO_BASE_HANDLE, base)) return base;
    return below;
  }
  return std::unexpected(from_winsock(error));
}

bool is_shut_for_writing(RawSource socket) noexcept {
  // It sends nothing, and succeeds unless this side has ended the stream.
  return ::send(socket, "", 0, 0) == SOCKET_ERROR && ::WSAGetLastError() == WSAESHUTDOWN;
}

Result<> start_afd_poll(HANDLE afd, RawSource socket, std::uint32_t events, AfdPoll& poll,
                        IO_STATUS_BLOCK& status, void* context) noexcept {
  poll.timeout.QuadPart = INT64_MAX;
  poll.count = 1;
  poll.exclusive = FALSE;
  poll.socket = as_handle(socket);
  poll.events = events;
  poll.status = 0;
  status.Status = kStatusPending;
  status.Information = 0;
  const NTSTATUS started =
      ::NtDeviceIoControlFile(afd, nullptr, nullptr, context, &status, kIoctlAfdPoll, &poll,
                              sizeof(poll), &poll, sizeof(poll));
  if (started == kStatusSuccess || started == kStatusPending) return {};
  return std::unexpected(from_status(started));
}

void cancel_afd_poll(HANDLE afd, IO_STATUS_BLOCK& status) noexcept {
  // If the completion is on its way already, this fails, and there is nothing to cancel.
  IO_STATUS_BLOCK ignored{};
  static_cast<void>(::NtCancelIoFileEx(afd, &status, &ignored));
}

}  // namespace eddy::sys
