// Drives an echo server with a fixed number of requests, and measures both ends.
//
// usage: echo_load PORT SERVER_PID CONNECTIONS SIZE DEPTH REQUESTS [--lockstep | --standstill]
//        echo_load PORT SERVER_PID CONNECTIONS --hold
//
// Each connection keeps DEPTH requests of SIZE bytes under way, and sends the next as soon as an
// answer is complete. With --lockstep all connections send, then all await their answers: so the
// server sees the same events in every run. With --standstill the server sleeps first, and is
// stopped while all send: so each of its polls sees the same events in every run. First a tenth of
// REQUESTS is made without a measurement. Every byte of the answers is checked. Prints one line:
//
//   requests/s, server CPU ns per request, p50 ns, p99 ns
//
// With --hold it makes one request on each connection, prints a line, and keeps the connections
// until its standard input ends.
// SPDX-License-Identifier: MIT

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kEvents = 256, kMaxDepth = 64, kReadSize = 65536 };

struct connection {
  int fd;
  uint32_t under_way;
  uint32_t first;   // in sent_at: the oldest request under way
  size_t received;  // bytes of its answer
  size_t unsent;    // the bytes of the last send that the socket had no room for
  uint64_t sent_at[kMaxDepth];
};

enum pace { kFree, kLockstep, kStandstill };

static enum pace pace = kFree;
static pid_t server;
static size_t size;
static uint32_t depth;
static uint64_t to_send;  // the requests that are left in this phase
static uint64_t to_receive;
static uint64_t* latencies;  // of the measured phase; null before it
static uint64_t latency_count;
static char* pattern;  // one batch of `depth` requests
static char received[kReadSize];

static void stop(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) < 0) stop("clock_gettime");
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

// The letter by which /proc names what the server's main thread does.
static char server_state(void) {
  char path[32];
  char text[512];
  snprintf(path, sizeof(path), "/proc/%d/stat", (int)server);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) stop(path);
  const ssize_t n = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (n < 0) stop(path);
  text[n] = '\0';
  const char* after_name = strrchr(text, ')');
  return after_name != NULL && after_name[1] == ' ' ? after_name[2] : '?';
}

// `wanted`: any of these.
static void await_state(const char* wanted) {
  for (int tries = 0; tries < 200000; ++tries) {
    if (strchr(wanted, server_state()) != NULL) return;
    usleep(50);
  }
  fprintf(stderr, "echo_load: the server did not come to state %s for ten seconds\n", wanted);
  exit(1);
}

// Waits until the server sleeps, then stops it: so it is always at the same place.
static void halt_server(void) {
  if (pace != kStandstill) return;
  await_state("S");
  if (kill(server, SIGSTOP) != 0) stop("SIGSTOP");
  await_state("Tt");  // t: under strace
}

static void release_server(void) {
  if (pace == kStandstill && kill(server, SIGCONT) != 0) stop("SIGCONT");
}

static void push_out(struct connection* connection) {
  while (connection->unsent != 0) {
    // The rest of the batch ends where a request ends, so it is the tail of the pattern.
    const size_t whole = size * depth;
    const ssize_t n = send(connection->fd, pattern + whole - connection->unsent, connection->unsent,
                           MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      stop("send");
    }
    connection->unsent -= (size_t)n;
  }
}

// Sends as many requests in one call as may be under way.
static void send_requests(struct connection* connection, uint64_t now) {
  uint64_t count = depth - connection->under_way;
  if (count > to_send) count = to_send;
  if (count == 0 || connection->unsent != 0) return;
  for (uint64_t i = 0; i < count; ++i) {
    connection->sent_at[(connection->first + connection->under_way++) % kMaxDepth] = now;
  }
  to_send -= count;
  connection->unsent = size * count;
  push_out(connection);
}

static void check(const struct connection* connection, const char* data, size_t n) {
  size_t offset = connection->received;
  while (n != 0) {
    const size_t part = n < size - offset ? n : size - offset;
    if (memcmp(data, pattern + offset, part) != 0) {
      fprintf(stderr, "echo_load: a wrong byte came back\n");
      exit(1);
    }
    data += part;
    n -= part;
    offset = 0;
  }
}

static void receive(struct connection* connection, uint64_t now) {
  for (;;) {
    const ssize_t n = recv(connection->fd, received, sizeof(received), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) stop("recv");
    if (n == 0) {
      fprintf(stderr, "echo_load: the server closed a connection\n");
      exit(1);
    }
    check(connection, received, (size_t)n);
    connection->received += (size_t)n;
    while (connection->received >= size) {
      if (latencies != NULL) {
        latencies[latency_count++] = now - connection->sent_at[connection->first];
      }
      connection->first = (connection->first + 1) % kMaxDepth;
      connection->received -= size;
      --connection->under_way;
      --to_receive;
    }
    if ((size_t)n < sizeof(received)) return;
  }
}

