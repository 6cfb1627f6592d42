// The headers of Windows, for the other headers here.
// SPDX-License-Identifier: MIT
#pragma once

#include <winsock2.h>
// After winsock2.h.
#include <io.h>
#include <windows.h>

// Words of 16-bit days that it defines as nothing.
#undef far
#undef near
