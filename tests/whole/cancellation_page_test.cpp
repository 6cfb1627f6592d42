// The table of docs/cancellation.md beside the types of the operations.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {
namespace {

template <class T>
T& some();
template <class T>
T made();

/// Whether `when_any` takes the operation that the call gives.
template <class Op>
std::string_view taken() {
  constexpr detail::OperationTraits kTraits = detail::kTraitsOf<std::remove_cvref_t<Op>>;
  if (kTraits.waits_for_own_waker) return "in a task";
  return kTraits.loses_progress ? "in `may_lose`" : "yes";
}

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;
using Guard = MutexGuard<int>;

using Work = Task<int>;
using Try = Task<Result<int>>;

/// What the page calls an operation, and what its type says.
const std::map<std::string, std::string_view> kOperations = {
    {"TcpStream::read", taken<decltype(some<TcpStream>().read(some<Bytes>()))>()},
    {"read_vectored",
     taken<decltype(some<TcpStream>().read_vectored(some<std::span<const Bytes>>()))>()},
    {"read(pool)", taken<decltype(some<TcpStream>().read(some<BufferPool>()))>()},
    {"TcpStream::peek", taken<decltype(some<TcpStream>().peek(some<Bytes>()))>()},
    {"TcpStream::read_exact", taken<decltype(some<TcpStream>().read_exact(some<Bytes>()))>()},
    {"TcpStream::write", taken<decltype(some<TcpStream>().write(some<ConstBytes>()))>()},
    {"write_vectored",
     taken<decltype(some<TcpStream>().write_vectored(some<std::span<const ConstBytes>>()))>()},
    {"TcpStream::write_all", taken<decltype(some<TcpStream>().write_all(some<ConstBytes>()))>()},
    {"TcpStream::readable", taken<decltype(some<TcpStream>().readable())>()},
    {"writable", taken<decltype(some<TcpStream>().writable())>()},
    {"closed", taken<decltype(some<TcpStream>().closed())>()},
    {"TcpStream::connect", taken<decltype(TcpStream::connect(some<SocketAddress>()))>()},
    {"TcpListener::accept", taken<decltype(some<TcpListener>().accept())>()},
    {"Conduit::fill", taken<decltype(some<Conduit>().fill(some<TcpStream>()))>()},
    {"Conduit::drain", taken<decltype(some<Conduit>().drain(some<TcpStream>()))>()},
    {"IoSource::readable", taken<decltype(some<IoSource>().readable())>()},
    {"SignalSet::next", taken<decltype(some<SignalSet>().next())>()},
    {"sleep_for", taken<decltype(sleep_for(Duration()))>()},
    {"sleep_until", taken<decltype(sleep_until(Instant()))>()},
    {"yield_now", taken<decltype(yield_now())>()},
    {"suspend", taken<decltype(suspend())>()},
    {"Interval::tick", taken<decltype(some<Interval>().tick())>()},
    {"JoinHandle", taken<decltype(some<JoinHandle<int>>().as_operation())>()},
    {"Pinned", taken<decltype(some<Pinned<int>>().as_operation())>()},
    {"TaskGroup::idle", taken<decltype(some<TaskGroup>().idle())>()},
    {"TaskGroup::spawn_when_free",
     taken<decltype(some<TaskGroup>().spawn_when_free(some<Task<> (*)()>()))>()},
    {"JoinSet::next", taken<decltype(some<JoinSet<int>>().next())>()},
    {"Mutex::lock", taken<decltype(some<Mutex<int>>().lock())>()},
    {"RwLock::read", taken<decltype(some<RwLock<int>>().read())>()},
    {"RwLock::write", taken<decltype(some<RwLock<int>>().write())>()},
    {"Semaphore::acquire", taken<decltype(some<Semaphore>().acquire(1))>()},
    {"RateLimiter::acquire", taken<decltype(some<RateLimiter>().acquire(1))>()},
    {"Notify::wait", taken<decltype(some<Notify>().wait())>()},
    {"Condition::wait", taken<decltype(some<Condition>().wait(std::move(some<Guard>())))>()},
    {"Event::wait", taken<decltype(some<Event>().wait())>()},
    {"Latch::wait", taken<decltype(some<Latch>().wait())>()},
    {"StopToken::stopped", taken<decltype(some<StopToken>().stopped())>()},
    {"Barrier::arrive_and_wait", taken<decltype(some<Barrier>().arrive_and_wait())>()},
    {"OnceCell::get_or_init",
     taken<decltype(some<OnceCell<int>>().get_or_init(some<Work (*)()>()))>()},
    {"Sender::send", taken<decltype(some<Sender<int>>().send(1))>()},
    {"Sender::send_all", taken<decltype(some<Sender<int>>().send_all(some<std::span<int>>()))>()},
    {"Sender::reserve", taken<decltype(some<Sender<int>>().reserve())>()},
    {"Sender::closed", taken<decltype(some<Sender<int>>().closed())>()},
    {"OneshotSender::closed", taken<decltype(some<OneshotSender<int>>().closed())>()},
    {"Receiver::receive", taken<decltype(some<Receiver<int>>().receive())>()},
    {"receive_many",
     taken<decltype(some<Receiver<int>>().receive_many(some<std::vector<int>>(), 1))>()},
    {"OneshotReceiver::receive", taken<decltype(some<OneshotReceiver<int>>().receive())>()},
    {"BroadcastReceiver::receive", taken<decltype(some<BroadcastReceiver<int>>().receive())>()},
    {"WatchReceiver::changed", taken<decltype(some<WatchReceiver<int>>().changed())>()},
    {"when_all", taken<decltype(when_all(made<Work>(), made<Work>()))>()},
    {"when_any", taken<decltype(when_any(made<Work>(), made<Work>()))>()},
    {"when_any_fair", taken<decltype(when_any_fair(made<Work>(), made<Work>()))>()},
    {"try_all", taken<decltype(try_all(made<Try>(), made<Try>()))>()},
    {"first_ok", taken<decltype(first_ok(made<Try>(), made<Try>()))>()},
    {"timeout", taken<decltype(timeout(Duration(), made<Work>()))>()},
    {"retry", taken<decltype(retry(RetryPolicy(), some<Try (*)()>()))>()},
    {"with_deadline", taken<decltype(with_deadline(Instant(), made<Work>()))>()},
    {"TaskLocal::scope", taken<decltype(some<TaskLocal<int>>().scope(1, some<Work (*)()>()))>()},
    {"with_group", taken<decltype(with_group(some<Task<> (*)(TaskGroup&)>()))>()},
    {"shield", taken<decltype(shield(made<Work>()))>()},
    {"finally", taken<decltype(finally(made<Work>(), some<Task<> (*)()>()))>()},
    {"finally_within",
     taken<decltype(finally_within(Duration(), made<Work>(), some<Task<> (*)()>()))>()},
};

std::vector<std::string> between(std::string_view text, char mark) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == mark) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// The operations of the page, and what it says of each.
std::map<std::string, std::string> read_page() {
  std::ifstream page(EDDY_CANCELLATION_PAGE);
  std::map<std::string, std::string> said;
  bool in_table = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| operation |")) {
      in_table = true;
    } else if (in_table && line.starts_with("| ")) {
      const std::vector<std::string> cells = between(line, '|');
      const std::vector<std::string> names = between(cells.at(1), '`');
      const std::string& how = cells.at(3);
      for (std::size_t i = 1; i < names.size(); i += 2) {
        if (names[i] == "writable" && said.contains("writable")) continue;  // as that of a stream
        EXPECT_TRUE(said.emplace(names[i], how.substr(1, how.size() - 2)).second) << names[i];
      }
    }
  }
  return said;
}

TEST(CancellationPage, SaysOfEachOperationWhetherWhenAnyTakesIt) {
  const std::map<std::string, std::string> said = read_page();
  for (const auto& [name, how] : kOperations) {
    const auto row = said.find(name);
    if (row == said.end()) {
      ADD_FAILURE() << "docs/cancellation.md does not name " << name;
    } else {
      EXPECT_EQ(row->second, how) << name;
    }
  }
  for (const auto& [name, how] : said) EXPECT_TRUE(kOperations.contains(name)) << name;
}

}  // namespace
}  // namespace eddy
