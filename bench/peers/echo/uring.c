// The limit on io_uring: echo by raw system calls, with multishot accept and receive into provided
// buffers. All sends of a turn go in one call. Prints its port.
// SPDX-License-Identifier: MIT

#define _GNU_SOURCE  // MAP_POPULATE

#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  kEntries = 4096,
  kCompletions = 65536,
  kBuffers = 1024,
  kBufferSize = 16384,
  kStride = kBufferSize + 64,  // else the starts of all buffers would share a few cache sets
  kNone = kBuffers
};

enum operation { kAccept, kReceive, kSend };  // in the low bits of user_data

struct connection {
  int fd;
  unsigned first, last;  // buffers to send, in order: one is under way
  unsigned offset;       // how much of the first was sent
  bool receiving, ended;
  struct connection* next_starved;
};

static int ring;
static unsigned *sq_head, *sq_tail, sq_mask, *cq_head, *cq_tail, cq_mask;
static struct io_uring_sqe* sqes;
static struct io_uring_cqe* cqes;
static unsigned queued;  // submissions that the kernel was not told of

static struct io_uring_buf_ring* buffers;
static char* memory;
static unsigned size_of[kBuffers], next_of[kBuffers];
static struct connection* starved;  // those that found no buffer

static void stop(const char* what) {
  perror(what);
  exit(1);
}

static void enter(unsigned at_least) {
  const long n =
      syscall(SYS_io_uring_enter, ring, queued, at_least, IORING_ENTER_GETEVENTS, NULL, 0);
  if (n >= 0) {
    queued -= (unsigned)n;
  } else if (errno != EINTR) {
    stop("io_uring_enter");
  }
}

static struct io_uring_sqe* queue(struct connection* connection, enum operation operation, int code,
                                  int fd) {
  while (*sq_tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) > sq_mask) enter(0);
  struct io_uring_sqe* sqe = &sqes[*sq_tail & sq_mask];
  *sqe = (struct io_uring_sqe){
      .opcode = (uint8_t)code, .fd = fd, .user_data = (uintptr_t)connection | operation};
  __atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
  ++queued;
  return sqe;
}

static void start_accepting(int listener) {
  struct io_uring_sqe* sqe = queue(NULL, kAccept, IORING_OP_ACCEPT, listener);
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  sqe->accept_flags = SOCK_CLOEXEC;
}

static void start_receiving(struct connection* connection) {
  struct io_uring_sqe* sqe = queue(connection, kReceive, IORING_OP_RECV, connection->fd);
  sqe->ioprio = IORING_RECV_MULTISHOT;
  sqe->flags = IOSQE_BUFFER_SELECT;
  connection->receiving = true;
}

