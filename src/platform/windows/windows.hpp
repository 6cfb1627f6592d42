// The headers of Windows, in the one order that they need. Their macros come from the build.
// SPDX-License-Identifier: MIT
#pragma once

#include <winsock2.h>
// After winsock2.h, which says so.
#include <mswsock.h>
#include <windows.h>
#include <winternl.h>
#include <ws2tcpip.h>
