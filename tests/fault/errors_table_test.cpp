// What eddy does about each error of the system: tries each row of the table in docs/errors.md.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr int kLastNumber = 133;

/// A row of the table, with the error numbers that it is about. A row without numbers is about all
/// that no other row names.
struct Row {
  std::string error;
  std::vector<int> numbers;
  std::map<std::string, std::string> behaviour;  ///< by the name of the column
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream rest(line.substr(1));
  for (std::string cell; std::getline(rest, cell, '|');) cells.push_back(trimmed(cell));
  return cells;
}

int number_of(const std::string& name) {
  for (int number = 1; number <= kLastNumber; ++number) {
    const char* const known = ::strerrorname_np(number);
    if (known != nullptr && name == known) return number;
  }
  ADD_FAILURE() << name << " is no error of this system";
  return 0;
}

/// The numbers of the names in `cell`, each between backticks.
std::vector<int> numbers_in(const std::string& cell) {
  std::vector<int> numbers;
  std::istringstream names(cell);
  for (std::string name; names >> name;) {
    if (name.front() == '`') numbers.push_back(number_of(name.substr(1, name.size() - 2)));
  }
  return numbers;
}

std::vector<Row> read_table() {
  std::ifstream page(EDDY_ERRORS_PAGE);
  std::vector<std::string> columns;
  std::vector<Row> rows;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| error | accept |")) {
      columns = cells_of(line);
    } else if (!columns.empty() && line.starts_with("| ")) {
      const std::vector<std::string> cells = cells_of(line);
      Row row{cells.at(0), numbers_in(cells.at(0)), {}};
      for (std::size_t i = 1; i < columns.size(); ++i) row.behaviour[columns[i]] = cells.at(i);
      rows.push_back(row);
    } else if (!rows.empty()) {
      break;
    }
  }
  return rows;
}

/// Every error number, with the row that is about it.
std::vector<std::pair<int, const Row*>> every_number(const std::vector<Row>& rows) {
  std::vector<std::pair<int, const Row*>> all;
  for (int number = 1; number <= kLastNumber; ++number) {
    if (::strerrorname_np(number) == nullptr) continue;
    const auto found = std::find_if(rows.begin(), rows.end() - 1, [=](const Row& row) {
      return std::count(row.numbers.begin(), row.numbers.end(), number) != 0;
    });
    all.emplace_back(number, &*found);
  }
  return all;
}

/// What an operation did about the one fault that it met.
struct Outcome {
  std::error_code error;
  std::size_t calls = 0;
  std::size_t waits = 0;

  friend std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    return out << outcome.error << " after " << outcome.calls << " calls and " << outcome.waits
               << " waits";
  }
};

/// True if `outcome` is what the table calls `behaviour`, without the counts.
bool is_as_said(const Outcome& outcome, const std::string& behaviour, int number) {
  const auto says = [&](const char* word) { return behaviour.starts_with(word); };
  if (says("reports")) {
    return outcome.error == std::error_code(number, std::generic_category()) && outcome.calls == 1;
  }
  if (outcome.error) return false;
  if (says("retries")) return outcome.calls == 2 && outcome.waits == 0;
  if (says("waits") || says("backs off") || says("sheds")) return outcome.waits != 0;
  return false;
}

/// Awaits `operation`, whose first `call` fails with `number`.
template <class Op>
Task<Outcome> meet(fault::Call call, int number, Op operation) {
  fault::reset_counts();
  fault::arm_call(call, fault::Kind::error(number));
  const auto result = co_await std::move(operation);
  Outcome outcome;
  outcome.calls = fault::count_of(call);
  outcome.waits = fault::count_of(fault::Call::epoll_wait);
  if (!result) outcome.error = result.error();
  EXPECT_EQ(fault::disarm(), call) << "it was not called";
  co_return outcome;
}

/// An operation on a stream that would complete at once without the fault.
struct Transfer {
  const char* name;
  fault::Call call;
  Task<Outcome> (*meet_fault)(TcpStream& stream, int number);
};

