// expect: move it into the channel: sender.send(std::move(value))
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <memory>
#include <utility>

eddy::Task<> work(eddy::Sender<std::unique_ptr<int>>& sender) {
  auto value = std::make_unique<int>(1);
#ifndef EDDY_COMPILE_OK
  (void)co_await sender.send(value);
#endif
  (void)co_await sender.send(std::move(value));
}
