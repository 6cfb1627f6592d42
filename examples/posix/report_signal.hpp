// The signal that makes a program print what it is doing.
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace example {

inline constexpr int kReportSignal = SIGUSR1;
inline constexpr const char* kReportSignalName = "SIGUSR1";

}  // namespace example
