// The examples in the comments of include/eddy/compose, each as it stands there.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

#include "expect.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct Url {
  std::string text;
};
struct Page {
  std::string text;
};

const Url first{"first"};
const Url second{"second"};
const std::vector<Url> urls{Url{"a"}, Url{"b"}, Url{"c"}};

eddy::Task<eddy::Result<Page>> fetch(const Url& url) {
  Page page;
  page.text = "page of " + url.text;
  co_return page;
}

std::vector<eddy::Task<eddy::Result<Page>>> fetch_all() {
  std::vector<eddy::Task<eddy::Result<Page>>> fetches;
  for (const Url& url : urls) fetches.push_back(fetch(url));
  return fetches;
}

eddy::TcpListener listen() {
  auto listener = eddy::TcpListener::bind(eddy::SocketAddress::loopback(0));
  expect(listener.has_value(), "a listener was made");
  return std::move(*listener);
}

eddy::Task<eddy::TcpStream> connect_to(const eddy::TcpListener& listener) {
  const auto address = listener.local_address();
  expect(address.has_value(), "the listener has an address");
  auto stream = co_await eddy::TcpStream::connect(*address);
  expect(stream.has_value(), "a stream was connected");
  co_return std::move(*stream);
}

namespace finally {

struct Session {
  std::string said;

  eddy::Task<> say_goodbye() {
    said += "goodbye";
    co_return;
  }
};

eddy::Task<> serve(std::shared_ptr<Session> session) {
  session->said += "hello ";
  co_return;
}

eddy::Task<> example() {
  const auto session = std::make_shared<Session>();
  auto end = [](std::shared_ptr<Session> served) -> eddy::Task<> {
    co_await served->say_goodbye();
  };
  co_await eddy::finally(serve(session), end, session);
  expect(session->said == "hello goodbye", "the clean-up came last");
}

}  // namespace finally

namespace first_ok {

eddy::Task<> example() {
  auto later = [&]() -> eddy::Task<eddy::Result<Page>> {
    co_await eddy::sleep_for(50ms);
    co_return co_await fetch(second);
  };
  auto page = co_await eddy::first_ok(fetch(first), later());
  expect(page && page->text == "page of first", "the first answer won");
}

}  // namespace first_ok

namespace join_set {

eddy::Task<> example() {
  std::size_t used = 0;
  auto use = [&](std::optional<eddy::Joined<eddy::Result<Page>>> joined) {
    if (joined && joined->result && *joined->result) ++used;
  };
  eddy::JoinSet<eddy::Result<Page>> fetches;
  for (const Url& url : urls) {
    if (fetches.size() == 16) use(co_await fetches.next());
    fetches.spawn(fetch, url);
  }
  while (auto joined = co_await fetches.next()) use(std::move(joined));
  expect(used == urls.size(), "each page was used");
}

}  // namespace join_set

namespace pinned {

eddy::Task<> example() {
  int served = 0;
  eddy::TcpListener listener = listen();
  auto report = [] {};
  auto serve = [&](eddy::TcpStream) {
    ++served;
    listener.close();
  };
  const eddy::TcpStream client = co_await connect_to(listener);
  eddy::Pinned accepting(listener.accept());
  for (;;) {
    auto first = co_await eddy::when_any(accepting, eddy::sleep_for(1s));
    if (first.index() == 1) {
      report();  // no connection for a second; the accept goes on
    } else {
      auto accepted = std::get<0>(std::move(first));
      if (!accepted) break;  // the listener is closed
      serve(std::move(accepted->stream));
      accepting.set(listener.accept());
    }
  }
  expect(served == 1, "the connection was served");
}

}  // namespace pinned

namespace task_group {

int fetched = 0;
eddy::Task<> fetch(Url) {
  ++fetched;
  co_return;
}

eddy::Task<> spawn_when_free() {
  fetched = 0;
  auto [sender, receiver] = eddy::channel<Url>(4);
  for (const Url& url : ::urls) expect(sender.try_send(Url(url)).has_value(), "there is room");
  receiver.close();
  auto body = [&urls = receiver](eddy::TaskGroup& group) -> eddy::Task<> {
    while (auto url = co_await urls.receive()) {
      co_await group.spawn_when_free(fetch, *url);
    }
  };
  co_await eddy::with_group(eddy::Concurrency(1), body);
  expect(fetched == 3, "each URL was fetched");
}

int served = 0;
eddy::Task<> serve(eddy::TcpStream) {
  ++served;
  co_return;
}

eddy::Task<> with_group() {
  eddy::TcpListener listener = listen();
  const eddy::TcpStream client = co_await connect_to(listener);
  auto close = [&]() -> eddy::Task<> {
    while (served == 0) co_await eddy::yield_now();
    listener.close();
  };
  auto closing = eddy::spawn(close);
  co_await eddy::with_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
    while (auto accepted = co_await listener.accept()) {
      group.spawn(serve, std::move(accepted->stream));
    }
  });
  expect(served == 1, "the connection was served");
  (void)co_await closing;
}

eddy::Task<> collect() {
  auto fail = []() -> eddy::Task<eddy::Result<>> { co_return eddy::failure(eddy::Error::closed); };
  auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
    group.spawn(fail);
    group.spawn(fail);
    co_return;
  };
  const auto done = co_await eddy::with_group<eddy::OnError::collect>(body);
  if (!done) std::printf("%zu tasks failed\n", done.error().size());
  expect(!done && done.error().size() == 2, "both failures were collected");
}

