// Drives an echo server: keeps requests in flight on many connections, checks every byte that comes
// back, and measures how long each answer took. Fails on any error, or if a byte is lost.
// SPDX-License-Identifier: MIT
#include "common.hpp"
#include "histogram.hpp"
#include "pattern.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

constexpr std::size_t kConnectingAtOnce = 128;
constexpr Duration kGrace = 10s;  ///< for the answers that are missing when the time is over
constexpr int kMaxComplaints = 5;

struct Options {
  SocketAddress to;
  std::size_t connections = 1;
  std::size_t size = 64;
  std::size_t depth = 1;
  Duration duration = 5s;
  Duration connect_timeout = 10s;
  bool json = false;
  bool quiet = false;
};

struct Connection {
  TcpStream stream{Fd()};
  std::uint64_t origin = 0;     ///< the offset in the pattern at which it begins
  std::uint64_t requested = 0;  ///< the number of bytes of all requests so far
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;         ///< the number of whole answers
  std::vector<Instant> requested_at;  ///< when request n began, at index n modulo depth
  bool ended = false;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), connections_(options.connections) {}

  Task<int> run(SignalSet& signals) {
    std::vector<Task<>> connectors;
    for (std::size_t i = 0; i < std::min(connections_.size(), kConnectingAtOnce); ++i) {
      connectors.push_back(connect_every(i));
    }
    co_await when_all(std::move(connectors));
    if (connect_error_) {
      co_return example::complain("cannot connect to " + options_.to.to_string(), connect_error_);
    }
    start_ = Clock::now();
    deadline_ = start_ + options_.duration;
    const auto body = [&](TaskGroup& group) -> Task<> {
      for (Connection& connection : connections_) {
        group.spawn(&Load::drive, this, std::ref(connection));
      }
      const auto first = co_await when_any(group.idle(), sleep_until(deadline_), signals.next());
      note_signal(first);
      deadline_ = std::min(deadline_, Clock::now());
      const auto second = co_await when_any(group.idle(), sleep_for(kGrace), signals.next());
      note_signal(second);
      group.cancel();
    };
    co_await when_any(with_group(body), show_progress());
    seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
    co_return report();
  }

 private:
  /// A signal ends the measurement early. If it cannot listen for signals, the program fails.
  template <class First>
  void note_signal(const First& first) {
    const Result<int>* const signal = std::get_if<2>(&first);
    if (signal == nullptr || *signal) return;
    example::complain("cannot listen for signals", signal->error());
    ++errors_;
  }

  /// Opens every `kConnectingAtOnce`-th connection, from `index` on.
  Task<> connect_every(std::size_t index) {
    for (; index < connections_.size() && !connect_error_; index += kConnectingAtOnce) {
      Result<TcpStream> stream =
          co_await timeout(options_.connect_timeout, TcpStream::connect(options_.to));
      if (!stream) {
        connect_error_ = stream.error();
        co_return;
      }
      static_cast<void>(stream->set_nodelay(true));
      Connection& connection = connections_[index];
      connection.stream = std::move(*stream);
      connection.origin = index * 7919;
    }
  }

  Task<> drive(Connection& connection) {
    Result<> ended = co_await exchange(connection);
    if (ended) ended = co_await finish(connection);
    connection.ended = true;
    if (!ended && ++errors_ <= kMaxComplaints) {
      example::complain("connection " + std::to_string(&connection - connections_.data()),
                        ended.error());
    }
  }

  /// Sends requests and reads answers until the time is over and every request is answered.
  Task<Result<>> exchange(Connection& connection) {
    TcpStream& stream = connection.stream;
    connection.requested = options_.depth * options_.size;
    connection.requested_at.assign(options_.depth, Clock::now());
    while (connection.received != connection.requested) {
      if (const Result<> sent = send(connection); !sent) co_return sent;
      if (connection.sent == connection.requested) {
        co_await ok(stream.readable());
      } else {
        co_await when_any(stream.readable(), stream.writable());
      }
      const Result<std::size_t> count = stream.try_read(buffer_);
      if (example::would_block(count)) continue;
      if (!count) co_return std::unexpected(count.error());
      if (*count == 0) co_return std::unexpected(make_error_code(Error::end_of_stream));
      if (!check(connection, std::span(buffer_).first(*count))) {
        co_return failure(std::errc::bad_message);
      }
    }
    co_return {};
  }

  /// Sends as much as the socket has room for.
  Result<> send(Connection& connection) {
    while (connection.sent != connection.requested) {
      const Result<std::size_t> count = connection.stream.try_write(
          pattern_.at(connection.origin + connection.sent, connection.requested - connection.sent));
      if (example::would_block(count)) break;
      if (!count) return std::unexpected(count.error());
      connection.sent += *count;
    }
    return {};
  }

  /// Checks the bytes that came back, and makes new requests. False if the bytes are not those that
  /// were sent.
  bool check(Connection& connection, std::span<const std::byte> bytes) {
    if (bytes.size() > connection.sent - connection.received) return false;
    const auto expected = pattern_.at(connection.origin + connection.received, bytes.size());
    if (!std::ranges::equal(bytes, expected)) return false;
    connection.received += bytes.size();

    const Instant now = Clock::now();
    for (; connection.answered < connection.received / options_.size; ++connection.answered) {
      Instant& began = connection.requested_at[connection.answered % options_.depth];
      latencies_.add(now - began);
      if (now >= deadline_) continue;
      began = now;
      connection.requested += options_.size;
    }
    return true;
  }

  /// After the end of this side, the peer must send nothing more, and end its side.
  Task<Result<>> finish(Connection& connection) {
    if (const Result<> ended = connection.stream.shutdown(ShutdownHow::write); !ended) {
      co_return ended;
    }
    std::array<std::byte, 1> more{};
    if (co_await ok(connection.stream.read(more)) != 0) co_return failure(std::errc::bad_message);
    connection.stream.close();
    co_return {};
  }

  Task<> show_progress() {
    Interval second(start_ + 1s, 1s, MissedTick::skip);
    std::uint64_t before = 0;
    for (;;) {
      const Instant now = co_await second.tick();
      if (options_.quiet) continue;
      const std::uint64_t total = latencies_.total();
      std::fprintf(stderr, "%3lld s  %9llu requests/s  p99 %.3f ms  %llu errors\n",
                   static_cast<long long>((now - start_) / 1s),
                   static_cast<unsigned long long>(total - before), milliseconds(0.99),
                   static_cast<unsigned long long>(errors_));
      before = total;
    }
  }

  double milliseconds(double fraction) const { return in_ms(latencies_.percentile(fraction)); }
  static double in_ms(Duration length) {
    return std::chrono::duration<double, std::milli>(length).count();
  }

  /// Prints the figures, and returns the exit code.
  int report() {
    std::uint64_t lost = 0;
    std::uint64_t sent = 0;
    for (const Connection& connection : connections_) {
      if (!connection.ended) ++errors_;
      sent += connection.sent;
      lost += connection.sent - connection.received;
    }
    const double rate = static_cast<double>(latencies_.total()) / seconds_;
    const char* const format =
        options_.json
            ? "{\"connections\": %zu, \"size\": %zu, \"depth\": %zu, \"seconds\": %.3f, "
              "\"requests\": %llu, \"requests_per_second\": %.1f, \"mb_per_second\": %.3f, "
              "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"p999_ms\": %.4f, \"max_ms\": %.4f, "
              "\"bytes\": %llu, \"lost_bytes\": %llu, \"errors\": %llu}\n"
            : "connections  %zu, %zu bytes a request, %zu in flight on each\n"
              "time         %.3f s\n"
              "requests     %llu, %.0f a second\n"
              "throughput   %.1f MB/s each way\n"
              "latency      p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms\n"
              "bytes        %llu sent, %llu lost\n"
              "errors       %llu\n";
    std::printf(format, options_.connections, options_.size, options_.depth, seconds_,
                static_cast<unsigned long long>(latencies_.total()), rate,
                rate * static_cast<double>(options_.size) / 1e6, milliseconds(0.5),
                milliseconds(0.99), milliseconds(0.999), in_ms(latencies_.max()),
                static_cast<unsigned long long>(sent), static_cast<unsigned long long>(lost),
                static_cast<unsigned long long>(errors_));
    return errors_ == 0 && lost == 0 ? 0 : 1;
  }

  const Options& options_;
  const example::Pattern pattern_;
  std::vector<Connection> connections_;
  /// The bytes of the last read. No task waits while it uses them, so one buffer is enough.
  std::array<std::byte, example::Pattern::kLongest> buffer_;
  example::Histogram latencies_;
  Instant start_{};
  Instant deadline_{};
  double seconds_ = 0;
  std::error_code connect_error_;
  std::uint64_t errors_ = 0;
};

