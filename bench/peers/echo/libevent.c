// Echo on libevent, on bare events: one reads, another is added while bytes wait for room. Prints
// its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "connection.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base* base;

struct connection {
  struct event reading;
  struct event writing;
  struct pending pending;
};

static void drop(struct connection* connection) {
  const int fd = event_get_fd(&connection->reading);
  event_del(&connection->reading);
  event_del(&connection->writing);
  close(fd);
  free(connection->pending.data);
  free(connection);
}

static void on_readable(int fd, short events, void* data) {
  (void)events;
  struct connection* connection = data;
  const enum outcome outcome = echo_once(fd, &connection->pending);
  if (outcome == kBroken) {
    drop(connection);
  } else if (outcome == kBlocked) {
    event_del(&connection->reading);
    event_add(&connection->writing, NULL);
  }
}

static void on_writable(int fd, short events, void* data) {
  (void)events;
  struct connection* connection = data;
  struct pending* pending = &connection->pending;
  const enum outcome outcome = write_or_keep(fd, pending, pending->data, pending->size);
  if (outcome == kBroken) {
    drop(connection);
  } else if (outcome == kDone) {
    event_del(&connection->writing);
    event_add(&connection->reading, NULL);
  }
}

static void on_connections(int listener, short events, void* data) {
  (void)events, (void)data;
  for (int fd; (fd = accept_one(listener)) >= 0;) {
    struct connection* connection = calloc(1, sizeof(*connection));
    if (connection == NULL) abort();
    event_assign(&connection->reading, base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    event_assign(&connection->writing, base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
    event_add(&connection->reading, NULL);
  }
}

int main(void) {
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  if (base == NULL) abort();
  struct event listening;
  event_assign(&listening, base, open_listener(), EV_READ | EV_PERSIST, on_connections, NULL);
  event_add(&listening, NULL);
  event_base_dispatch(base);
}
