// A TCP proxy on libuv: one buffer for all, written at once if there is room. BACKEND_PORT; prints
// its port.
// SPDX-License-Identifier: MIT

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

// One of the two ends of a proxied connection.
struct end {
  uv_tcp_t tcp;
  struct end* other;
  bool ended;  // nothing more comes from here
};

struct rest {
  uv_write_t request;
  char data[];
};

static char shared[16384];
static struct sockaddr_in backend;

static void allocate(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer) {
  (void)handle, (void)suggested;
  *buffer = uv_buf_init(shared, sizeof(shared));
}

static void on_closed(uv_handle_t* handle) {
  struct end* end = (struct end*)handle;
  if (end->other != NULL) end->other->other = NULL;
  free(end);
}

static void drop(struct end* end) {
  struct end* other = end->other;
  if (!uv_is_closing((uv_handle_t*)end)) uv_close((uv_handle_t*)end, on_closed);
  if (other != NULL && !uv_is_closing((uv_handle_t*)other))
    uv_close((uv_handle_t*)other, on_closed);
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);

static void on_written(uv_write_t* request, int status) {
  struct end* from = ((struct end*)request->handle)->other;
  free(request->data);
  if (from == NULL || uv_is_closing((uv_handle_t*)from)) return;
  if (status != 0 || uv_read_start((uv_stream_t*)from, allocate, on_read) != 0) drop(from);
}

static void on_shut_down(uv_shutdown_t* request, int status) {
  (void)status;
  free(request);
}

static void on_end(struct end* from) {
  from->ended = true;
  uv_read_stop((uv_stream_t*)from);
  if (from->other->ended) {
    drop(from);
    return;
  }
  uv_shutdown_t* request = malloc(sizeof(*request));
  if (request == NULL || uv_shutdown(request, (uv_stream_t*)from->other, on_shut_down) != 0)
    abort();
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  struct end* from = (struct end*)stream;
  if (count == 0) return;
  if (count == UV_EOF) {
    on_end(from);
    return;
  }
  if (count < 0) {
    drop(from);
    return;
  }
  uv_stream_t* to = (uv_stream_t*)from->other;
  uv_buf_t data = uv_buf_init(buffer->base, (unsigned)count);
  int written = uv_try_write(to, &data, 1);
  if (written == count) return;
  if (written == UV_EAGAIN) written = 0;
  if (written < 0) {
    drop(from);
    return;
  }
  const size_t left = (size_t)(count - written);
  struct rest* rest = malloc(sizeof(*rest) + left);
  if (rest == NULL) abort();
  memcpy(rest->data, data.base + written, left);
  rest->request.data = rest;
  data = uv_buf_init(rest->data, (unsigned)left);
  uv_read_stop(stream);
  if (uv_write(&rest->request, to, &data, 1, on_written) != 0) abort();
}

static void on_connected(uv_connect_t* request, int status) {
  struct end* to = (struct end*)request->handle;
  free(request);
  if (status != 0) {
    drop(to);
    return;
  }
  uv_tcp_nodelay(&to->tcp, 1);
  if (uv_read_start((uv_stream_t*)to, allocate, on_read) != 0 ||
      uv_read_start((uv_stream_t*)to->other, allocate, on_read) != 0) {
    abort();
  }
}

static struct end* new_end(void) {
  struct end* end = calloc(1, sizeof(*end));
  if (end == NULL || uv_tcp_init(uv_default_loop(), &end->tcp) != 0) abort();
  return end;
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  struct end* client = new_end();
  client->other = new_end();
  client->other->other = client;
  if (uv_accept(listener, (uv_stream_t*)client) != 0) abort();
  uv_tcp_nodelay(&client->tcp, 1);
  uv_connect_t* request = malloc(sizeof(*request));
  if (request == NULL ||
      uv_tcp_connect(request, &client->other->tcp, (struct sockaddr*)&backend, on_connected) != 0) {
    abort();
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  uv_tcp_t listener;
  struct sockaddr_in address;
  int length = sizeof(address);
  uv_ip4_addr("127.0.0.1", atoi(argv[1]), &backend);
  uv_ip4_addr("127.0.0.1", 0, &address);
  if (uv_tcp_init(uv_default_loop(), &listener) != 0) abort();
  if (uv_tcp_bind(&listener, (struct sockaddr*)&address, 0) != 0) abort();
  if (uv_listen((uv_stream_t*)&listener, 4096, on_connection) != 0) abort();
  if (uv_tcp_getsockname(&listener, (struct sockaddr*)&address, &length) != 0) abort();
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
