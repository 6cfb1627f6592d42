// What the echo servers share that only watch descriptors: sockets, and bytes that wait for room.
// SPDX-License-Identifier: MIT
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBufferSize = 16384 };

static int open_listener(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(address);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, length) < 0 || listen(fd, 4096) < 0 ||
      getsockname(fd, (struct sockaddr*)&address, &length) < 0) {
    perror("listen");
    exit(1);
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

// The next connection, or -1 if there is none.
static int accept_one(int listener) {
  const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

// Bytes that the socket had no room for.
struct pending {
  size_t size;
  char* data;
};

enum outcome { kDone, kBlocked, kBroken };

// Writes what it can, and keeps the rest.
static enum outcome write_or_keep(int fd, struct pending* pending, const char* data, size_t size) {
  ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
  if (n == (ssize_t)size) return kDone;
  if (n < 0 && errno != EAGAIN && errno != EINTR) return kBroken;
  if (n < 0) n = 0;
  if (data != pending->data) {
    free(pending->data);
    pending->data = malloc(size - (size_t)n);
    if (pending->data == NULL) return kBroken;
  }
  pending->size = size - (size_t)n;
  memmove(pending->data, data + n, pending->size);
  return kBlocked;
}

// Reads once and writes it back.
static enum outcome echo_once(int fd, struct pending* pending) {
  static char buffer[kBufferSize];
  const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? kDone : kBroken;
  if (n == 0) return kBroken;
  return write_or_keep(fd, pending, buffer, (size_t)n);
}
