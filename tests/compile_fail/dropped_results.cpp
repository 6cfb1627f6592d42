// expect warning: nodiscard
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>
#include <chrono>

void drop(eddy::TcpStream& stream, eddy::TcpListener& listener) {
  std::array<std::byte, 8> buffer{};
#ifndef EDDY_COMPILE_OK
  stream.try_read(buffer);                         // here
  stream.try_write(buffer);                        // here
  stream.shutdown(eddy::ShutdownHow::write);       // here
  stream.set_nodelay(true);                        // here
  stream.set_keep_alive(eddy::KeepAlive());        // here
  stream.set_send_buffer_size(4096);               // here
  stream.set_receive_buffer_size(4096);            // here
  stream.nodelay();                                // here
  stream.local_address();                          // here
  stream.peer_address();                           // here
  listener.local_address();                        // here
  eddy::TcpListener::bind(eddy::SocketAddress());  // here
  eddy::SocketAddress::parse("127.0.0.1:80");      // here
  eddy::SignalSet::create({2});                    // here
#endif
  (void)stream.set_nodelay(true);
}

void drop(eddy::WriteHalf& half) {
#ifndef EDDY_COMPILE_OK
  half.shutdown();  // here
#endif
  (void)half.shutdown();
}
