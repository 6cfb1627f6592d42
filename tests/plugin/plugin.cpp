// SPDX-License-Identifier: MIT

#include "plugin/plugin.hpp"

#include "eddy/eddy.hpp"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

eddy::Task<> nothing() { co_return; }
eddy::Task<> sleep_a_little() { co_await eddy::sleep_for(1ms); }
eddy::Task<> leave_group(eddy::TaskGroup&) { co_return; }

eddy::Task<> sleeps() { co_await eddy::sleep_for(1ms); }

eddy::Task<> times_out() { static_cast<void>(co_await eddy::timeout(1ms, eddy::suspend())); }

eddy::Task<> selects() {
  static_cast<void>(co_await eddy::when_any(sleep_a_little(), eddy::sleep_for(1ms)));
}

eddy::Task<> groups() { co_await eddy::with_group(leave_group); }

eddy::Task<> joins() {
  eddy::JoinHandle<void> handle = eddy::spawn(nothing);
  static_cast<void>(co_await handle);
}

eddy::Task<> accepts() {
  eddy::TcpListener listener =
      std::move(eddy::TcpListener::bind(eddy::SocketAddress::loopback(0)).value());
  static_cast<void>(co_await listener.accept());
}

eddy::Task<> asks_for_its_waker() { static_cast<void>(co_await eddy::current_waker()); }

eddy::Task<> waits_for_nothing() {
  co_await nothing();
  co_await eddy::yield_now();
}

struct Named {
  std::string_view name;
  eddy::Task<> (*make)();
};

constexpr auto kTasks = std::to_array<Named>({
    {"sleeps", sleeps},
    {"times_out", times_out},
    {"selects", selects},
    {"groups", groups},
    {"joins", joins},
    {"accepts", accepts},
    {"asks_for_its_waker", asks_for_its_waker},
    {"waits_for_nothing", waits_for_nothing},
});

}  // namespace

eddy::Task<>* plugin_task(const char* what) {
  for (const Named& task : kTasks) {
    if (task.name == what) return new eddy::Task<>(task.make());
  }
  return nullptr;
}

bool plugin_runs_a_loop() {
  const eddy::Instant start = eddy::Clock::now();
  eddy::block_on(sleep_a_little());
  return eddy::Clock::now() - start >= 1ms;
}
