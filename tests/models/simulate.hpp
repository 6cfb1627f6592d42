// Runs a scenario of a model in many orders of its threads.
// SPDX-License-Identifier: MIT
#pragma once

#include "models/checked_atomics.hpp"

#include <cstdio>
#include <ostream>

namespace eddy::model {

/// True if the simulation ends as expected. If it should pass and fails, Relacy prints its history.
template <class Scenario>
bool ends_with(rl::test_result_e expected, const char* name, unsigned iterations) {
  // No stream that allocates: Relacy counts all allocations while it runs.
  std::ostream nowhere(nullptr);
  rl::test_params params;
  params.iteration_count = iterations;
  params.progress_stream = &nowhere;
  if (expected != rl::test_result_success) params.output_stream = &nowhere;
  rl::simulate<Scenario>(params);
  const bool right = params.test_result == expected;
  std::printf("%s: %s: %s after %llu of %u\n", right ? "ok" : "WRONG", name,
              rl::test_result_str(params.test_result),
              static_cast<unsigned long long>(params.stop_iteration), iterations);
  return right;
}

inline constexpr unsigned kIterations = 50'000;

template <class Scenario>
bool finds(const char* name, Weakened weaker, rl::test_result_e expected) {
  weakened = &weaker;
  const bool right = ends_with<Scenario>(expected, name, kIterations);
  weakened = nullptr;
  return right;
}

template <class Scenario>
bool passes(const char* name) {
  return ends_with<Scenario>(rl::test_result_success, name, kIterations);
}

}  // namespace eddy::model
