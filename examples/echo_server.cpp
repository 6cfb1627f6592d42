// Sends back what it receives. SIGUSR1 (Windows: Ctrl-Break) prints where each task waits; SIGINT
// or SIGTERM ends it.
// SPDX-License-Identifier: MIT
#include "common.hpp"
#include "report_signal.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <system_error>
#include <utility>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

struct Options {
  SocketAddress listen;
  Duration drain_timeout = 5s;
};

/// The loop ends with the connection, or with its first error.
Task<> echo(TcpStream stream, BufferPool& buffers) {
  static_cast<void>(stream.set_nodelay(true));
  while (const Result<PooledBuffer> bytes = co_await stream.read(buffers)) {
    if (bytes->empty() || !co_await stream.write_all(*bytes)) co_return;
  }
}

/// Ends only if the listener fails.
Task<std::error_code> accept_all(TcpListener& listener, TaskGroup& connections,
                                 BufferPool& buffers) {
  for (;;) {
    Result<Accepted> accepted = co_await listener.accept();
    if (!accepted) co_return accepted.error();
    connections.spawn(echo, std::move(accepted->stream), std::ref(buffers));
  }
}

/// Ends at SIGINT or SIGTERM; or with an error, if it cannot wait for signals.
Task<std::error_code> until_stopped(SignalSet& signals) {
  for (;;) {
    const Result<int> signal = co_await signals.next();
    if (!signal) co_return signal.error();
    if (*signal != example::kReportSignal) co_return std::error_code();
    dump_tasks_to_stderr();
  }
}

Task<int> serve(const Options& options) {
  Result<SignalSet> signals = SignalSet::create({SIGINT, SIGTERM, example::kReportSignal});
  if (!signals) co_return example::complain("cannot listen for signals", signals.error());
  Result<TcpListener> listener = example::listen(options.listen);
  if (!listener) co_return 1;

  BufferPool buffers(std::size_t{64} << 10);
  int exit_code = 0;
  const auto body = [&](TaskGroup& connections) -> Task<> {
    const auto first =
        co_await when_any(accept_all(*listener, connections, buffers), until_stopped(*signals));
    if (first.index() == 0) {
      exit_code = example::complain("cannot accept", std::get<0>(first));
    } else if (const std::error_code deaf = std::get<1>(first)) {
      exit_code = example::complain("cannot listen for signals", deaf);
    }
    listener->close();
    // A second signal ends the server without waiting for the clients.
    co_await when_any(connections.idle(), until_stopped(*signals),
                      sleep_for(options.drain_timeout));
    connections.cancel();
  };
  co_await with_group(body);
  co_return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Sends back what it receives.", "echo_server");
  app.set_version_flag("--version", EDDY_VERSION);
  example::add_address(app, "--listen", options.listen, "where to listen; port 0 chooses one");
  example::add_duration(app, "--drain-timeout", options.drain_timeout,
                        "how long clients may go on after SIGINT or SIGTERM (default 5s)");
  app.footer(std::string(example::kReportSignalName) + " prints where each task waits.");
  CLI11_PARSE(app, argc, argv);
  return block_on(serve(options));
}
