// The limit to compare an echo server with: a hand-written epoll loop that does nothing else.
//
// usage: epoll_echo [--busy-poll MICROSECONDS]
//
// Listens on a free port of 127.0.0.1, prints it, and echoes until it is killed. Edge-triggered: a
// short read has emptied the socket, so an echo is one read, one write and a share of epoll_wait.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kEvents = 256, kBufferSize = 16384 };

struct connection {
  int fd;
  size_t pending_size;  // the number of bytes that the socket had no room for
  char* pending;
};

static char buffer[kBufferSize];

static void stop(const char* what) {
  perror(what);
  exit(1);
}

static void drop(struct connection* connection) {
  close(connection->fd);
  free(connection->pending);
  free(connection);
}

// Returns the number of bytes written: less than `size` if the socket is full, negative on an
// error.
static ssize_t write_some(int fd, const char* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = send(fd, data + done, size - done, MSG_NOSIGNAL);
    if (n >= 0) {
      done += (size_t)n;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return (ssize_t)done;
}

// Writes what is pending; false on an error.
static bool flush(struct connection* connection) {
  const ssize_t n = write_some(connection->fd, connection->pending, connection->pending_size);
  if (n < 0) return false;
  connection->pending_size -= (size_t)n;
  memmove(connection->pending, connection->pending + n, connection->pending_size);
  return true;
}

static bool keep(struct connection* connection, const char* data, size_t size) {
  if (connection->pending == NULL) connection->pending = malloc(kBufferSize);
  if (connection->pending == NULL) return false;
  memcpy(connection->pending, data, size);
  connection->pending_size = size;
  return true;
}

// False if the connection has ended. `ended`: the end of the peer's stream follows the bytes that
// are there, so it must be read for even after a short read: no event follows.
static bool serve(struct connection* connection, bool ended) {
  if (connection->pending_size != 0 && !flush(connection)) return false;
  while (connection->pending_size == 0) {
    const ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (n == 0) return false;
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    const ssize_t written = write_some(connection->fd, buffer, (size_t)n);
    if (written < 0) return false;
    if (written < n && !keep(connection, buffer + written, (size_t)(n - written))) return false;
    if ((size_t)n < sizeof(buffer) && !ended) break;
  }
  return true;
}

static void accept_all(int epoll, int listener) {
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      stop("accept");
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct connection* connection = calloc(1, sizeof(*connection));
    if (connection == NULL) stop("calloc");
    connection->fd = fd;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) stop("epoll_ctl");
  }
}

static int open_listener(void) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) stop("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(address);
  if (bind(listener, (struct sockaddr*)&address, length) < 0) stop("bind");
  if (listen(listener, 4096) < 0) stop("listen");
  if (getsockname(listener, (struct sockaddr*)&address, &length) < 0) stop("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Looks for events for `busy_ns` before it sleeps.
static int wait_for_events(int epoll, struct epoll_event* events, long long busy_ns) {
  if (busy_ns != 0) {
    const long long end = now_ns() + busy_ns;
    do {
      const int n = epoll_wait(epoll, events, kEvents, 0);
      if (n != 0) return n;
    } while (now_ns() < end);
  }
  return epoll_wait(epoll, events, kEvents, -1);
}

int main(int argc, char** argv) {
  long long busy_ns = 0;
  if (argc == 3 && strcmp(argv[1], "--busy-poll") == 0) {
    busy_ns = atoll(argv[2]) * 1000;
  } else if (argc != 1) {
    fprintf(stderr, "usage: %s [--busy-poll MICROSECONDS]\n", argv[0]);
    return 2;
  }

  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const int listener = open_listener();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) stop("epoll_create1");
  struct epoll_event listening = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0) stop("epoll_ctl");

  struct epoll_event events[kEvents];
  for (;;) {
    const int count = wait_for_events(epoll, events, busy_ns);
    if (count < 0 && errno != EINTR) stop("epoll_wait");
    for (int i = 0; i < count; ++i) {
      struct connection* connection = events[i].data.ptr;
      const bool ended = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
      if (connection == NULL) {
        accept_all(epoll, listener);
      } else if (!serve(connection, ended)) {
        drop(connection);
      }
    }
  }
}
