// SPDX-License-Identifier: MIT

#include "platform/windows/errors.hpp"

#include "platform/windows/windows.hpp"

namespace eddy::sys {
namespace {

std::errc errc_of_winsock(int error) noexcept {
  switch (error) {
    case WSA_NOT_ENOUGH_MEMORY:
      return std::errc::not_enough_memory;
    case WSA_INVALID_HANDLE:
    case WSAEBADF:
    // Every source is a socket here. What is no socket is a number that was closed.
    case WSAENOTSOCK:
      return std::errc::bad_file_descriptor;
    case WSA_OPERATION_ABORTED:
    case WSAECANCELLED:
    case WSA_E_CANCELLED:
      return std::errc::operation_canceled;
    case WSAEINTR:
      return std::errc::interrupted;
    case WSAEACCES:
      return std::errc::permission_denied;
    case WSAEFAULT:
      return std::errc::bad_address;
    case WSAEINVAL:
      return std::errc::invalid_argument;
    case WSAEMFILE:
      return std::errc::too_many_files_open;
    case WSAEWOULDBLOCK:
      return std::errc::operation_would_block;
    case WSAEINPROGRESS:
      return std::errc::operation_in_progress;
    case WSAEALREADY:
      return std::errc::connection_already_in_progress;
    case WSAEDESTADDRREQ:
      return std::errc::destination_address_required;
    case WSAEMSGSIZE:
      return std::errc::message_size;
    case WSAEPROTOTYPE:
      return std::errc::wrong_protocol_type;
    case WSAENOPROTOOPT:
      return std::errc::no_protocol_option;
    case WSAEPROTONOSUPPORT:
      return std::errc::protocol_not_supported;
    case WSAEOPNOTSUPP:
      return std::errc::operation_not_supported;
    case WSAEAFNOSUPPORT:
    case WSAEPFNOSUPPORT:
      return std::errc::address_family_not_supported;
    case WSAEADDRINUSE:
      return std::errc::address_in_use;
    case WSAEADDRNOTAVAIL:
      return std::errc::address_not_available;
    case WSAENETDOWN:
    case WSASYSNOTREADY:
      return std::errc::network_down;
    case WSAENETUNREACH:
      return std::errc::network_unreachable;
    case WSAENETRESET:
      return std::errc::network_reset;
    case WSAECONNABORTED:
      return std::errc::connection_aborted;
    case WSAECONNRESET:
    case WSAEDISCON:
      return std::errc::connection_reset;
    case WSAENOBUFS:
      return std::errc::no_buffer_space;
    case WSAEISCONN:
      return std::errc::already_connected;
    case WSAENOTCONN:
      return std::errc::not_connected;
    case WSAESHUTDOWN:
      return std::errc::broken_pipe;
    case WSAETIMEDOUT:
      return std::errc::timed_out;
    case WSAECONNREFUSED:
      return std::errc::connection_refused;
    case WSAEHOSTDOWN:
    case WSAEHOSTUNREACH:
      return std::errc::host_unreachable;
    default:
      return std::errc::io_error;
  }
}

std::errc errc_of_win32(std::uint32_t error) noexcept {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_NOT_FOUND:
      return std::errc::no_such_file_or_directory;
    case ERROR_TOO_MANY_OPEN_FILES:
      return std::errc::too_many_files_open;
    case ERROR_ACCESS_DENIED:
      return std::errc::permission_denied;
    case ERROR_INVALID_HANDLE:
      return std::errc::bad_file_descriptor;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_WORKING_SET_QUOTA:
      return std::errc::not_enough_memory;
    case ERROR_INVALID_PARAMETER:
      return std::errc::invalid_argument;
    case ERROR_OPERATION_ABORTED:
      return std::errc::operation_canceled;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
      return std::errc::operation_not_supported;
    default:
      // Winsock's numbers are a range of the same numbering.
      return errc_of_winsock(static_cast<int>(error));
  }
}

}  // namespace

std::error_code from_winsock(int error) noexcept {
  return std::make_error_code(errc_of_winsock(error));
}

std::error_code from_win32(std::uint32_t error) noexcept {
  return std::make_error_code(errc_of_win32(error));
}

std::error_code from_status(std::int32_t status) noexcept {
  return from_win32(::RtlNtStatusToDosError(status));
}

Result<> start_winsock() noexcept {
  static const int outcome = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (outcome != 0) return std::unexpected(from_winsock(outcome));
  return {};
}

}  // namespace eddy::sys
