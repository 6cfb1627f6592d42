// <sys/event.h> for Linux, for the tests of the kqueue backend alone: see tests/kqueue/kqueue.cpp.
// Values are FreeBSD's; EVFILT_EXCEPT is from macOS.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <sys/types.h>

struct timespec;

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags;
  int64_t data;
  void* udata;
  uint64_t ext[4];
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-11)
#define EVFILT_EXCEPT (-15)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_OOB 0x0002
#define NOTE_TRIGGER 0x01000000

extern "C" {
int kqueue();
int kevent(int fd, const struct kevent* changes, int n_changes, struct kevent* events, int n_events,
           const timespec* timeout);
}
