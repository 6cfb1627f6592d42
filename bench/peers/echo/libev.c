// Echo on libev: one watcher a connection, which reads, or writes while bytes wait for room. Prints
// its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "connection.h"

#include <ev.h>

struct connection {
  ev_io io;
  struct pending pending;
};

static void watch(struct ev_loop* loop, struct connection* connection, int events) {
  ev_io_stop(loop, &connection->io);
  ev_io_set(&connection->io, connection->io.fd, events);
  ev_io_start(loop, &connection->io);
}

static void on_event(struct ev_loop* loop, ev_io* io, int events) {
  struct connection* connection = (struct connection*)io;
  struct pending* pending = &connection->pending;
  const bool flushing = (events & EV_WRITE) != 0;
  const enum outcome outcome = flushing
                                   ? write_or_keep(io->fd, pending, pending->data, pending->size)
                                   : echo_once(io->fd, pending);
  if (outcome == kBroken) {
    ev_io_stop(loop, io);
    close(io->fd);
    free(pending->data);
    free(connection);
  } else if (flushing != (outcome == kBlocked)) {
    watch(loop, connection, flushing ? EV_READ : EV_WRITE);
  }
}

static void on_connections(struct ev_loop* loop, ev_io* listener, int events) {
  (void)events;
  for (int fd; (fd = accept_one(listener->fd)) >= 0;) {
    struct connection* connection = calloc(1, sizeof(*connection));
    if (connection == NULL) abort();
    ev_io_init(&connection->io, on_event, fd, EV_READ);
    ev_io_start(loop, &connection->io);
  }
}

int main(void) {
  struct ev_loop* loop = ev_default_loop(EVBACKEND_EPOLL);
  ev_io listener;
  ev_io_init(&listener, on_connections, open_listener(), EV_READ);
  ev_io_start(loop, &listener);
  ev_run(loop, 0);
}
