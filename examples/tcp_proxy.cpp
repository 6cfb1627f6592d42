// Passes TCP connections on to a backend. SIGUSR1 (Windows: Ctrl-Break) prints the counts; SIGINT
// or SIGTERM ends it.
// SPDX-License-Identifier: MIT
#include "common.hpp"
#include "report_signal.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

struct Options {
  SocketAddress listen;
  SocketAddress to;
  Duration connect_timeout = 10s;
  Duration idle_timeout = Duration::max();
  Duration drain_timeout = 5s;
};

/// One direction of a proxied connection.
struct Way {
  std::uint64_t& total;  ///< the bytes of all connections in this direction
  bool ended = false;    ///< all bytes and the end of the stream were passed on
  bool refused = false;  ///< the receiver accepts no more bytes

  bool over() const { return ended || refused; }
};

/// Closes with a reset, so that the peer does not take the bytes that it has for the whole.
void reset(TcpStream& stream) {
  static_cast<void>(stream.set_reset_on_close(true));
  stream.close();
}

class Proxy {
 public:
  explicit Proxy(const Options& options) : options_(options) {}

  /// Ends only if the listener fails.
  Task<std::error_code> accept_all(TcpListener& listener, TaskGroup& connections) {
    for (;;) {
      Result<Accepted> accepted = co_await listener.accept();
      if (!accepted) co_return accepted.error();
      connections.spawn(serve, this, std::move(accepted->stream));
    }
  }

  /// Ends at SIGINT or SIGTERM; or with an error, if it cannot wait for signals.
  Task<std::error_code> until_stopped(SignalSet& signals, const TcpListener& listener) {
    for (;;) {
      const Result<int> signal = co_await signals.next();
      if (!signal) co_return signal.error();
      if (*signal != example::kReportSignal) co_return std::error_code();
      report(listener);
    }
  }

  void report(const TcpListener& listener) const {
    const auto print = [](const char* what, std::uint64_t count) {
      std::fprintf(stderr, "%s%llu", what, static_cast<unsigned long long>(count));
    };
    print("connections: ", accepted_);
    print(", open: ", open_);
    print(", not connected: ", unconnected_);
    print(", broken: ", broken_);
    print(", idle: ", idle_);
    print(", shed: ", listener.shed_count());
    print(", retried: ", listener.retry_count());
    print("; bytes to backend: ", to_backend_);
    print(", to clients: ", to_clients_);
    std::fputc('\n', stderr);
  }

 private:
  static Task<> serve(Proxy* proxy, TcpStream client) {
    ++proxy->accepted_;
    ++proxy->open_;
    co_await proxy->relay(client);
    --proxy->open_;
  }

  Task<> relay(TcpStream& client) {
    Result<TcpStream> backend =
        co_await timeout(options_.connect_timeout, TcpStream::connect(options_.to));
    if (!backend) {
      note_unconnected(backend.error());
      reset(client);
      co_return;
    }
    static_cast<void>(client.set_nodelay(true));
    static_cast<void>(backend->set_nodelay(true));
    Way up{to_backend_};
    Way down{to_clients_};
    Instant last_byte = Clock::now();
    try {
      const auto first = co_await when_any(when_all(copy(client, *backend, up, down, last_byte),
                                                    copy(*backend, client, down, up, last_byte)),
                                           silence(last_byte));
      if (first.index() == 1) ++idle_;
    } catch (const std::system_error&) {
      ++broken_;
      if (!up.ended) reset(*backend);
      if (!down.ended) reset(client);
    }
  }

