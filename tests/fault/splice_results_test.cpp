// What a conduit does for each result of splice(2), with and without a SIGPIPE.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "fault/scripted_splice.hpp"
#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <pthread.h>
#include <unistd.h>

namespace eddy {
namespace {

using fault::ScriptedSplices;
using fault::SpliceAnswer;
using fault::SpliceEnd;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr std::size_t kFlood = 600'000;
constexpr std::size_t kFewFills = 100'000;

volatile std::sig_atomic_t delivered = 0;
void count_signal(int) { delivered = delivered + 1; }

/// True if the calling thread has a SIGPIPE pending, for itself ("SigPnd") or the process
/// ("ShdPnd").
bool is_pending(const std::string& whose) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(whose + ":", 0) != 0) continue;
    return (std::stoull(line.substr(whose.size() + 1), nullptr, 16) >> (SIGPIPE - 1) & 1) != 0;
  }
  ADD_FAILURE() << "no " << whose;
  return false;
}

/// What the program has set for SIGPIPE before.
enum class Before : std::uint8_t {
  nothing,
  blocked,
  pending_for_the_thread,
  pending_for_the_process
};

/// While it lives, counts the SIGPIPEs that are delivered. Blocks SIGPIPE, or also makes one
/// pending, as it is told.
class Sigpipe {
 public:
  explicit Sigpipe(Before before) : before_(before) {
    delivered = 0;
    struct sigaction action{};
    action.sa_handler = count_signal;
    ::sigaction(SIGPIPE, &action, &action_before_);
    if (before == Before::nothing) return;
    sigset_t sigpipe = only_sigpipe();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    if (before == Before::pending_for_the_thread) ::pthread_kill(::pthread_self(), SIGPIPE);
    if (before == Before::pending_for_the_process) ::kill(::getpid(), SIGPIPE);
  }
  Sigpipe(const Sigpipe&) = delete;
  Sigpipe& operator=(const Sigpipe&) = delete;
  ~Sigpipe() {
    sigset_t sigpipe = only_sigpipe();
    ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
    ::sigaction(SIGPIPE, &action_before_, nullptr);
  }

  /// Checks that the same signals are pending as before, and that none was delivered.
  void expect_as_before() const {
    EXPECT_EQ(delivered, 0);
    EXPECT_EQ(is_pending("SigPnd"), before_ == Before::pending_for_the_thread);
    EXPECT_EQ(is_pending("ShdPnd"), before_ == Before::pending_for_the_process);
    sigset_t blocked{};
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&blocked, SIGPIPE) == 1, before_ != Before::nothing);
  }

 private:
  static sigset_t only_sigpipe() {
    sigset_t set{};
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    return set;
  }

  Before before_;
  struct sigaction action_before_{};
};

/// Two connections, and the conduit between them.
struct Route {
  TcpPair in;
  TcpPair out;
  Conduit conduit;
};

/// Carries all bytes that come in, and passes the end of the stream on.
Task<Result<>> carry(Route& route) {
  Conduit& conduit = route.conduit;
  while (co_await ok(conduit.fill(route.in.server)) != 0) {
    while (!conduit.empty()) co_await ok(conduit.drain(route.out.client));
  }
  co_return route.out.client.shutdown(ShutdownHow::write);
}

/// Sends a flood and the end of the stream, and reads the output to its end.
Task<std::vector<std::byte>> pass_a_flood(Route& route) {
  std::vector<std::byte> received;
  const auto send = [&]() -> Task<> {
    const std::vector<std::byte> data = test::pattern(kFlood);
    EXPECT_TRUE(succeeded(co_await route.in.client.write_all(data)));
    EXPECT_TRUE(succeeded(route.in.client.shutdown(ShutdownHow::write)));
  };
  const auto carry_it = [&]() -> Task<> { EXPECT_TRUE(succeeded(co_await carry(route))); };
  const auto receive = [&]() -> Task<> {
    std::vector<std::byte> block(65536);
    for (;;) {
      const Result<std::size_t> n = co_await route.out.server.read(block);
      EXPECT_TRUE(succeeded(n));
      if (n.value_or(0) == 0) co_return;
      received.insert(received.end(), block.begin(),
                      block.begin() + static_cast<std::ptrdiff_t>(*n));
    }
  };
  co_await when_all(send(), carry_it(), receive());
  co_return received;
}