static void await_answers(int epoll, bool then_send) {
  struct epoll_event events[kEvents];
  const int count = epoll_wait(epoll, events, kEvents, 10000);
  if (count == 0) {
    fprintf(stderr, "echo_load: no answer for ten seconds\n");
    exit(1);
  }
  if (count < 0 && errno != EINTR) stop("epoll_wait");
  uint64_t now = read_clock(CLOCK_MONOTONIC);
  for (int i = 0; i < count; ++i) {
    struct connection* connection = events[i].data.ptr;
    push_out(connection);
    receive(connection, now);
    if (then_send) {
      now = read_clock(CLOCK_MONOTONIC);
      send_requests(connection, now);
    }
  }
}

static void run_phase(int epoll, struct connection* connections, int connection_count,
                      uint64_t requests) {
  to_send = to_receive = requests;
  while (to_receive != 0) {
    if (pace != kFree || to_receive == requests) {
      halt_server();
      for (int i = 0; i < connection_count; ++i) {
        send_requests(&connections[i], read_clock(CLOCK_MONOTONIC));
      }
      release_server();
    }
    const uint64_t goal = pace == kFree ? 0 : to_send;
    while (to_receive > goal) await_answers(epoll, pace == kFree);
  }
}

static int compare(const void* a, const void* b) {
  const uint64_t left = *(const uint64_t*)a;
  const uint64_t right = *(const uint64_t*)b;
  return left < right ? -1 : left > right;
}

static struct connection* connect_all(int epoll, int port, int count) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct connection* connections = calloc((size_t)count, sizeof(*connections));
  if (connections == NULL) stop("calloc");
  for (int i = 0; i < count; ++i) {
    if (pace == kStandstill) await_state("S");  // it accepts one at a time, or all at once
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) stop("socket");
    if (connect(fd, (struct sockaddr*)&address, sizeof(address)) < 0) stop("connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    // Blocking until here, so that connecting needs no extra code.
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) stop("fcntl");
    connections[i].fd = fd;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                .data.ptr = &connections[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) stop("epoll_ctl");
  }
  return connections;
}

static void fill_pattern(void) {
  pattern = malloc(size * depth);
  if (pattern == NULL) stop("malloc");
  for (size_t i = 0; i < size * depth; ++i) pattern[i] = (char)(i % size * 31 + 7);
}

int main(int argc, char** argv) {
  const bool hold = argc == 5 && strcmp(argv[4], "--hold") == 0;
  if (argc == 8 && strcmp(argv[7], "--lockstep") == 0) pace = kLockstep;
  if (argc == 8 && strcmp(argv[7], "--standstill") == 0) pace = kStandstill;
  if (!hold && argc != 7 && pace == kFree) {
    fprintf(stderr,
            "usage: %s PORT SERVER_PID CONNECTIONS SIZE DEPTH REQUESTS "
            "[--lockstep | --standstill]\n"
            "       %s PORT SERVER_PID CONNECTIONS --hold\n",
            argv[0], argv[0]);
    return 2;
  }
  server = atoi(argv[2]);
  const int connection_count = atoi(argv[3]);
  size = hold ? 64 : (size_t)atol(argv[4]);
  depth = hold ? 1 : (uint32_t)atoi(argv[5]);
  const uint64_t requests = hold ? (uint64_t)connection_count : (uint64_t)atoll(argv[6]);
  if (connection_count < 1 || size == 0 || depth == 0 || depth > kMaxDepth) {
    fprintf(stderr, "echo_load: a number is out of range\n");
    return 2;
  }

  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  clockid_t server_clock;
  if (clock_getcpuclockid(server, &server_clock) != 0) stop("clock_getcpuclockid");

  fill_pattern();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) stop("epoll_create1");
  struct connection* connections = connect_all(epoll, atoi(argv[1]), connection_count);

  if (hold) {
    pace = kLockstep;
    run_phase(epoll, connections, connection_count, requests);
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) continue;
    return 0;
  }

  run_phase(epoll, connections, connection_count, requests / 10);
  latencies = malloc(requests * sizeof(*latencies));
  if (latencies == NULL) stop("malloc");
  memset(latencies, 0, requests * sizeof(*latencies));

  const uint64_t cpu_before = read_clock(server_clock);
  const uint64_t before = read_clock(CLOCK_MONOTONIC);
  run_phase(epoll, connections, connection_count, requests);
  const uint64_t after = read_clock(CLOCK_MONOTONIC);
  const uint64_t cpu_after = read_clock(server_clock);

  halt_server();
  for (int i = 0; i < connection_count; ++i) close(connections[i].fd);
  release_server();
  if (pace == kStandstill) await_state("S");

  qsort(latencies, latency_count, sizeof(*latencies), compare);
  printf("%.0f %.1f %llu %llu\n", (double)requests * 1e9 / (double)(after - before),
         (double)(cpu_after - cpu_before) / (double)requests,
         (unsigned long long)latencies[latency_count / 2],
         (unsigned long long)latencies[latency_count * 99 / 100]);
  return 0;
}
