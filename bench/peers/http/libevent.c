// An HTTP/1.1 server on libevent's evhttp, which answers one request of a pipeline after the other.
// Prints its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // accept4

#include "../echo/connection.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

static void on_request(struct evhttp_request* request, void* data) {
  (void)data;
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
  struct evbuffer* body = evbuffer_new();
  evbuffer_add(body, "Hello, World!", 13);
  evhttp_send_reply(request, 200, "OK", body);
  evbuffer_free(body);
}

int main(void) {
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  struct event_base* base = event_base_new_with_config(config);
  struct evhttp* http = evhttp_new(base);
  evhttp_set_gencb(http, on_request, NULL);
  const int listener = open_listener();
  const int on = 1;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // the accepted inherit it
  if (evhttp_accept_socket(http, listener) != 0) abort();
  event_base_dispatch(base);
}