struct Case {
  const char* name;
  SpliceAnswer answer;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

constexpr Case kPartAndSigpipe = {"PartAndSigpipe", {.most = 5000, .raises = true}};
constexpr Case kOrderly[] = {
    {"Part", {.most = 5000}},
    {"Zero", {}},
    {"WouldBlock", {.error = EAGAIN}},
    {"Interrupted", {.error = EINTR}},
    {"InvalidArgument", {.error = EINVAL}},
    {"NotSupported", {.error = EOPNOTSUPP}},
    {"NoSuchCall", {.error = ENOSYS}},
    {"NotPermitted", {.error = EPERM}},
    {"AccessDenied", {.error = EACCES}},
};

std::string name_of(Before before) {
  switch (before) {
    case Before::nothing:
      return "SigpipeUnblocked";
    case Before::blocked:
      return "SigpipeBlocked";
    case Before::pending_for_the_thread:
      return "SigpipePendingForTheThread";
    case Before::pending_for_the_process:
      return "SigpipePendingForTheProcess";
  }
  return "";
}

class SpliceToSocket : public testing::TestWithParam<std::tuple<Case, Before>> {};

TEST_P(SpliceToSocket, LosesNothingAndLeavesSigpipeAsItWas) {
  const auto& [what, before] = GetParam();
  Route route;
  run([&]() -> Task<> {
    const Sigpipe sigpipe(before);
    const ScriptedSplices script(SpliceEnd::to_socket, {what.answer, {.most = 4000}, what.answer});
    EXPECT_EQ(co_await pass_a_flood(route), test::pattern(kFlood));
    sigpipe.expect_as_before();
  });
}

class SpliceFromSocket : public testing::TestWithParam<std::tuple<Case, Before>> {};

TEST_P(SpliceFromSocket, LosesNothingAndLeavesSigpipeAsItWas) {
  const auto& [what, before] = GetParam();
  Route route;
  run([&]() -> Task<> {
    const Sigpipe sigpipe(before);
    const ScriptedSplices script(SpliceEnd::from_socket,
                                 {what.answer, {.most = 4000}, what.answer});
    EXPECT_EQ(co_await pass_a_flood(route), test::pattern(kFlood));
    EXPECT_LT(ScriptedSplices::left(), 3U) << "it was never asked";
    sigpipe.expect_as_before();
  });
}

const auto kEachBefore =
    testing::Values(Before::nothing, Before::blocked, Before::pending_for_the_thread,
                    Before::pending_for_the_process);

std::string name_of_each(const testing::TestParamInfo<std::tuple<Case, Before>>& each) {
  return std::string(std::get<0>(each.param).name) + name_of(std::get<1>(each.param));
}

INSTANTIATE_TEST_SUITE_P(Answers, SpliceToSocket,
                         testing::Combine(testing::ValuesIn(kOrderly), kEachBefore), name_of_each);
INSTANTIATE_TEST_SUITE_P(PartialAnswer, SpliceToSocket,
                         testing::Combine(testing::Values(kPartAndSigpipe), kEachBefore),
                         name_of_each);
INSTANTIATE_TEST_SUITE_P(Answers, SpliceFromSocket,
                         testing::Combine(testing::ValuesIn(kOrderly), kEachBefore), name_of_each);

/// Fills the conduit from a flood until its bytes are in a pipe.
Task<> fill_the_pipe(Route& route) {
  const std::vector<std::byte> data = test::pattern(kFewFills);
  EXPECT_TRUE(succeeded(co_await route.in.client.write_all(data)));
  EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));  // opens the pipe
  while (!route.conduit.empty()) {
    EXPECT_TRUE(succeeded(co_await route.conduit.drain(route.out.client)));
  }
  const std::size_t before = fault::count_of(fault::Call::splice_from_socket);
  EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));
  EXPECT_GT(fault::count_of(fault::Call::splice_from_socket), before);
}

