// The headers of Windows, for the other headers here.
// SPDX-License-Identifier: MIT
#pragma once

#include <winsock2.h>
// After winsock2.h.
#include <io.h>
#include <windows.h>

// The header defines these old 16-bit keywords as empty macros.
#undef far
#undef near
