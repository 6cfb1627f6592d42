// The limit of an HTTP server on llhttp: an edge-triggered epoll loop. Prints its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "../echo/connection.h"
#include "hello.h"

#include <sys/epoll.h>

enum { kEvents = 256 };

struct connection {
  int fd;
  struct http http;
  struct pending pending;
};

static char buffer[kReadSize];
static char answers[kAnswersSize];

// False if the connection is over.
static bool serve(struct connection* connection) {
  struct pending* pending = &connection->pending;
  if (pending->size != 0) {
    const size_t size = pending->size;
    pending->size = 0;
    const enum outcome outcome = write_or_keep(connection->fd, pending, pending->data, size);
    if (outcome != kDone) return outcome == kBlocked;
  }
  for (;;) {
    const ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && errno == EAGAIN;
    const long size = http_answer(&connection->http, buffer, (size_t)n, answers);
    if (size < 0) return false;
    if (size == 0) continue;
    const enum outcome outcome = write_or_keep(connection->fd, pending, answers, (size_t)size);
    if (outcome != kDone) return outcome == kBlocked;
    if (n < kReadSize) return true;
  }
}

static void accept_all(int epoll, int listener) {
  for (int fd; (fd = accept_one(listener)) >= 0;) {
    struct connection* connection = calloc(1, sizeof(*connection));
    if (connection == NULL) abort();
    connection->fd = fd;
    http_init(&connection->http);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) abort();
  }
}

int main(void) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int listener = open_listener();
  struct epoll_event listening = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0) abort();
  for (;;) {
    struct epoll_event events[kEvents];
    const int count = epoll_wait(epoll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      struct connection* connection = events[i].data.ptr;
      if (connection == NULL) {
        accept_all(epoll, listener);
      } else if (!serve(connection) || (events[i].events & (EPOLLHUP | EPOLLRDHUP)) != 0) {
        close(connection->fd);
        free(connection->pending.data);
        free(connection);
      }
    }
  }
}
