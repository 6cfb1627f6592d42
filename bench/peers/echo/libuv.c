// Echo on libuv: one buffer for all, written at once if the socket has room. Prints its port.
// SPDX-License-Identifier: MIT

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char shared[16384];

struct rest {
  uv_write_t request;
  char data[];
};

static void allocate(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer) {
  (void)handle, (void)suggested;
  *buffer = uv_buf_init(shared, sizeof(shared));
}

static void closed(uv_handle_t* handle) { free(handle); }

static void drop(uv_stream_t* stream) {
  if (!uv_is_closing((uv_handle_t*)stream)) uv_close((uv_handle_t*)stream, closed);
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);

static void on_written(uv_write_t* request, int status) {
  uv_stream_t* stream = request->handle;
  free(request->data);
  if (status != 0 || uv_read_start(stream, allocate, on_read) != 0) drop(stream);
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  if (count == 0) return;
  if (count < 0) {
    drop(stream);
    return;
  }
  uv_buf_t data = uv_buf_init(buffer->base, (unsigned)count);
  int written = uv_try_write(stream, &data, 1);
  if (written == count) return;
  if (written == UV_EAGAIN) written = 0;
  if (written < 0) {
    drop(stream);
    return;
  }
  const size_t left = (size_t)(count - written);
  struct rest* rest = malloc(sizeof(*rest) + left);
  if (rest == NULL) abort();
  memcpy(rest->data, data.base + written, left);
  rest->request.data = rest;
  data = uv_buf_init(rest->data, (unsigned)left);
  uv_read_stop(stream);
  if (uv_write(&rest->request, stream, &data, 1, on_written) != 0) abort();
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  uv_tcp_t* tcp = malloc(sizeof(*tcp));
  if (tcp == NULL || uv_tcp_init(listener->loop, tcp) != 0) abort();
  if (uv_accept(listener, (uv_stream_t*)tcp) != 0) abort();
  uv_tcp_nodelay(tcp, 1);
  if (uv_read_start((uv_stream_t*)tcp, allocate, on_read) != 0) abort();
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
