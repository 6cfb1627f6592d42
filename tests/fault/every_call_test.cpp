// An echo service behind a proxy, in which each kernel call fails in turn: call k with error e, for
// each e and each k, until a run meets no fault.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

/// Bytes that differ from message to message.
std::vector<char> message(std::size_t size, int seed) {
  std::vector<char> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 31 + static_cast<std::size_t>(seed));
  return bytes;
}

enum class Outcome { whole, broken, hung, wrong_bytes };

/// A client that does not use eddy. It sends three messages and reads them back; the second is
/// larger than one read takes. Then it ends the stream.
Outcome talk_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Outcome outcome = Outcome::whole;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    outcome = Outcome::broken;
  }
  for (int seed = 1; seed <= 3 && outcome == Outcome::whole; ++seed) {
    const std::vector<char> sent = message(seed == 2 ? 40'000 : 1000, seed);
    std::vector<char> received(sent.size());
    if (::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size())) {
      outcome = Outcome::broken;
    } else if (const ssize_t n = ::recv(fd, received.data(), received.size(), MSG_WAITALL);
               n != static_cast<ssize_t>(received.size())) {
      outcome = n < 0 && errno == EAGAIN ? Outcome::hung : Outcome::broken;
    } else if (sent != received) {
      outcome = Outcome::wrong_bytes;
    }
  }
  if (outcome == Outcome::whole) {
    ::shutdown(fd, SHUT_WR);
    char rest = 0;
    const ssize_t n = ::recv(fd, &rest, 1, 0);
    if (n != 0) outcome = n < 0 && errno == EAGAIN ? Outcome::hung : Outcome::broken;
  }
  ::close(fd);
  return outcome;
}

/// The errors that the service's operations reported.
struct Log {
  std::vector<std::error_code> errors;

  bool has(int error) const {
    return std::any_of(errors.begin(), errors.end(),
                       [&](const std::error_code& e) { return e.value() == error; });
  }
};

eddy::BufferPool pool(4096);

/// Reads alternately into a buffer of its own and into one of the pool.
eddy::Task<> echo(eddy::TcpStream stream, Log& log) {
  std::array<std::byte, 4096> buffer;
  for (bool pooled = true;; pooled = !pooled) {
    eddy::PooledBuffer lent;
    eddy::Result<std::size_t> n = 0;
    if (pooled) {
      eddy::Result<eddy::PooledBuffer> read = co_await stream.read(pool);
      if (read) {
        lent = std::move(*read);
        n = lent.size();
      } else {
        n = std::unexpected(read.error());
      }
    } else {
      n = co_await stream.read(buffer);
    }
    if (!n) log.errors.push_back(n.error());
    if (!n || *n == 0) co_return;
    const eddy::Result<> written = co_await stream.write_all(
        pooled ? std::span<const std::byte>(lent) : std::span<const std::byte>(buffer).first(*n));
    if (!written) {
      log.errors.push_back(written.error());
      co_return;
    }
  }
}

/// Throws each error, so that `when_all` cancels the other direction too.
eddy::Task<> copy(eddy::TcpStream& from, eddy::TcpStream& to) {
  eddy::Conduit conduit;
  while (co_await eddy::ok(conduit.fill(from)) != 0) {
    while (!conduit.empty()) co_await eddy::ok(conduit.drain(to));
  }
  if (const eddy::Result<> ended = to.shutdown(eddy::ShutdownHow::write); !ended) {
    throw std::system_error(ended.error());
  }
}

eddy::Task<> relay(eddy::TcpStream client, eddy::SocketAddress backend, Log& log) {
  eddy::Result<eddy::TcpStream> server = co_await eddy::TcpStream::connect(backend);
  if (!server) {
    log.errors.push_back(server.error());
    co_return;
  }
  try {
    co_await eddy::when_all(copy(client, *server), copy(*server, client));
  } catch (const std::system_error& error) {
    log.errors.push_back(error.code());
  }
}

template <class Serve>
eddy::Task<> accept_all(eddy::TcpListener listener, Log& log, Serve serve) {
  for (;;) {
    eddy::Result<eddy::Accepted> stream = co_await listener.accept();
    if (stream) {
      eddy::spawn(serve, std::move(stream->stream)).detach();
    } else {
      log.errors.push_back(stream.error());
    }
  }
}

struct Session {
  std::vector<Outcome> outcomes;
  Log log;
  std::optional<std::error_code> setup_error;
};

