// <sys/socket.h> with an option of macOS, for the tests of the kqueue backend alone: see
// tests/kqueue/kqueue.cpp.
// SPDX-License-Identifier: MIT
#pragma once

#include_next <sys/socket.h>

#define SO_NOSIGPIPE 0x1022
