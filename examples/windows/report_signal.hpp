// The signal that makes a program print what it is doing.
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace example {

inline constexpr int kReportSignal = SIGBREAK;
inline constexpr const char* kReportSignalName = "Ctrl-Break";

}  // namespace example