eddy::Task<eddy::Result<>> serve_clients(Session& session) {
  eddy::Result<eddy::TcpListener> backend =
      eddy::TcpListener::bind(eddy::SocketAddress::loopback(0));
  if (!backend) co_return std::unexpected(backend.error());
  eddy::Result<eddy::TcpListener> front = eddy::TcpListener::bind(eddy::SocketAddress::loopback(0));
  if (!front) co_return std::unexpected(front.error());
  const eddy::Result<eddy::SocketAddress> backend_address = backend->local_address();
  if (!backend_address) co_return std::unexpected(backend_address.error());
  const eddy::Result<eddy::SocketAddress> front_address = front->local_address();
  if (!front_address) co_return std::unexpected(front_address.error());

  Log& log = session.log;
  const auto echo_one = [&log](eddy::TcpStream stream) { return echo(std::move(stream), log); };
  const auto relay_one = [&log, to = *backend_address](eddy::TcpStream stream) {
    return relay(std::move(stream), to, log);
  };
  eddy::spawn(accept_all<decltype(echo_one)>, std::move(*backend), std::ref(log), echo_one)
      .detach();
  eddy::spawn(accept_all<decltype(relay_one)>, std::move(*front), std::ref(log), relay_one)
      .detach();

  std::atomic<bool> over = false;
  const eddy::Waker waker = co_await eddy::current_waker();
  std::thread client([&] {
    for (int i = 0; i < 3; ++i) session.outcomes.push_back(talk_to(front_address->port()));
    over = true;
    waker.wake();
  });
  while (!over) co_await eddy::suspend();
  client.join();
  co_return {};
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Session run_once() {
  Session session;
  if (const eddy::Result<> served = eddy::block_on(serve_clients(session)); !served) {
    session.setup_error = served.error();
  }
  return session;
}

/// Checks what must hold in every run, whatever failed.
void check(const Session& session, std::optional<fault::Call> met, fault::Kind kind) {
  const bool is_error = met && !kind.is_short();
  if (session.setup_error) {
    ASSERT_TRUE(is_error);
    EXPECT_EQ(session.setup_error->value(), kind.error_number());
    return;
  }
  ASSERT_EQ(session.outcomes.size(), 3U);
  EXPECT_EQ(std::count(session.outcomes.begin(), session.outcomes.end(), Outcome::hung), 0);
  EXPECT_EQ(std::count(session.outcomes.begin(), session.outcomes.end(), Outcome::wrong_bytes), 0);
  const auto broken = std::count(session.outcomes.begin(), session.outcomes.end(), Outcome::broken);
  EXPECT_LE(broken, 1) << "a fault of one connection reached another";
  // Only the operation itself may see interruptions, "would block" and short transfers.
  const bool transfer =
      met && (*met == fault::Call::receive || *met == fault::Call::send ||
              *met == fault::Call::splice_from_socket || *met == fault::Call::splice_to_socket);
  const bool silent = !is_error || kind.error_number() == EINTR || kind.error_number() == EAGAIN;
  if (transfer && silent) {
    EXPECT_EQ(broken, 0);
    EXPECT_TRUE(session.log.errors.empty());
  }
  if (transfer && !silent) {
    EXPECT_TRUE(session.log.has(kind.error_number())) << "the error reached no awaiter";
  }
}

class EveryCall : public testing::TestWithParam<int> {};

fault::Kind kind_of(int parameter) {
  return parameter == 0 ? fault::Kind::short_transfer() : fault::Kind::error(parameter);
}

TEST_P(EveryCall, ThatFailsGivesATypedErrorAndLosesNothingElse) {
  const fault::Kind kind = kind_of(GetParam());
  run_once();  // makes the thread's reactor and worker
  const std::size_t descriptors = open_descriptors();
  fault::reset_counts();

  std::size_t k = 0;
  for (;; ++k) {
    fault::arm(k, kind);
    const Session session = run_once();
    const std::optional<fault::Call> met = fault::disarm();
    SCOPED_TRACE("call " + std::to_string(k) + (met ? ", " + fault::name_of(*met) : "") + ": " +
                 kind.name());
    check(session, met, kind);
    ASSERT_EQ(open_descriptors(), descriptors) << "a descriptor leaked";
    ASSERT_EQ(pool.lent(), 0U) << "a buffer leaked";
    if (HasFailure() || !met) break;
  }
  EXPECT_GT(fault::count_of(fault::Call::splice_from_socket), 0U) << "a flood was copied";
  EXPECT_GT(fault::count_of(fault::Call::splice_to_socket), 0U);
  EXPECT_GE(k, GetParam() == 0 || GetParam() == EAGAIN ? 10U : 20U) << "too few calls were tried";
}

INSTANTIATE_TEST_SUITE_P(Errors, EveryCall,
                         testing::Values(0, EINTR, EAGAIN, EMFILE, ENFILE, ENOMEM, ENOBUFS,
                                         ECONNABORTED, ECONNRESET, EPIPE),
                         [](const testing::TestParamInfo<int>& error) -> std::string {
                           return error.param == 0 ? "Short" : strerrorname_np(error.param);
                         });

}  // namespace
