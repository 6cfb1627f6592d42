// An HTTP/1.1 server on libuv and llhttp: written at once if the socket has room. Prints its port.
// SPDX-License-Identifier: MIT

#include "hello.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct connection {
  uv_tcp_t tcp;
  struct http http;
};

struct rest {
  uv_write_t request;
  char data[];
};

static char buffer[kReadSize];
static char answers[kAnswersSize];

static void allocate(uv_handle_t* handle, size_t suggested, uv_buf_t* result) {
  (void)handle, (void)suggested;
  *result = uv_buf_init(buffer, sizeof(buffer));
}

static void on_closed(uv_handle_t* handle) { free(handle); }

static void drop(uv_stream_t* stream) {
  if (!uv_is_closing((uv_handle_t*)stream)) uv_close((uv_handle_t*)stream, on_closed);
}

static void on_written(uv_write_t* request, int status) {
  if (status != 0) drop(request->handle);
  free(request->data);
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* read) {
  if (count == 0) return;
  long size = -1;
  if (count > 0) {
    size = http_answer(&((struct connection*)stream)->http, read->base, (size_t)count, answers);
  }
  if (size < 0) {
    drop(stream);
    return;
  }
  if (size == 0) return;
  uv_buf_t data = uv_buf_init(answers, (unsigned)size);
  int written = uv_try_write(stream, &data, 1);
  if (written == size) return;
  if (written < 0) written = 0;
  const size_t left = (size_t)(size - written);
  struct rest* rest = malloc(sizeof(*rest) + left);
  if (rest == NULL) abort();
  memcpy(rest->data, answers + written, left);
  rest->request.data = rest;
  data = uv_buf_init(rest->data, (unsigned)left);
  if (uv_write(&rest->request, stream, &data, 1, on_written) != 0) abort();
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  struct connection* connection = calloc(1, sizeof(*connection));
  if (connection == NULL || uv_tcp_init(listener->loop, &connection->tcp) != 0) abort();
  http_init(&connection->http);
  if (uv_accept(listener, (uv_stream_t*)connection) != 0) abort();
  uv_tcp_nodelay(&connection->tcp, 1);
  if (uv_read_start((uv_stream_t*)connection, allocate, on_read) != 0) abort();
}

int main(void) {
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in address;
  int length = sizeof(address);
  uv_ip4_addr("127.0.0.1", 0, &address);
  if (uv_tcp_init(loop, &listener) != 0) abort();
  if (uv_tcp_bind(&listener, (struct sockaddr*)&address, 0) != 0) abort();
  if (uv_listen((uv_stream_t*)&listener, 4096, on_connection) != 0) abort();
  if (uv_tcp_getsockname(&listener, (struct sockaddr*)&address, &length) != 0) abort();
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
