// The examples in the comments of the other folders of include/eddy, each as it stands there.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

#include "expect.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

eddy::SocketAddress address_of(const eddy::TcpListener& listener) {
  const auto address = listener.local_address();
  expect(address.has_value(), "the listener has an address");
  return *address;
}

eddy::Task<eddy::Result<std::string>> read_hello(eddy::TcpStream& stream) {
  std::array<char, 5> buffer;
  co_await eddy::ok(stream.read_exact(buffer));
  co_return std::string(buffer.data(), buffer.size());
}

namespace net {

eddy::Task<eddy::Result<>> forward(eddy::TcpStream& from, eddy::TcpStream& to) {
  eddy::Conduit conduit;
  while (co_await eddy::ok(conduit.fill(from)) != 0) {
    while (!conduit.empty()) co_await eddy::ok(conduit.drain(to));
  }
  co_return {};
}

eddy::Task<eddy::Result<>> conduit() {
  auto listener = co_await eddy::ok(eddy::TcpListener::bind(eddy::SocketAddress::loopback(0)));
  auto source = co_await eddy::ok(eddy::TcpStream::connect(address_of(listener)));
  auto from = co_await eddy::ok(listener.accept());
  auto to = co_await eddy::ok(eddy::TcpStream::connect(address_of(listener)));
  auto target = co_await eddy::ok(listener.accept());
  co_await eddy::ok(source.write_all("hello"));
  source.close();
  co_await eddy::ok(forward(from.stream, to));
  const std::string text = co_await eddy::ok(read_hello(target.stream));
  expect(text == "hello", "the bytes were carried");
  co_return {};
}

}  // namespace net

namespace task {

eddy::Task<eddy::Result<>> greet(eddy::SocketAddress server) {
  eddy::TcpStream stream = co_await eddy::ok(eddy::TcpStream::connect(server));
  co_await eddy::ok(stream.set_nodelay(true));
  co_await eddy::ok(stream.write_all("hello"));
  co_return {};
}

eddy::Task<eddy::Result<>> ok() {
  auto listener = co_await eddy::ok(eddy::TcpListener::bind(eddy::SocketAddress::loopback(0)));
  co_await eddy::ok(greet(address_of(listener)));
  auto accepted = co_await eddy::ok(listener.accept());
  const std::string text = co_await eddy::ok(read_hello(accepted.stream));
  expect(text == "hello", "the server was greeted");
  co_return {};
}

eddy::Task<int> twice(int n) { co_return 2 * n; }
eddy::Task<> print() { std::printf("%d\n", co_await twice(21)); }

eddy::Task<> example() {
  co_await print();
  const int value = co_await twice(21);
  expect(value == 42, "twice 21 is 42");
}

}  // namespace task

namespace time {

int reports = 0;
void report() { ++reports; }

eddy::Task<> tick() {
  eddy::Interval every(100ms, eddy::MissedTick::skip);
  for (;;) {
    co_await every.tick();
    report();
  }
}

eddy::Task<> interval() {
  (void)co_await eddy::timeout(2ms, tick());
  expect(reports >= 1, "the first tick came at once");
}

eddy::Task<> retry() {
  int fetched = 0;
  const std::string url = "first";
  auto fetch = [&](const std::string& from) -> eddy::Task<eddy::Result<std::string>> {
    ++fetched;
    co_return "page of " + from;
  };
  auto attempt = [&] { return eddy::timeout(1s, fetch(url)); };
  auto page = co_await eddy::retry({.first_delay = 50ms, .attempts = 4}, attempt);
  expect(page && *page == "page of first" && fetched == 1, "the first attempt succeeded");
}

}  // namespace time

namespace worker {

eddy::Task<> guard() {
  std::mutex mutex;
  {
    const std::lock_guard lock(mutex);
    const eddy::BlockingGuard guard;  // a co_await that waits in here is a mistake
  }
  expect(mutex.try_lock(), "the mutex is unlocked again");
  mutex.unlock();
  co_return;
}

eddy::Task<> blocking_mutex() {
  eddy::BlockingMutex<> mutex;
  const std::unique_lock lock(mutex);
  expect(lock.owns_lock(), "the mutex is locked");
  co_return;
}

int slow = 0;
void count_slow() { ++slow; }

class Transaction {
 public:
  Transaction() = default;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (open_ && eddy::cancellation_reason() == eddy::CancelReason::deadline) count_slow();
  }

 private:
  bool open_ = true;
};

eddy::Task<> transact() {
  const Transaction transaction;
  co_await eddy::sleep_for(1h);
}

eddy::Task<> cancel_reason() {
  (void)co_await eddy::timeout(1ms, transact());
  expect(slow == 1, "the slow transaction was counted");
}

}  // namespace worker

}  // namespace

int main() {
  expect(eddy::block_on(net::conduit()).has_value(), "the network works");
  expect(eddy::block_on(task::ok()).has_value(), "the network works");
  eddy::block_on(task::example());
  eddy::block_on(time::interval());
  eddy::block_on(time::retry());
  eddy::block_on(worker::guard());
  eddy::block_on(worker::blocking_mutex());
  eddy::block_on(worker::cancel_reason());
}
