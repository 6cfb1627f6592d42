// The limit of a TCP proxy: an edge-triggered epoll loop with one buffer. BACKEND_PORT; prints its
// port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "../echo/connection.h"

#include <fcntl.h>
#include <sys/epoll.h>

enum { kEvents = 256 };

// One of the two ends of a proxied connection.
struct end {
  int fd;
  bool ended;  // nothing more comes from here
  struct pending pending;
  struct end* other;
};

static char buffer[kBufferSize];
static int epoll;
static struct end* dropped;  // freed after the events of this turn: some may name them

static void drop(struct end* end) {
  if (end->fd < 0) return;
  for (int i = 0; i < 2; ++i, end = end->other) {
    close(end->fd);
    end->fd = -1;
    free(end->pending.data);
  }
  end->pending.data = (char*)dropped;
  dropped = end;
}

static void free_dropped(void) {
  while (dropped != NULL) {
    struct end* end = dropped;
    dropped = (struct end*)(void*)end->pending.data;
    free(end->other);
    free(end);
  }
}

// Passes on what has come from `from`, while the other end takes it.
static void pump(struct end* from) {
  struct end* to = from->other;
  while (!from->ended && to->pending.size == 0) {
    const ssize_t n = recv(from->fd, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      drop(from);
      return;
    }
    if (n == 0) {
      from->ended = true;
      shutdown(to->fd, SHUT_WR);
      if (to->ended) drop(from);
      return;
    }
    const enum outcome outcome = write_or_keep(to->fd, &to->pending, buffer, (size_t)n);
    if (outcome == kBroken) {
      drop(from);
      return;
    }
    if (outcome == kDone && n < kBufferSize) return;
  }
}

static void on_event(struct end* end, uint32_t events) {
  if (end->fd < 0) return;
  if (end->pending.size != 0 && (events & EPOLLOUT) != 0) {
    const size_t size = end->pending.size;
    end->pending.size = 0;
    const enum outcome outcome = write_or_keep(end->fd, &end->pending, end->pending.data, size);
    if (outcome == kBroken) {
      drop(end);
      return;
    }
    if (outcome == kDone) pump(end->other);
  }
  if (end->fd < 0) return;
  pump(end);
  // A short read may have stopped before the end of the stream.
  if (end->fd >= 0 && (events & (EPOLLRDHUP | EPOLLHUP)) != 0) pump(end);
}

static struct end* watch(int fd) {
  struct end* end = calloc(1, sizeof(*end));
  if (end == NULL) abort();
  end->fd = fd;
  return end;
}

static int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  // Over loopback this does not wait.
  if (fd < 0 || connect(fd, (const struct sockaddr*)&address, sizeof(address)) < 0) abort();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void add(struct end* end) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = end};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event) < 0) abort();
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  const int listener = open_listener();
  struct epoll_event listening = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0) abort();
  for (;;) {
    struct epoll_event events[kEvents];
    const int count = epoll_wait(epoll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        on_event(events[i].data.ptr, events[i].events);
        continue;
      }
      for (int fd; (fd = accept_one(listener)) >= 0;) {
        struct end* client = watch(fd);
        client->other = watch(connect_to(atoi(argv[1])));
        client->other->other = client;
        add(client);
        add(client->other);
      }
    }
    free_dropped();
  }
}
