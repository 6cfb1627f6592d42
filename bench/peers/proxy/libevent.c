// A TCP proxy on libevent's bufferevents. BACKEND_PORT; prints its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "../echo/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum { kHighWater = 65536 };

static struct event_base* base;
static struct sockaddr_in backend;

static void on_drained(struct bufferevent* to, void* other);
static void on_event(struct bufferevent* end, short events, void* other);

static void on_read(struct bufferevent* from, void* other) {
  struct bufferevent* to = other;
  struct evbuffer* output = bufferevent_get_output(to);
  evbuffer_add_buffer(output, bufferevent_get_input(from));
  if (evbuffer_get_length(output) < kHighWater) return;
  bufferevent_disable(from, EV_READ);
  bufferevent_setcb(to, on_read, on_drained, on_event, from);
}

static void on_event(struct bufferevent* end, short events, void* other) {
  if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) return;
  bufferevent_free(end);
  bufferevent_free(other);
}

static void set(struct bufferevent* end, struct bufferevent* other) {
  bufferevent_setcb(end, on_read, NULL, on_event, other);
}

static void on_drained(struct bufferevent* to, void* other) {
  set(to, other);
  bufferevent_enable(other, EV_READ);
}

static void on_connections(int listener, short events, void* data) {
  (void)events, (void)data;
  for (int fd; (fd = accept_one(listener)) >= 0;) {
    struct bufferevent* client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    struct bufferevent* server = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (client == NULL || server == NULL) abort();
    set(client, server);
    set(server, client);
    if (bufferevent_socket_connect(server, (struct sockaddr*)&backend, sizeof(backend)) != 0)
      abort();
    const int on = 1;
    setsockopt(bufferevent_getfd(server), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bufferevent_enable(client, EV_READ | EV_WRITE);
    bufferevent_enable(server, EV_READ | EV_WRITE);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  backend = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(argv[1])),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  struct event* listening =
      event_new(base, open_listener(), EV_READ | EV_PERSIST, on_connections, NULL);
  event_add(listening, NULL);
  event_base_dispatch(base);
}
