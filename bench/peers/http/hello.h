// The HTTP/1.1 side of a hello server, on llhttp: bytes in, answers out. What reads and writes them
// is the server's own.
// SPDX-License-Identifier: MIT
#pragma once

#include <llhttp/llhttp.h>
#include <string.h>

enum {
  kReadSize = 16384,
  // Of the shortest requests so many fit into one read, with their answers here.
  kAnswersSize = kReadSize / 16 * 96
};

struct http {
  llhttp_t parser;
  char* answers;
  size_t size;
};

static int on_message_complete(llhttp_t* parser) {
  static const char kAnswer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
  struct http* http = (struct http*)parser->data;
  memcpy(http->answers + http->size, kAnswer, sizeof(kAnswer) - 1);
  http->size += sizeof(kAnswer) - 1;
  return 0;
}

static inline void http_init(struct http* http) {
  static llhttp_settings_t settings;
  settings.on_message_complete = on_message_complete;
  llhttp_init(&http->parser, HTTP_REQUEST, &settings);
}

// Puts the answers to what is complete into `answers`, which has room for kAnswersSize; gives their
// size, or -1 if what came is not HTTP. A request may end in a later call.
static inline long http_answer(struct http* http, const char* data, size_t size, char* answers) {
  http->parser.data = http;  // it may have moved
  http->answers = answers;
  http->size = 0;
  if (llhttp_execute(&http->parser, data, size) != HPE_OK) return -1;
  return (long)http->size;
}