class BrokenPipe : public testing::TestWithParam<Before> {};

TEST_P(BrokenPipe, OfASpliceIsAnErrorThatKeepsTheBytesAndRaisesNoSignal) {
  Route route;
  run([&]() -> Task<> {
    co_await fill_the_pipe(route);
    const std::size_t held = route.conduit.size();
    const Sigpipe sigpipe(GetParam());
    const ScriptedSplices script(SpliceEnd::to_socket, {{.error = EPIPE, .raises = true}});
    const Result<std::size_t> drained = co_await route.conduit.drain(route.out.client);
    if (ScriptedSplices::left() == 0) {
      EXPECT_TRUE(failed_with(drained, std::errc::broken_pipe));
      EXPECT_EQ(route.conduit.size(), held);
    } else {
      EXPECT_TRUE(succeeded(drained)) << "with a signal pending it copies, and so cannot raise one";
    }
    sigpipe.expect_as_before();
  });
}

/// The peer has read what came, and closes. It answers later bytes with a reset: after a part of a
/// drain, or before the next one.
TEST_P(BrokenPipe, OfAClosingPeerRaisesNoSignalEvenIfAPartWasSent) {
  std::size_t partial = 0;
  for (const int send_buffer : {4096, 16384, 65536, 1 << 20}) {
    Route route;
    run([&]() -> Task<> {
      EXPECT_TRUE(succeeded(route.out.client.set_send_buffer_size(send_buffer)));
      co_await fill_the_pipe(route);
      std::vector<std::byte> received(65536);
      while (test::drain(route.out.server.raw()) != 0) continue;
      route.out.server.close();
      EXPECT_TRUE(succeeded(co_await route.out.client.read(received)));  // the end of the stream
      const Sigpipe sigpipe(GetParam());
      std::error_code error;
      while (!error && !route.conduit.empty()) {
        const Result<std::size_t> drained = co_await route.conduit.drain(route.out.client);
        if (!drained) error = drained.error();
        if (drained && !route.conduit.empty()) ++partial;
        sigpipe.expect_as_before();
      }
      if (!route.conduit.empty()) {
        EXPECT_EQ(error, std::errc::broken_pipe);
      }
    });
  }
  EXPECT_GT(partial, 0U) << "no part was sent before the reset";
}

INSTANTIATE_TEST_SUITE_P(Sigpipe, BrokenPipe, kEachBefore,
                         [](const testing::TestParamInfo<Before>& each) {
                           return name_of(each.param);
                         });

TEST(ASignalOfSomebodyElse, ThatComesDuringASpliceIsDelivered) {
  Route route;
  run([&]() -> Task<> {
    co_await fill_the_pipe(route);
    const Sigpipe sigpipe(Before::nothing);
    const ScriptedSplices script(
        SpliceEnd::to_socket,
        {{.most = 5000, .and_then = [] { ::pthread_kill(::pthread_self(), SIGPIPE); }}});
    EXPECT_EQ(*co_await route.conduit.drain(route.out.client), 5000U);
    EXPECT_EQ(delivered, 1);
  });
}

TEST(SmallPipes, AreTriedOnceAndNotUsed) {
  Route route;
  run([&]() -> Task<> {
    const fault::SmallPipes small(8192);
    fault::reset_counts();
    EXPECT_EQ(co_await pass_a_flood(route), test::pattern(kFlood));
    EXPECT_EQ(fault::count_of(fault::Call::splice_from_socket), 0U);
    EXPECT_EQ(fault::count_of(fault::Call::create_splice_pipe), 1U);
    EXPECT_EQ(fault::count_of(fault::Call::pipe_capacity), 1U);
  });
}