Task<int> run(const Options& options) {
  Result<SignalSet> signals = SignalSet::create({SIGINT, SIGTERM});
  if (!signals) co_return example::complain("cannot listen for signals", signals.error());
  const auto load = std::make_unique<Load>(options);
  co_return co_await load->run(*signals);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Drives an echo server, and checks every byte that comes back.", "load");
  app.set_version_flag("--version", EDDY_VERSION);
  const CLI::Range count(1, 1'000'000);
  const CLI::Range size(1, 1 << 30);
  example::add_address(app, "--to", options.to, "the echo server");
  app.add_option("--connections", options.connections, "how many at once")
      ->check(count)
      ->capture_default_str();
  app.add_option("--size", options.size, "bytes of a request, such as 64, 4K or 1M")
      ->check(size)
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  app.add_option("--depth", options.depth, "requests in flight on each connection")
      ->check(count)
      ->capture_default_str();
  example::add_duration(app, "--duration", options.duration,
                        "for how long requests are sent (default 5s)");
  example::add_duration(app, "--connect-timeout", options.connect_timeout,
                        "how long the server may take to accept (default 10s)");
  app.add_flag("--json", options.json, "prints the figures as JSON");
  app.add_flag("--quiet", options.quiet, "prints no line each second");
  CLI11_PARSE(app, argc, argv);
  return block_on(run(options));
}
