// Runs a part of a test in a fork of the process.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>

#include <sys/wait.h>
#include <unistd.h>

namespace eddy::test {

/// Calls `body` in a child process. Succeeds if no expectation failed there, and the child exited.
template <class F>
testing::AssertionResult passes_in_child(F body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);  // a child that hangs fails
    body();
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  if (child < 0) return testing::AssertionFailure() << "fork failed";
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return testing::AssertionSuccess();
  if (WIFSIGNALED(status)) {
    return testing::AssertionFailure() << "the child died of signal " << WTERMSIG(status);
  }
  return testing::AssertionFailure() << "the child exited with " << WEXITSTATUS(status);
}

}  // namespace eddy::test
