# Arm64 Linux, with the programs run by qemu-user: Debian's g++-aarch64-linux-gnu and qemu-user-static.
# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# A program cannot tell that it is emulated; tests/support/qemu/skips.cpp wants to know.
set(CMAKE_CROSSCOMPILING_EMULATOR
  "/usr/bin/qemu-aarch64-static;-L;/usr/aarch64-linux-gnu;-E;EDDY_EMULATOR=qemu-user")
