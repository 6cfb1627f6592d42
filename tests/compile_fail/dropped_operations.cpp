// expect warning: nothing happens until it is awaited: write co_await
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>
#include <span>

using namespace std::chrono_literals;

void drop(eddy::TcpStream& stream, eddy::TcpListener& listener, eddy::IoSource& source) {
  std::array<std::byte, 8> buffer{};
  eddy::BufferPool pool;
  eddy::SocketAddress peer;
  eddy::Conduit conduit;
  const std::array<std::span<std::byte>, 1> buffers{buffer};
  const std::array<std::span<const std::byte>, 1> data{buffer};
#ifndef EDDY_COMPILE_OK
  stream.read(buffer);             // here
  stream.read(pool);               // here
  stream.read_vectored(buffers);   // here
  stream.read_exact(buffer);       // here
  stream.peek(buffer);             // here
  stream.write(buffer);            // here
  stream.write_vectored(data);     // here
  stream.write_all(buffer);        // here
  stream.readable();               // here
  stream.writable();               // here
  eddy::TcpStream::connect(peer);  // here
  listener.accept();               // here
  source.readable();               // here
  source.writable();               // here
  conduit.fill(stream);            // here
  conduit.drain(stream);           // here
#endif
  (void)stream.write_all(buffer);
  (void)listener.accept();
}

eddy::Task<> clean_up() { co_return; }

eddy::Task<> drop(eddy::Interval& interval, eddy::TaskGroup& group, eddy::SignalSet& signals) {
#ifndef EDDY_COMPILE_OK
  eddy::sleep_for(1s);                                              // here
  eddy::sleep_until(eddy::Instant());                               // here
  eddy::timeout(1s, eddy::sleep_for(2s));                           // here
  eddy::with_deadline(eddy::Instant(), group.idle());               // here
  eddy::timeout(1s, eddy::shield(drop(interval, group, signals)));  // here
  eddy::when_any(eddy::sleep_for(1s), group.idle());                // here
  eddy::when_any_fair(eddy::sleep_for(1s), group.idle());           // here
  eddy::when_all(eddy::sleep_for(1s), group.idle());                // here
  eddy::when_all(std::vector<eddy::Task<>>());                      // here
  eddy::try_all(eddy::timeout(1s, group.idle()));                   // here
  eddy::try_all(std::vector<eddy::Task<eddy::Result<>>>());         // here
  eddy::may_lose(eddy::sleep_for(1s));                              // here
  eddy::finally(eddy::sleep_for(1s), clean_up);                     // here
  eddy::StopToken().stopped();                                      // here
  eddy::suspend();                                                  // here
  eddy::yield_now();                                                // here
  eddy::current_waker();                                            // here
  interval.tick();                                                  // here
  group.idle();                                                     // here
  signals.next();                                                   // here
#endif
  (void)eddy::sleep_for(1s);
  co_await group.idle();
}

eddy::Task<> drop(eddy::JoinSet<>& set, eddy::TaskGroup& group) {
#ifndef EDDY_COMPILE_OK
  set.next();                                                  // here
  group.spawn_when_free([]() -> eddy::Task<> { co_return; });  // here
#endif
  co_await group.idle();
}