  /// Copies to the end of `from`, and passes the end on. Throws an error. Reads nothing while `to`
  /// has no room: that is the back-pressure. If `to` refuses bytes, the direction `back` goes on: a
  /// server may answer and close before it has read all, and the answer must not be lost.
  Task<> copy(TcpStream& from, TcpStream& to, Way& way, const Way& back, Instant& last_byte) {
    Conduit conduit;
    for (;;) {
      const std::size_t held = co_await ok(conduit.fill(from));
      if (held == 0) break;
      while (!conduit.empty()) {
        const Result<std::size_t> passed = co_await conduit.drain(to);
        if (!passed) {
          way.refused = true;
          if (back.over()) throw std::system_error(passed.error());
          co_return;
        }
        way.total += *passed;
        last_byte = Clock::now();
      }
    }
    // A stream reports its reset once. If the other direction got it, this may not be the true end.
    if (back.refused) throw std::system_error(make_error_code(std::errc::connection_reset));
    if (const Result<> ended = to.shutdown(ShutdownHow::write); !ended) {
      throw std::system_error(ended.error());
    }
    way.ended = true;
    if (back.over()) {
      to.close();  // ends the wait of the other direction: `to` sends and takes no more bytes
      co_return;
    }
    // Nobody reads `from` now. If its connection ends, nobody takes the bytes that come back.
    const Result<> closed = co_await from.closed();
    if (closed && !back.over()) {
      reset(to);
      throw std::system_error(make_error_code(std::errc::connection_reset));
    }
  }

  /// Completes when no byte has passed for the length of the idle timeout.
  Task<> silence(const Instant& last_byte) {
    while (Clock::now() - last_byte < options_.idle_timeout) {
      co_await sleep_for(options_.idle_timeout - (Clock::now() - last_byte));
    }
  }

  /// Prints the reason, but not a thousand times a second.
  void note_unconnected(std::error_code error) {
    ++unconnected_;
    if (Clock::now() < quiet_until_) return;
    quiet_until_ = Clock::now() + 1s;
    example::complain("cannot connect to " + options_.to.to_string(), error);
  }

  const Options& options_;
  std::uint64_t accepted_ = 0;
  std::uint64_t open_ = 0;
  std::uint64_t unconnected_ = 0;
  std::uint64_t broken_ = 0;
  std::uint64_t idle_ = 0;
  std::uint64_t to_backend_ = 0;
  std::uint64_t to_clients_ = 0;
  Instant quiet_until_{};
};

Task<int> serve(const Options& options) {
  Result<SignalSet> signals = SignalSet::create({SIGINT, SIGTERM, example::kReportSignal});
  if (!signals) co_return example::complain("cannot listen for signals", signals.error());
  Result<TcpListener> listener = example::listen(options.listen);
  if (!listener) co_return 1;

  Proxy proxy(options);
  int exit_code = 0;
  const auto body = [&](TaskGroup& connections) -> Task<> {
    const auto first = co_await when_any(proxy.accept_all(*listener, connections),
                                         proxy.until_stopped(*signals, *listener));
    if (first.index() == 0) {
      exit_code = example::complain("cannot accept", std::get<0>(first));
    } else if (const std::error_code deaf = std::get<1>(first)) {
      exit_code = example::complain("cannot listen for signals", deaf);
    }
    listener->close();
    // A second signal ends the proxy without waiting for the clients.
    co_await when_any(connections.idle(), proxy.until_stopped(*signals, *listener),
                      sleep_for(options.drain_timeout));
    connections.cancel();
  };
  co_await with_group(body);
  proxy.report(*listener);
  co_return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Passes TCP connections on to a backend.", "tcp_proxy");
  app.set_version_flag("--version", EDDY_VERSION);
  example::add_address(app, "--listen", options.listen, "where to listen; port 0 chooses one");
  example::add_address(app, "--to", options.to, "the backend");
  example::add_duration(app, "--connect-timeout", options.connect_timeout,
                        "how long the backend may take to accept (default 10s)");
  example::add_duration(app, "--idle-timeout", options.idle_timeout,
                        "closes a connection on which no byte passes for so long (default: never)");
  example::add_duration(app, "--drain-timeout", options.drain_timeout,
                        "how long clients may go on after SIGINT or SIGTERM (default 5s)");
  app.footer(std::string(example::kReportSignalName) + " prints the counts.");
  CLI11_PARSE(app, argc, argv);
  return block_on(serve(options));
}