eddy::Task<> limit() {
  fetched = 0;
  auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
    for (const Url& url : urls) co_await group.spawn_when_free(fetch, url);
  };
  co_await eddy::with_group(eddy::Concurrency(16), body);
  expect(fetched == 3, "each URL was fetched");
}

}  // namespace task_group

namespace task_local {

struct Request {
  std::string id;
};
void log(const char* text);

eddy::Task<> handle(Request request) {
  log(request.id.c_str());
  co_return;
}

eddy::TaskLocal<std::string> request_id("request");

eddy::Task<> serve(Request request) {
  log("new request");  // -: new request
  co_await request_id.scope(request.id, handle, request);
}
void log(const char* text) {
  const std::string* const id = request_id.get();  // in whatever `handle` calls or awaits
  std::printf("%s: %s\n", id != nullptr ? id->c_str() : "-", text);
}

std::string audited;
eddy::Task<> write_audit_log(std::string entry) {
  const std::string* const id = request_id.get();
  audited = (id != nullptr ? *id : "-") + ": " + entry;
  co_return;
}

eddy::Task<> bind_in(std::string entry) {
  eddy::spawn(request_id.bind(write_audit_log), entry).detach();
  co_return;
}

eddy::Task<> example() {
  Request request;
  request.id = "42";
  co_await serve(request);
  expect(request_id.get() == nullptr, "the value is that of the scope");
  co_await request_id.scope(request.id, bind_in, std::string("paid"));
  while (audited.empty()) co_await eddy::yield_now();
  expect(audited == "42: paid", "the spawned task has the value");
}

}  // namespace task_local

namespace timeout {

eddy::Task<eddy::Result<int>> ask(int server, eddy::Duration limit) {
  expect(limit > 0s && limit <= 10s, "half of the time is left for the question");
  co_return server;
}

eddy::Task<eddy::Result<int>> ask_in_time(int server) {
  const eddy::Duration left = eddy::time_left();
  if (left < 10ms) co_return eddy::failure(eddy::Error::deadline_exceeded);
  co_return co_await ask(server, left / 2);
}

eddy::Task<> example() {
  const auto asked = co_await eddy::timeout(20s, ask_in_time(7));
  expect(asked && *asked == 7, "the answer came");
  const auto late = co_await eddy::timeout(5ms, ask_in_time(7));
  expect(!late && late.error() == eddy::Error::deadline_exceeded, "too little time is an error");
}

}  // namespace timeout

namespace try_all {

eddy::Task<eddy::Result<std::string>> fetch_both() {
  auto both = co_await eddy::try_all(fetch(first), fetch(second));
  if (!both) co_return eddy::failure(both.error());
  auto& [a, b] = *both;
  co_return a.text + ", " + b.text;
}

eddy::Task<> example() {
  const auto text = co_await fetch_both();
  expect(text && *text == "page of first, page of second", "both were fetched");
}

}  // namespace try_all

namespace when_all {

eddy::Task<> example() {
  auto fetches = fetch_all();
  auto pages = co_await eddy::when_all(std::move(fetches), eddy::Concurrency(16));
  expect(pages.size() == 3 && pages[2] && pages[2]->text == "page of c", "each was fetched");
}

}  // namespace when_all

namespace when_any {

eddy::Task<> idle() {
  int reports = 0;
  auto report = [&] { ++reports; };
  eddy::TcpListener listener = listen();
  eddy::TcpStream stream = co_await connect_to(listener);
  auto accepted = co_await listener.accept();
  expect(accepted && co_await accepted->stream.write_all("hello"), "hello was written");
  std::array<char, 16> buffer;
  auto first = co_await eddy::when_any(stream.read(buffer), eddy::sleep_for(1s));
  if (first.index() == 1) report();  // nothing came for a second
  expect(first.index() == 0 && reports == 0, "the stream had bytes");
}

eddy::Task<> of_a_vector() {
  auto fetches = fetch_all();
  auto [index, page] = co_await eddy::when_any(std::move(fetches));
  expect(index == 0 && page && page->text == "page of a", "the first won");
}

eddy::Task<> fair() {
  auto [urgent_sender, urgent] = eddy::channel<int>(1);
  auto [bulk_sender, bulk] = eddy::channel<int>(1);
  expect(bulk_sender.try_send(7).has_value(), "there is room");
  auto next = co_await eddy::when_any_fair(urgent.receive(), bulk.receive());
  expect(next.index() == 1 && std::get<1>(next) == 7, "the one that has a value won");
}

}  // namespace when_any

}  // namespace

int main() {
  eddy::block_on(finally::example());
  eddy::block_on(first_ok::example());
  eddy::block_on(join_set::example());
  eddy::block_on(pinned::example());
  eddy::block_on(task_group::spawn_when_free());
  eddy::block_on(task_group::with_group());
  eddy::block_on(task_group::collect());
  eddy::block_on(task_group::limit());
  eddy::block_on(task_local::example());
  eddy::block_on(timeout::example());
  eddy::block_on(try_all::example());
  eddy::block_on(when_all::example());
  eddy::block_on(when_any::idle());
  eddy::block_on(when_any::of_a_vector());
  eddy::block_on(when_any::fair());
}