constexpr std::array<std::byte, 8> kSent{};

const std::vector<Transfer> kReads = {
    {"read", fault::Call::receive,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       std::array<std::byte, 8> bytes{};
       co_return co_await meet(fault::Call::receive, number, stream.read(bytes));
     }},
    {"read(pool)", fault::Call::receive,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       BufferPool pool(64);
       co_return co_await meet(fault::Call::receive, number, stream.read(pool));
     }},
    {"read_exact", fault::Call::receive,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       std::array<std::byte, 8> bytes{};
       co_return co_await meet(fault::Call::receive, number, stream.read_exact(bytes));
     }},
    {"read_vectored", fault::Call::receive_vectored,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       std::array<std::byte, 8> bytes{};
       const std::array<std::span<std::byte>, 1> buffers = {std::span(bytes)};
       co_return co_await meet(fault::Call::receive_vectored, number,
                               stream.read_vectored(buffers));
     }},
    {"peek", fault::Call::peek,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       std::array<std::byte, 8> bytes{};
       co_return co_await meet(fault::Call::peek, number, stream.peek(bytes));
     }},
    {"fill", fault::Call::receive,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       Conduit conduit;
       co_return co_await meet(fault::Call::receive, number, conduit.fill(stream));
     }},
};

const std::vector<Transfer> kWrites = {
    {"write", fault::Call::send,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       co_return co_await meet(fault::Call::send, number, stream.write(kSent));
     }},
    {"write_all", fault::Call::send,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       co_return co_await meet(fault::Call::send, number, stream.write_all(kSent));
     }},
    {"write_vectored", fault::Call::send_vectored,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       const std::array<std::span<const std::byte>, 1> data = {std::span(kSent)};
       co_return co_await meet(fault::Call::send_vectored, number, stream.write_vectored(data));
     }},
    {"drain", fault::Call::send,
     [](TcpStream& stream, int number) -> Task<Outcome> {
       TcpPair source;
       Conduit conduit;
       EXPECT_TRUE(succeeded(co_await source.client.write_all(kSent)));
       EXPECT_TRUE(succeeded(co_await conduit.fill(source.server)));
       co_return co_await meet(fault::Call::send, number, conduit.drain(stream));
     }},
};

class ErrorsTable : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(rows_.size(), 2U) << "no table in " << EDDY_ERRORS_PAGE;
    ASSERT_TRUE(rows_.back().numbers.empty()) << "the last row is that of every other error";
    for (std::size_t i = 0; i + 1 < rows_.size(); ++i) ASSERT_FALSE(rows_[i].numbers.empty());
  }

  void expect_as_said(const std::string& column, const std::vector<Transfer>& transfers) {
    for (const auto& [number, row] : every_number(rows_)) {
      const std::string& behaviour = row->behaviour.at(column);
      for (const Transfer& transfer : transfers) {
        TcpPair pair;
        const Outcome outcome = run([&, wanted = number]() -> Task<Outcome> {
          EXPECT_TRUE(succeeded(co_await pair.client.write_all(kSent)));
          co_return co_await transfer.meet_fault(pair.server, wanted);
        });
        EXPECT_TRUE(is_as_said(outcome, behaviour, number))
            << transfer.name << ", " << ::strerrorname_np(number) << ": " << outcome << "; '"
            << behaviour << "' was said";
      }
    }
  }

  const std::vector<Row> rows_ = read_table();
};

TEST_F(ErrorsTable, IsTrueOfEveryRead) { expect_as_said("read", kReads); }

TEST_F(ErrorsTable, IsTrueOfEveryWrite) { expect_as_said("write", kWrites); }

