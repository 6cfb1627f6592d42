// Round trips through channels of Boost.Fiber between two threads.
// SPDX-License-Identifier: MIT

#include "round_trip.h"

#include <thread>

#include <boost/fiber/all.hpp>

int main(int argc, char** argv) {
  parse(argc, argv, false);
  boost::fibers::buffered_channel<long> here(2);
  boost::fibers::buffered_channel<long> there(2);
  std::thread other([&] {
    for (long ball; there.pop(ball) == boost::fibers::channel_op_status::success;) here.push(ball);
  });
  other.detach();
  const double began = now_ns();
  for (long i = 0; i < rounds; ++i) {
    long ball = i;
    there.push(ball);
    here.pop(ball);
  }
  print_since(began);
}