static void send_first(struct connection* connection) {
  struct io_uring_sqe* sqe = queue(connection, kSend, IORING_OP_SEND, connection->fd);
  const unsigned id = connection->first;
  sqe->addr = (uintptr_t)(memory + (size_t)id * kStride + connection->offset);
  sqe->len = size_of[id] - connection->offset;
  sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static void give_back(unsigned id) {
  struct io_uring_buf* entry = &((struct io_uring_buf*)buffers)[buffers->tail & (kBuffers - 1)];
  entry->addr = (uintptr_t)(memory + (size_t)id * kStride);
  entry->len = kBufferSize;
  entry->bid = (uint16_t)id;
  __atomic_store_n(&buffers->tail, (uint16_t)(buffers->tail + 1), __ATOMIC_RELEASE);
  if (starved == NULL) return;
  struct connection* connection = starved;
  starved = connection->next_starved;
  start_receiving(connection);
}

static void drop_if_over(struct connection* connection) {
  if (!connection->ended || connection->receiving || connection->first != kNone) return;
  close(connection->fd);
  free(connection);
}

static void on_accepted(int listener, const struct io_uring_cqe* cqe) {
  if ((cqe->flags & IORING_CQE_F_MORE) == 0) start_accepting(listener);
  if (cqe->res < 0) return;
  const int on = 1;
  setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  struct connection* connection = calloc(1, sizeof(*connection));
  if (connection == NULL) stop("calloc");
  connection->fd = cqe->res;
  connection->first = kNone;
  start_receiving(connection);
}

static void on_received(struct connection* connection, const struct io_uring_cqe* cqe) {
  connection->receiving = (cqe->flags & IORING_CQE_F_MORE) != 0;
  if (cqe->res > 0) {
    const unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    size_of[id] = (unsigned)cqe->res;
    next_of[id] = kNone;
    if (connection->first == kNone) {
      connection->first = connection->last = id;
      connection->offset = 0;
      send_first(connection);
    } else {
      next_of[connection->last] = id;
      connection->last = id;
    }
    if (!connection->receiving) start_receiving(connection);
  } else if (cqe->res == -ENOBUFS) {
    connection->next_starved = starved;
    starved = connection;
  } else {
    connection->ended = true;
    drop_if_over(connection);
  }
}

static void on_sent(struct connection* connection, const struct io_uring_cqe* cqe) {
  const unsigned id = connection->first;
  if (cqe->res > 0) connection->offset += (unsigned)cqe->res;
  if (cqe->res > 0 && connection->offset < size_of[id]) {
    send_first(connection);
    return;
  }
  connection->offset = 0;
  connection->first = next_of[id];
  give_back(id);
  if (connection->first != kNone) send_first(connection);
  drop_if_over(connection);
}

static void map_rings(void) {
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = kCompletions};
  ring = (int)syscall(SYS_io_uring_setup, kEntries, &params);
  if (ring < 0) stop("io_uring_setup");
  size_t size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  const size_t array_end = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  if (size < array_end) size = array_end;
  const int protection = PROT_READ | PROT_WRITE;
  char* base = mmap(NULL, size, protection, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  sqes = mmap(NULL, params.sq_entries * sizeof(*sqes), protection, MAP_SHARED | MAP_POPULATE, ring,
              IORING_OFF_SQES);
  if (base == MAP_FAILED || (void*)sqes == MAP_FAILED) stop("mmap");
  sq_head = (unsigned*)(base + params.sq_off.head);
  sq_tail = (unsigned*)(base + params.sq_off.tail);
  sq_mask = *(unsigned*)(base + params.sq_off.ring_mask);
  cq_head = (unsigned*)(base + params.cq_off.head);
  cq_tail = (unsigned*)(base + params.cq_off.tail);
  cq_mask = *(unsigned*)(base + params.cq_off.ring_mask);
  cqes = (struct io_uring_cqe*)(base + params.cq_off.cqes);
  unsigned* array = (unsigned*)(base + params.sq_off.array);
  for (unsigned i = 0; i < params.sq_entries; ++i) array[i] = i;
}

static void provide_buffers(void) {
  buffers = mmap(NULL, kBuffers * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = aligned_alloc(64, (size_t)kBuffers * kStride);
  if ((void*)buffers == MAP_FAILED || memory == NULL) stop("memory");
  struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)buffers, .ring_entries = kBuffers};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) != 0) {
    stop("io_uring_register");
  }
  for (unsigned id = 0; id < kBuffers; ++id) give_back(id);
}

static int open_listener(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(address);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, length) < 0 || listen(fd, 4096) < 0 ||
      getsockname(fd, (struct sockaddr*)&address, &length) < 0) {
    stop("listen");
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(void) {
  map_rings();
  provide_buffers();
  const int listener = open_listener();
  start_accepting(listener);
  for (;;) {
    enter(1);
    unsigned head = *cq_head;
    while (head != __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE)) {
      const struct io_uring_cqe cqe = cqes[head++ & cq_mask];
      __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
      struct connection* connection = (struct connection*)(uintptr_t)(cqe.user_data & ~UINT64_C(3));
      switch ((enum operation)(cqe.user_data & 3)) {
        case kAccept:
          on_accepted(listener, &cqe);
          break;
        case kReceive:
          on_received(connection, &cqe);
          break;
        case kSend:
          on_sent(connection, &cqe);
          break;
      }
    }
  }
}
