// Drives an echo server with connections that live for one request.
//
// usage: churn PORT SERVER_PID CONCURRENT CONNECTIONS
//
// Keeps CONCURRENT connections open; each makes one request of 64 bytes and closes when it has its
// answer, and the next one opens. A tenth goes before, unmeasured. Prints one line:
//
//   connections/s, server CPU ns per connection, p50 ns, p99 ns
// SPDX-License-Identifier: MIT

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kEvents = 256, kSize = 64 };

struct connection {
  int fd;
  size_t received;
  uint64_t opened_at;
};

static int epoll;
static struct sockaddr_in server;
static uint64_t* latencies;  // null while nothing is measured
static long latency_count;
static long to_open;

static void stop(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) < 0) stop("clock_gettime");
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void open_connection(struct connection* connection) {
  static const char request[kSize] = "a request";
  connection->opened_at = read_clock(CLOCK_MONOTONIC);
  connection->received = 0;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) stop("socket");
  // Over loopback this does not wait: the kernel of the same machine answers at once.
  if (connect(connection->fd, (struct sockaddr*)&server, sizeof(server)) < 0) stop("connect");
  const int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (send(connection->fd, request, kSize, MSG_NOSIGNAL) != kSize) stop("send");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0) stop("epoll_ctl");
  --to_open;
}

// True if the connection is over.
static int receive(struct connection* connection) {
  char buffer[kSize];
  const ssize_t n = recv(connection->fd, buffer, kSize - connection->received, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) stop("recv");
  connection->received += (size_t)n;
  if (connection->received < kSize) return 0;
  close(connection->fd);
  if (latencies != NULL) {
    latencies[latency_count++] = read_clock(CLOCK_MONOTONIC) - connection->opened_at;
  }
  return 1;
}

static void run_phase(struct connection* connections, int concurrent, long count) {
  long left = count;
  to_open = count;
  for (int i = 0; i < concurrent && to_open > 0; ++i) open_connection(&connections[i]);
  while (left > 0) {
    struct epoll_event events[kEvents];
    const int n = epoll_wait(epoll, events, kEvents, 10000);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) stop("no answer");
    for (int i = 0; i < n; ++i) {
      struct connection* connection = events[i].data.ptr;
      if (!receive(connection)) continue;
      --left;
      if (to_open > 0) open_connection(connection);
    }
  }
}

static int compare(const void* a, const void* b) {
  const uint64_t left = *(const uint64_t*)a;
  const uint64_t right = *(const uint64_t*)b;
  return left < right ? -1 : left > right;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s PORT SERVER_PID CONCURRENT CONNECTIONS\n", argv[0]);
    return 2;
  }
  server = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  clockid_t server_clock;
  if (clock_getcpuclockid(atoi(argv[2]), &server_clock) != 0) stop("clock_getcpuclockid");
  const int concurrent = atoi(argv[3]);
  const long count = atol(argv[4]);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection* connections = calloc((size_t)concurrent, sizeof(*connections));
  uint64_t* memory = calloc((size_t)count, sizeof(*memory));
  if (epoll < 0 || connections == NULL || memory == NULL) stop("start");

  run_phase(connections, concurrent, count / 10);
  latencies = memory;
  const uint64_t cpu_before = read_clock(server_clock);
  const uint64_t before = read_clock(CLOCK_MONOTONIC);
  run_phase(connections, concurrent, count);
  const uint64_t after = read_clock(CLOCK_MONOTONIC);
  const uint64_t cpu_after = read_clock(server_clock);

  qsort(latencies, (size_t)latency_count, sizeof(*latencies), compare);
  printf("%.0f %.1f %llu %llu\n", (double)count * 1e9 / (double)(after - before),
         (double)(cpu_after - cpu_before) / (double)count,
         (unsigned long long)latencies[latency_count / 2],
         (unsigned long long)latencies[latency_count * 99 / 100]);
  return 0;
}
