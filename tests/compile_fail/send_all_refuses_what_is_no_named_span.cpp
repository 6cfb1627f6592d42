// expect: send_all takes a span that has a name
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <span>
#include <vector>

eddy::Task<> work(eddy::Sender<int>& sender, std::vector<int>& vector) {
#ifndef EDDY_COMPILE_OK
  (void)co_await sender.send_all(vector);
#endif
  std::span<int> values = vector;
  (void)co_await sender.send_all(values);
}
