// A chat server whose rooms wait for nobody. SIGINT or SIGTERM ends it within two seconds.
// SPDX-License-Identifier: MIT
#include "../common.hpp"
#include "line_reader.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>
#include <vector>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

/// The first line. "NAME: TEXT", "* NEWS" and "! REFUSAL" follow; the last line tells why it ends.
constexpr const char* kWelcome = "* first your name; then what you say, /join ROOM, /who or /quit";
// In one turn of the loop each client may say a line before a writer runs, so a queue holds more.
constexpr std::size_t kQueue = 128;    ///< lines (16 bytes each) for a client, beside one from each
constexpr std::size_t kBatch = 32;     ///< lines that one call writes
constexpr int kSendBuffer = 64 << 10;  ///< bytes; without a limit it grows to megabytes
constexpr Duration kFarewell = 1s;     ///< time to read why one is disconnected

struct Options {
  SocketAddress listen;
  std::size_t max_clients = 1000;
  Duration idle_timeout = 5min;
};

using Line = std::shared_ptr<const std::string>;  ///< all queues of a room share it

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  return !text.empty() && text.size() <= 20 && std::ranges::all_of(text, fits);
}

class Chat {
 public:
  explicit Chat(const Options& options) : options_(options) {}

  /// Ends only if the listener fails.
  Task<std::error_code> accept_all(TcpListener& listener, TaskGroup& tasks) {
    for (;;) {
      Result<Accepted> accepted = co_await listener.accept();
      if (!accepted) co_return accepted.error();
      if (tasks.size() < options_.max_clients) {
        tasks.spawn(&Chat::serve, this, std::move(accepted->stream));
      } else {
        (void)accepted->stream.try_write("! disconnected: the server is full\n");
      }
    }
  }

  void end_all(const char* why) {
    for (Client* client : clients_) client->end(why);
  }

 private:
  struct Client {
    ~Client() { chat.forget(*this); }  // runs also if the client's task is cancelled

    void send(std::string text) { send(std::make_shared<const std::string>(text += '\n')); }
    /// Never waits: a client whose queue is full is disconnected.
    void send(const Line& line) {
      const Result<> sent = sender.try_send(line);
      if (!sent && sent.error() == Error::full) end("too slow");
    }
    /// Disconnects the client: wakes both branches of its task. The first reason counts.
    void end(const std::string& reason) {
      if (why.empty()) why = reason;
      receiver.close();
    }

    Chat& chat;
    TcpStream stream;
    Sender<Line> sender;
    Receiver<Line> receiver;
    std::string name{};  ///< empty before the client has given one
    std::string room{};  ///< empty while the client is in none
    std::string why{};   ///< why the client is disconnected; empty while it is not
  };

  Task<> serve(TcpStream stream) {
    auto [sender, receiver] = channel<Line>(options_.max_clients + kQueue);
    Client client{*this, std::move(stream), std::move(sender), std::move(receiver)};
    clients_.insert(&client);
    (void)client.stream.set_nodelay(true);
    client.send(kWelcome);
    const auto first = co_await when_any(write_lines(client), read_lines(client));
    // The client has not taken its last line. Without a reset the kernel would try on for minutes.
    if (first.index() == 1) (void)client.stream.set_reset_on_close(true);
  }

  static Task<> write_lines(Client& client) {
    std::vector<Line> lines;
    std::string bytes;
    while (co_await client.receiver.receive_many(lines, kBatch)) {
      for (const Line& line : lines) bytes += *line;
      lines.clear();
      if (!co_await client.stream.write_all(bytes)) co_return;
      bytes.clear();
    }
    bytes = "! disconnected: " + client.why + "\n";
    if (!co_await client.stream.write_all(bytes)) co_return;
    (void)client.stream.shutdown(ShutdownHow::write);
    // To close with bytes unread is a reset, by which the client may lose the last line.
    while ((co_await client.stream.read(bytes)).value_or(0) != 0) continue;
  }

  /// Ends when the client is disconnected, and its writer has had the time to tell it why.
  Task<> read_lines(Client& client) {
    co_await when_any(obey_all(client), client.sender.closed());
    forget(client);
    co_await sleep_for(kFarewell);
  }

