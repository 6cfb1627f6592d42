// The examples in the comments of include/eddy/sync, each as it stands there.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

#include "expect.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

eddy::Task<> barrier() {
  const std::vector<std::string> players{"the only one"};
  int reports = 0;
  auto report = [&] { ++reports; };
  eddy::Barrier round(players.size());
  const auto arrival = co_await round.arrive_and_wait();
  if (arrival && arrival->last) report();  // once a round
  expect(reports == 1, "the last player reported");
}

eddy::Task<> broadcast() {
  auto [news, first] = eddy::broadcast<std::string>(16);
  auto second = news.subscribe();
  (void)news.send("rain");
  const auto rain = co_await second.receive();
  expect(rain && *rain == "rain", "the second receiver got the news");
}

namespace channel {

eddy::Task<> bounded() {
  int used = 0;
  auto use = [&](int value) { used += value; };
  auto [sender, receiver] = eddy::channel<int>(16);
  auto produce = [](eddy::Sender<int> to) -> eddy::Task<> { (void)co_await to.send(7); };
  auto producing = eddy::spawn(produce, std::move(sender));
  while (auto value = co_await receiver.receive()) use(*value);  // until all senders are gone
  expect(used == 7, "the value came");
}

eddy::Task<> unbounded() {
  auto [sender, receiver] = eddy::unbounded_channel<int>();
  (void)sender.send(7);
  const auto value = co_await receiver.receive();
  expect(value && *value == 7, "the value came");
}

eddy::Task<> send_all() {
  std::vector<int> batch{1, 2, 3};
  std::size_t kept = 0;
  auto keep = [&](std::span<int> rest) { kept = rest.size(); };
  auto [sender, receiver] = eddy::channel<int>(16);
  receiver.close();
  std::span<int> values = batch;
  if (!co_await sender.send_all(values)) keep(values);
  expect(kept == 3, "what was not sent was kept");
}

eddy::Task<> reserve() {
  auto [sender, receiver] = eddy::channel<int>(1);
  auto permit = co_await sender.reserve();
  if (permit) permit->send(7);
  const auto value = co_await receiver.receive();
  expect(value && *value == 7, "the value came");
}

eddy::Task<> receive_many() {
  auto [sender, receiver] = eddy::channel<int>(4);
  expect(sender.try_send(1) && sender.try_send(2), "there is room");
  std::vector<int> values;
  const auto count = co_await receiver.receive_many(values, 64);
  expect(count && *count == 2 && values.size() == 2, "both came");
}

}  // namespace channel

eddy::Task<> condition() {
  eddy::Mutex<std::deque<int>> queue;
  eddy::Condition not_empty;
  auto fill = [&]() -> eddy::Task<> {
    {
      auto guard = co_await queue.lock();
      guard->push_back(7);
    }
    not_empty.notify_one();
  };
  auto filling = eddy::spawn(fill);
  auto guard = co_await queue.lock();
  auto filled = co_await not_empty.wait(std::move(guard), [](auto& q) { return !q.empty(); });
  expect(filled && (*filled)->front() == 7, "the queue was filled");
  (void)co_await filling;
}

eddy::Task<> event() {
  eddy::Event ready;
  auto start = [&]() -> eddy::Task<> {
    ready.set();
    co_return;
  };
  auto starting = eddy::spawn(start);
  (void)co_await ready.wait();  // another task: ready.set()
  expect(ready.is_set(), "the event is set");
}

namespace latch {

struct Server {
  bool runs = false;
};

eddy::Task<> run(Server& server, eddy::Latch& started) {
  server.runs = true;
  started.count_down();
  co_return;
}

eddy::Task<> example() {
  std::vector<Server> servers(2);
  eddy::Latch started(servers.size());
  co_await eddy::with_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
    for (Server& server : servers) group.spawn(run, std::ref(server), std::ref(started));
    (void)co_await started.wait();  // each server calls started.count_down()
  });
  expect(servers[0].runs && servers[1].runs, "all servers have started");
}

}  // namespace latch

eddy::Task<> mutex() {
  eddy::Mutex<std::vector<int>> numbers;
  auto guard = co_await numbers.lock();
  guard->push_back(7);
  expect(guard->size() == 1, "the number is there");
}

