// Round trips of posted functions between two threads that run Asio.
// SPDX-License-Identifier: MIT

#include "round_trip.h"

#include <thread>

#include <asio.hpp>

namespace {

asio::io_context here(1);
asio::io_context there(1);

void serve(long left) {
  if (left == 0) {
    here.stop();
    return;
  }
  asio::post(there, [left] { asio::post(here, [left] { serve(left - 1); }); });
}

void run(asio::io_context& io) {
  const auto work = asio::make_work_guard(io);
  if (!polling) {
    io.run();
  } else {
    while (!io.stopped()) io.poll();
  }
}

}  // namespace

int main(int argc, char** argv) {
  parse(argc, argv, true);
  std::thread other([] { run(there); });
  other.detach();
  const double began = now_ns();
  asio::post(here, [] { serve(rounds); });
  run(here);
  print_since(began);
}