  Task<> obey_all(Client& client) {
    example::LineReader lines(client.stream);
    while (client.why.empty()) {
      const Result<std::string_view> line = co_await timeout(options_.idle_timeout, lines.next());
      if (!line && line.error() == Error::deadline_exceeded) co_return client.end("idle");
      if (!line && line.error() == Error::end_of_stream) co_return client.end("goodbye");
      if (!line) co_return client.end(line.error().message());
      obey(client, *line);
      co_await yield_now();  // lets the writers run, so that many lines at once fill no queue
    }
  }

  void obey(Client& client, std::string_view line) {
    const std::string_view command = line.substr(0, line.find(' '));
    const std::string word(line.substr(std::min(command.size() + 1, line.size())));
    const auto is_control = [](unsigned char c) { return std::iscntrl(c) != 0; };
    if (line.empty()) return;  // the client shows that it is there
    if (std::ranges::any_of(line, is_control)) return client.send("! no control characters");
    if (command == "/quit") return client.end("goodbye");
    if (client.name.empty()) return enter(client, std::string(line));
    if (command == "/join" && is_name(word)) return change_room(client, word, "to " + word);
    if (command == "/join") return client.send("! a room is named as a client is");
    if (command == "/who") return list(client);
    if (command.starts_with('/')) return client.send("! there is no such command");
    tell(client.room, client.name + ": " + std::string(line));
  }

  void enter(Client& client, const std::string& name) {
    const auto has_it = [&name](const Client* other) { return other->name == name; };
    if (!is_name(name)) return client.send("! a name is 1 to 20 letters, digits and hyphens");
    if (std::ranges::any_of(clients_, has_it)) return client.send("! that name is taken");
    client.name = name;
    change_room(client, "lobby", "");
  }

  void change_room(Client& client, const std::string& room, const std::string& why) {
    tell(std::exchange(client.room, room), "* " + client.name + " left: " + why);
    tell(room, "* " + client.name + " is in " + room);
  }

  void list(Client& client) {
    std::string text = "* here:";
    for (const Client* other : clients_) {
      if (other->room == client.room && text.size() < 1000) text += " " + other->name;
    }
    client.send(text);
  }

  void tell(const std::string& room, const std::string& text) {
    const Line line = std::make_shared<const std::string>(text + "\n");
    for (Client* client : clients_) {
      if (client->room == room && !room.empty()) client->send(line);
    }
  }

  /// Takes the client out of its room. Its name is free from now on.
  void forget(Client& client) {
    client.end("connection lost");
    change_room(client, "", client.why);
    clients_.erase(&client);
  }

  const Options& options_;
  std::set<Client*> clients_;  ///< without those that are forgotten
};

Task<int> serve(const Options& options) {
  Result<SignalSet> signals = SignalSet::create({SIGINT, SIGTERM});
  if (!signals) co_return example::complain("cannot listen for signals", signals.error());
  auto listener = example::listen(options.listen, {.send_buffer_size = kSendBuffer});
  if (!listener) co_return 1;

  Chat chat(options);
  const auto body = [&](TaskGroup& tasks) -> Task<int> {
    const auto first = co_await when_any(chat.accept_all(*listener, tasks), signals->next());
    listener->close();
    chat.end_all("the server ends");
    co_await when_any(tasks.idle(), signals->next());  // a second signal ends it at once
    tasks.cancel();
    if (first.index() == 0) co_return example::complain("cannot accept", std::get<0>(first));
    const Result<int>& signal = std::get<1>(first);
    co_return signal ? 0 : example::complain("cannot listen for signals", signal.error());
  };
  co_return co_await with_group(body);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A chat server for nc and other clients that send lines.", "chat");
  app.set_version_flag("--version", EDDY_VERSION);
  example::add_address(app, "--listen", options.listen, "where to listen; port 0 chooses one");
  app.add_option("--max-clients", options.max_clients, "more are refused (default 1000)")
      ->check(CLI::PositiveNumber);
  example::add_duration(app, "--idle-timeout", options.idle_timeout,
                        "how long a client may send no line (default 5m)");
  CLI11_PARSE(app, argc, argv);
  return block_on(serve(options));
}