eddy::Task<> notify() {
  std::deque<int> queue;
  eddy::Notify filled;
  auto fill = [&]() -> eddy::Task<> {
    queue.push_back(7);
    filled.notify_one();
    co_return;
  };
  auto filling = eddy::spawn(fill);
  while (queue.empty()) (void)co_await filled.wait();  // another task: filled.notify_one()
  expect(queue.front() == 7, "the queue was filled");
  (void)co_await filling;
}

namespace once_cell {

struct Config {
  std::string name;
};

eddy::Task<eddy::Result<Config>> load_config() {
  Config config;
  config.name = "default";
  co_return config;
}

eddy::Task<> example() {
  eddy::OnceCell<Config> config;  // load_config() gives a Task<Result<Config>>
  auto found = co_await config.get_or_init(load_config);
  expect(found && (*found)->name == "default", "the configuration was loaded");
}

}  // namespace once_cell

eddy::Task<> oneshot() {
  auto [reply, answer] = eddy::oneshot<int>();
  (void)reply.send(7);
  const eddy::Result<int> seven = co_await answer.receive();
  expect(seven && *seven == 7, "the answer came");
}

eddy::Task<> rate_limiter() {
  bool sent = false;
  auto send_request = [&]() -> eddy::Task<eddy::Result<>> {
    sent = true;
    co_return {};
  };
  eddy::RateLimiter requests({.permits = 100, .per = 1s}, 10);
  co_await eddy::ok(requests.acquire());
  co_await eddy::ok(send_request());
  expect(sent, "the request was sent");
}

namespace rw_lock {

class Routes {
 public:
  const int* find(const std::string& name) const { return name == "home" ? &home_ : nullptr; }

 private:
  int home_ = 1;
};

eddy::Task<> example() {
  const std::string name = "home";
  eddy::RwLock<Routes> routes;
  auto reading = co_await routes.read();
  auto* next = reading->find(name);
  expect(next != nullptr && *next == 1, "the route was found");
}

}  // namespace rw_lock

eddy::Task<> semaphore() {
  eddy::Semaphore downloads(4);
  auto permit = co_await eddy::ok(downloads.acquire());
  expect(downloads.available() == 3, "one permit is taken");
}

namespace stop_token {

std::atomic<int> steps = 0;
eddy::Task<> step() {
  ++steps;
  steps.notify_all();
  co_await eddy::sleep_for(1ms);
}

eddy::Task<> serve(eddy::StopToken asked) {
  while (!asked.stop_requested()) {
    co_await eddy::when_any(step(), asked.stopped());
  }
}

void example() {
  {
    std::jthread server([](std::stop_token asked) { eddy::block_on(serve(asked)); });
    steps.wait(0);
  }
  expect(steps > 0, "the server served until it was asked to stop");
}

bool ended = false;
eddy::Task<> work(eddy::StopToken asked) {
  (void)co_await asked.stopped();
  ended = true;
}

eddy::Task<> source() {
  eddy::StopSource stop;
  auto worker = eddy::spawn(work, stop.token());
  stop.request_stop();
  (void)co_await worker;  // it ends where it finds it right
  expect(ended, "the worker ended by itself");
}

}  // namespace stop_token

eddy::Task<> watch() {
  int used = 0;
  auto use = [&](int value) { used = value; };
  auto [level, watcher] = eddy::watch<int>(1);
  auto change = [](eddy::WatchSender<int> to) -> eddy::Task<> { co_return to.send(2); };
  auto changing = eddy::spawn(change, std::move(level));
  while (co_await watcher.changed()) use(watcher.get());  // until the sender is gone
  expect(used == 2, "the change was seen");
}

}  // namespace

int main() {
  eddy::block_on(barrier());
  eddy::block_on(broadcast());
  eddy::block_on(channel::bounded());
  eddy::block_on(channel::unbounded());
  eddy::block_on(channel::send_all());
  eddy::block_on(channel::reserve());
  eddy::block_on(channel::receive_many());
  eddy::block_on(condition());
  eddy::block_on(event());
  eddy::block_on(latch::example());
  eddy::block_on(mutex());
  eddy::block_on(notify());
  eddy::block_on(once_cell::example());
  eddy::block_on(oneshot());
  eddy::block_on(rate_limiter());
  eddy::block_on(rw_lock::example());
  eddy::block_on(semaphore());
  stop_token::example();
  eddy::block_on(stop_token::source());
  eddy::block_on(watch());
}