TEST(ARefusedSplice, IsTriedAgainAfterAMegabyte) {
  Route route;
  run([&]() -> Task<> {
    const ScriptedSplices script(SpliceEnd::from_socket, {{.error = EINVAL}});
    fault::reset_counts();
    for (int i = 0; i < 4; ++i) {
      const auto send = [&]() -> Task<> {
        const std::vector<std::byte> data = test::pattern(kFlood);
        EXPECT_TRUE(succeeded(co_await route.in.client.write_all(data)));
      };
      const auto carry_it = [&]() -> Task<> {
        for (std::size_t passed = 0; passed != kFlood;) {
          EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));
          while (!route.conduit.empty()) {
            passed += (co_await route.conduit.drain(route.out.client)).value_or(0);
          }
        }
      };
      std::vector<std::byte> got(kFlood);
      const auto receive = [&]() -> Task<> {
        EXPECT_TRUE(succeeded(co_await route.out.server.read_exact(got)));
      };
      co_await when_all(send(), carry_it(), receive());
      EXPECT_EQ(got, test::pattern(kFlood));
    }
    EXPECT_EQ(fault::count_of(fault::Call::create_splice_pipe), 2U);
    EXPECT_GT(fault::count_of(fault::Call::splice_from_socket), 1U);
  });
}

/// Opens the pipe, and reads all bytes that have come.
Task<> use_the_pipe(Route& route) {
  co_await fill_the_pipe(route);
  for (std::size_t passed = 0; passed != kFewFills; passed += test::drain(route.out.server.raw())) {
    while (!route.conduit.empty()) {
      EXPECT_TRUE(succeeded(co_await route.conduit.drain(route.out.client)));
    }
    const Result<Interest> more = sys::poll_now(route.in.server.raw(), Interest::readable);
    if (!more->empty()) {
      EXPECT_TRUE(succeeded(co_await route.conduit.fill(route.in.server)));
    }
  }
}

/// How the conduit ends if the first splices at the end of the stream fail with the given errors.
Task<Result<std::size_t>> end_with_refusals(Route& route, int error, std::size_t times) {
  co_await use_the_pipe(route);
  EXPECT_TRUE(route.conduit.empty());
  EXPECT_TRUE(succeeded(route.in.client.shutdown(ShutdownHow::write)));
  test::spin_until_ready(route.in.server.raw(), Interest::readable);
  const ScriptedSplices script(SpliceEnd::from_socket,
                               std::vector<SpliceAnswer>(times, SpliceAnswer{.error = error}));
  const Result<std::size_t> ended = co_await route.conduit.fill(route.in.server);
  EXPECT_EQ(ScriptedSplices::left(), 0U);
  co_return ended;
}

TEST(ARefusedSplice, ThatWasTheErrorOfTheConnectionIsNoCleanEnd) {
  for (const int error : {EACCES, EPERM, EOPNOTSUPP}) {
    Route route;
    run([&]() -> Task<> {
      const Result<std::size_t> ended = co_await end_with_refusals(route, error, 1);
      EXPECT_TRUE(failed_with(ended, static_cast<std::errc>(error)));
      EXPECT_EQ((co_await route.conduit.fill(route.in.server)).value(), 0U);
    });
  }
}

TEST(ARefusedSplice, ThatIsRefusedAgainAtTheEndIsACleanEnd) {
  for (const int error : {EACCES, EPERM, EOPNOTSUPP}) {
    Route route;
    run([&]() -> Task<> {
      const Result<std::size_t> ended = co_await end_with_refusals(route, error, 2);
      EXPECT_TRUE(succeeded(ended));
      EXPECT_EQ(ended.value_or(1), 0U);
    });
  }
}

}  // namespace
}  // namespace eddy
