// expect: bind copies the value for a task that may outlive the scope
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <memory>

eddy::TaskLocal<std::unique_ptr<int>> owned;
eddy::TaskLocal<std::shared_ptr<int>> shared;

eddy::Task<> work();

void start() {
#ifndef EDDY_COMPILE_OK
  eddy::spawn(owned.bind(work)).detach();
#endif
  eddy::spawn(shared.bind(work)).detach();
}
