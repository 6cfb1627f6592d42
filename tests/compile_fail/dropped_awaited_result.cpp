// expect warning of Clang: it may be an error: look at it, or write (void)co_await
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<eddy::Result<>> work() { co_return {}; }

// g++ does not look at what a co_await gives.
eddy::Task<> drop(eddy::TcpStream& stream, eddy::JoinHandle<int>& handle) {
#ifndef EDDY_COMPILE_OK
  co_await stream.readable();                     // here
  co_await eddy::timeout(1s, stream.readable());  // here
  co_await handle;                                // here
  co_await work();                                // here
#endif
  (void)co_await work();
  co_await eddy::sleep_for(1s);
  co_await eddy::when_any(stream.readable(), eddy::sleep_for(1s));
}