TEST_F(ErrorsTable, IsTrueOfConnect) {
  const TcpListener listener = test::listen_anywhere();
  for (const auto& [number, row] : every_number(rows_)) {
    const std::string& behaviour = row->behaviour.at("connect");
    const auto outcome_of = [&](fault::Call call) {
      return run([&, wanted = number]() -> Task<Outcome> {
        co_return co_await meet(call, wanted, TcpStream::connect(test::address_of(listener)));
      });
    };
    const Outcome at_once = outcome_of(fault::Call::connect);
    EXPECT_TRUE(behaviour == "waits" ? !at_once.error && at_once.calls == 1
                                     : is_as_said(at_once, behaviour, number))
        << ::strerrorname_np(number) << ": " << at_once << "; '" << behaviour << "' was said";
    if (behaviour != "reports") continue;
    const Outcome no_socket = outcome_of(fault::Call::create_stream_socket);
    EXPECT_TRUE(is_as_said(no_socket, behaviour, number)) << ::strerrorname_np(number);
  }
}

TEST_F(ErrorsTable, IsTrueOfAConnectThatFailsLater) {
  const TcpListener listener = test::listen_anywhere();
  for (const auto& [number, row] : every_number(rows_)) {
    if (row->behaviour.at("connect") != "reports") continue;
    run([&, wanted = number]() -> Task<> {
      fault::arm_call(fault::Call::connect, fault::Kind::error(EINPROGRESS));
      auto connecting = TcpStream::connect(test::address_of(listener));
      fault::reset_counts();
      const fault::Refused refused(fault::Call::take_error, wanted);
      const Result<TcpStream> stream = co_await std::move(connecting);
      EXPECT_EQ(fault::disarm(), fault::Call::connect);
      EXPECT_FALSE(stream) << ::strerrorname_np(wanted);
      if (stream) co_return;
      EXPECT_EQ(stream.error(), std::error_code(wanted, std::generic_category()));
    });
  }
}

TEST_F(ErrorsTable, IsTrueOfAccept) {
  for (const auto& [number, row] : every_number(rows_)) {
    const std::string& behaviour = row->behaviour.at("accept");
    const bool sheds = behaviour == "sheds";
    TcpListener listener = test::listen_anywhere();
    const Fd first = test::connect_to(listener.raw());
    Fd second;
    const Outcome outcome = run([&, wanted = number]() -> Task<Outcome> {
      const fault::ManualClock clock;  // a back-off takes no time
      if (sheds) second = test::connect_to(listener.raw());
      co_return co_await meet(fault::Call::accept, wanted, timeout(1h, listener.accept()));
    });
    EXPECT_TRUE(is_as_said(outcome, behaviour, number))
        << ::strerrorname_np(number) << ": " << outcome << "; '" << behaviour << "' was said";
    EXPECT_EQ(listener.retry_count(), behaviour.ends_with("counts") ? 1U : 0U)
        << ::strerrorname_np(number);
    EXPECT_EQ(listener.shed_count(), sheds ? 1U : 0U) << ::strerrorname_np(number);
  }
}

TEST_F(ErrorsTable, AServerThatIsRefusedEachConnectionBacksOffAndCounts) {
  TcpListener listener = test::listen_anywhere();
  const Fd client = test::connect_to(listener.raw());
  run([&]() -> Task<> {
    const fault::ManualClock clock;
    {
      const fault::Refused refused(fault::Call::accept, EHOSTDOWN);
      const auto accepted = co_await timeout(35ms, listener.accept());
      EXPECT_TRUE(test::failed_with(accepted, Error::deadline_exceeded));
    }
    EXPECT_EQ(listener.retry_count(), 4U * 65U);
    EXPECT_TRUE(succeeded(co_await listener.accept()));
  });
}

TEST_F(ErrorsTable, ARegistrationThatTheKernelHasNoRoomForIsReported) {
  for (const int number : {ENOMEM, ENOSPC}) {
    TcpPair pair;
    run([&]() -> Task<> {
      std::array<std::byte, 8> bytes{};
      const Outcome outcome =
          co_await meet(fault::Call::epoll_add, number, pair.server.read(bytes));
      EXPECT_TRUE(is_as_said(outcome, "reports", number)) << outcome;
    });
  }
}

}  // namespace
}  // namespace eddy
