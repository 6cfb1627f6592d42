// A user's shared object that contains eddy, or links it, and exports only its own name.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

using namespace std::chrono_literals;

namespace {

eddy::Task<> tick(int& count) {
  co_await eddy::sleep_for(1ms);
  ++count;
}

eddy::Task<int> work() {
  int count = 0;
  const auto twice = [&count](eddy::TaskGroup& group) -> eddy::Task<> {
    group.spawn(tick, std::ref(count));
    group.spawn(tick, std::ref(count));
    co_return;
  };
  co_await eddy::with_group(twice);
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::loopback(0));
  const auto accepted = co_await eddy::timeout(1ms, listener->accept());
  if (!accepted && accepted.error() == std::errc::timed_out) count += 40;
  co_return count;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int answer_of_plugin() { return eddy::block_on(work()); }
