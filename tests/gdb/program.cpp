// Tasks that wait in every way that tests/gdb/check_gdb.py looks for. Prints "ready" when all of
// them wait, then blocks its thread, so that some tasks are ready to run but do not.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace program {

eddy::Task<int> leaf() {
  co_await eddy::sleep_for(1h);
  co_return 0;
}

eddy::Task<> middle() { static_cast<void>(co_await leaf()); }

eddy::Task<> sleeper() { co_await middle(); }

eddy::Task<> client(int number) {
  const eddy::Waker waker = co_await eddy::current_waker();
  eddy::name_task("client " + std::to_string(number));
  co_await eddy::suspend();
}

eddy::Task<> selecting() {
  static_cast<void>(co_await eddy::when_any(leaf(), eddy::sleep_for(2h)));
}

eddy::Task<> both() { co_await eddy::when_all(sleeper(), eddy::sleep_for(2h)); }

eddy::Task<> limited() { static_cast<void>(co_await eddy::timeout(1h, middle())); }

eddy::Task<> grouped() {
  const auto body = [](eddy::TaskGroup& group) -> eddy::Task<> {
    group.spawn(sleeper);
    co_await group.idle();
  };
  co_await eddy::with_group(body);
}

eddy::Task<> waiting_for_room() {
  const auto body = [](eddy::TaskGroup& group) -> eddy::Task<> {
    group.spawn(sleeper);
    co_await group.spawn_when_free(sleeper);
  };
  co_await eddy::with_group(eddy::Concurrency(1), body);
}

eddy::Task<> taking() {
  eddy::JoinSet<> set;
  set.spawn(sleeper);
  static_cast<void>(co_await set.next());
}

eddy::Task<> accepting(eddy::TcpListener listener) {
  static_cast<void>(co_await eddy::timeout(1h, listener.accept()));
}

eddy::Task<eddy::Result<>> reading(eddy::TcpStream stream) {
  std::array<std::byte, 16> buffer{};
  co_await eddy::ok(stream.read(buffer));
  co_return {};
}

eddy::Task<> reading_of_the_gone(eddy::TcpStream& stream) {
  std::array<std::byte, 16> buffer{};
  static_cast<void>(co_await stream.read(buffer));
}

eddy::Task<> joining(eddy::JoinHandle<void> handle) { static_cast<void>(co_await handle); }

eddy::Task<> listening() {
  eddy::SignalSet set = std::move(eddy::SignalSet::create({SIGTERM}).value());
  static_cast<void>(co_await set.next());
}

eddy::Task<> ticking() {
  eddy::Interval every(1h);
  for (;;) co_await every.tick();
}

eddy::Task<> other_thread(std::atomic<bool>& waits) {
  eddy::spawn([&waits]() -> eddy::Task<> {
    waits = true;
    waits.notify_one();
    co_return;
  }).detach();
  co_await eddy::suspend();
}

eddy::Task<eddy::Result<>> run() {
  const auto address = eddy::SocketAddress::parse("127.0.0.1:0").value();
  eddy::TcpListener listener = std::move(eddy::TcpListener::bind(address).value());
  const eddy::SocketAddress bound = listener.local_address().value();
  eddy::TcpStream stream = co_await eddy::ok(eddy::TcpStream::connect(bound));
  eddy::Accepted accepted = co_await eddy::ok(listener.accept());
  std::optional<eddy::TcpStream> peer(std::move(accepted.stream));
  for (int i = 0; i < 3; ++i) eddy::spawn(sleeper).detach();
  for (int i = 0; i < 2; ++i) eddy::spawn(client, i).detach();
  for (const auto task :
       {selecting, both, limited, grouped, waiting_for_room, taking, listening, ticking}) {
    eddy::spawn(task).detach();
  }
  eddy::spawn(accepting, std::move(listener)).detach();
  eddy::spawn(reading, std::move(stream)).detach();
  eddy::spawn(joining, eddy::spawn(sleeper)).detach();
  eddy::spawn(reading_of_the_gone, std::ref(*peer)).detach();
  for (int i = 0; i < 3; ++i) co_await eddy::yield_now();
  peer.reset();
  eddy::spawn(middle).detach();
  std::puts("ready");
  std::fflush(stdout);
  std::getchar();
  co_return {};
}

}  // namespace program

int main() {
  std::atomic<bool> waits = false;
  std::thread([&] { eddy::block_on(program::other_thread(waits)); }).detach();
  waits.wait(false);
  static_cast<void>(eddy::block_on(program::run()));
}
