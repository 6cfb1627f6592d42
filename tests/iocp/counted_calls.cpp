// SPDX-License-Identifier: MIT

#include "iocp/counted_calls.hpp"

#include "support/windows/windows.hpp"

#include <utility>

#include <winternl.h>

namespace {

eddy::test::Calls calls;

}  // namespace

extern "C" {

using Wait = decltype(&::GetQueuedCompletionStatusEx);
extern Wait __real___imp_GetQueuedCompletionStatusEx;

NTSTATUS NTAPI __real_NtDeviceIoControlFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc,
                                            PVOID context, PIO_STATUS_BLOCK status, ULONG code,
                                            PVOID in, ULONG in_size, PVOID out, ULONG out_size);
NTSTATUS NTAPI __wrap_NtDeviceIoControlFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc,
                                            PVOID context, PIO_STATUS_BLOCK status, ULONG code,
                                            PVOID in, ULONG in_size, PVOID out, ULONG out_size) {
  ++calls.starts;
  return __real_NtDeviceIoControlFile(file, event, apc, context, status, code, in, in_size, out,
                                      out_size);
}

NTSTATUS NTAPI __real_NtCancelIoFileEx(HANDLE file, PIO_STATUS_BLOCK to_cancel,
                                       PIO_STATUS_BLOCK status);
NTSTATUS NTAPI __wrap_NtCancelIoFileEx(HANDLE file, PIO_STATUS_BLOCK to_cancel,
                                       PIO_STATUS_BLOCK status) {
  ++calls.cancels;
  return __real_NtCancelIoFileEx(file, to_cancel, status);
}

static BOOL WINAPI count_wait(HANDLE port, LPOVERLAPPED_ENTRY entries, ULONG size, PULONG count,
                              DWORD milliseconds, BOOL alertable) {
  ++calls.waits;
  return __real___imp_GetQueuedCompletionStatusEx(port, entries, size, count, milliseconds,
                                                  alertable);
}

/// The headers call the function through the address that the loader fills in. This replaces it.
Wait __wrap___imp_GetQueuedCompletionStatusEx = count_wait;
}

namespace eddy::test {

Calls take_calls() { return std::exchange(calls, Calls()); }

}  // namespace eddy::test
