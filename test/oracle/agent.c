/*
 * The Linux side's hands: makes the system calls that it is told to make, and reports what the kernel answered.
 *
 *   agent --machine | --tasks | --session | --child SOCKET
 *
 * Started by src/platform/node/oracle/. The first agent (--machine) is a machine's init: process 1 of net, ipc, mount and pid
 * namespaces of its own, with a /proc and a /tmp of their own; it starts the others, one for each simulated process. Its
 * requests come on standard input and answers leave on standard output, the others' go through a socket; all are moved out
 * of the way, so that 0, 1 and 2 are /dev/null and the first socket of a program is descriptor 3, as in any process. Each request runs on a thread of its own, so that one call can
 * block in the kernel while another task of the same process goes on. The agent takes the next request when the call
 * before it has returned or has been running for BLOCKED_AFTER_MS, which keeps the order of calls that do not block.
 *
 * With --session, and in the children that it starts, the main thread makes the calls itself, one after the other,
 * and another thread with every signal blocked reads the requests: so signals reach the thread that makes the calls. What
 * handlers catch is told in a frame with the id CAUGHT before the next answer.
 *
 * All numbers are little-endian 32-bit.
 *   request: length of what follows, id, operation, a, b, c, d, number of buffers, then each buffer as length, bytes
 *   answer:  length of what follows, id, result (or negative errno), extra, number of buffers, then the buffers
 *
 * Calls that need nothing of the above to be made are made by name (OP_SYSCALL): the caller lays out the memory.
 *   buffer 0: the call's name    buffer 1: its arguments, six 64-bit numbers
 *   buffer 2: pointers as triples (where, offset, target): the address of buffer 3 + target goes into buffer 3 + where at
 *             byte `offset`, or, where `where` is -1, into argument `offset`
 *   buffer 3 and on: memory; all of it is in the answer, as the kernel left it
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_BUFFERS 1100
#define BLOCKED_AFTER_MS 10
#define PROTOCOL_IN 900
#define PROTOCOL_OUT 901
/* Init alone has it: the network namespace that the machine was started in. */
#define OUTER_NETWORK 902
#define SYSCALL_ARGUMENTS 6
#define SYSCALL_MEMORY 3
#define CAUGHT 0xffffffffu
#define CAUGHT_INTS 8
#define MAX_CAUGHT 4096

/* The numbers of `Operation` in src/platform/node/oracle/linux-process.ts. */
enum operation {
  OP_SOCKET = 1, OP_BIND, OP_LISTEN, OP_CONNECT, OP_ACCEPT, OP_ACCEPT4, OP_READ, OP_WRITE, OP_READV, OP_WRITEV,
  OP_RECV, OP_SEND, OP_RECVFROM, OP_SENDTO, OP_RECVMSG, OP_SENDMSG, OP_SHUTDOWN, OP_CLOSE, OP_DUP, OP_DUP2,
  OP_GETSOCKNAME, OP_GETPEERNAME, OP_GETSOCKOPT, OP_SETSOCKOPT, OP_FCNTL, OP_POLL, OP_IOCTL,
  OP_READ_FILE, OP_WRITE_FILE, OP_LIMIT_DESCRIPTORS, OP_SYSCALL, OP_SHMAT, OP_LOAD, OP_STORE,
  OP_SIGACTION, OP_FORK, OP_EXIT, OP_SPAWN,
};

struct buffer {
  uint32_t length;
  unsigned char *bytes;
};

struct request {
  uint32_t id, operation;
  int32_t a, b, c, d;
  uint32_t count;
  struct buffer buffers[MAX_BUFFERS];
  unsigned char *memory;
  /* Guarded by `lock`. */
  int done, holders;
  struct request *next;
};

struct answer {
  int32_t result;
  uint32_t extra;
  uint32_t count;
  struct buffer buffers[MAX_BUFFERS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished;

static void fail(const char *what) {
  fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static int read_fully(void *to, size_t length) {
  size_t have = 0;
  while (have < length) {
    ssize_t n = read(PROTOCOL_IN, (char *)to + have, length - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    have += (size_t)n;
  }
  return 1;
}

static void write_fully(const void *from, size_t length) {
  size_t sent = 0;
  while (sent < length) {
    ssize_t n = write(PROTOCOL_OUT, (const char *)from + sent, length - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(0);
    sent += (size_t)n;
  }
}

static unsigned char *room(uint32_t length) {
  unsigned char *p = calloc(1, length + 1);
  if (p == NULL) fail("calloc");
  return p;
}

/* Appends a buffer to the answer; takes over `bytes`, which is freed once the answer is written. */
static void give(struct answer *answer, unsigned char *bytes, uint32_t length) {
  answer->buffers[answer->count].bytes = bytes;
  answer->buffers[answer->count].length = length;
  answer->count++;
}

static void send_answer(uint32_t id, struct answer *answer) {
  uint32_t length = 16;
  for (uint32_t i = 0; i < answer->count; i++) length += 4 + answer->buffers[i].length;
  unsigned char *frame = room(4 + length);
  uint32_t head[5] = {length, id, (uint32_t)answer->result, answer->extra, answer->count};
  memcpy(frame, head, sizeof head);
  size_t at = sizeof head;
  for (uint32_t i = 0; i < answer->count; i++) {
    memcpy(frame + at, &answer->buffers[i].length, 4);
    memcpy(frame + at + 4, answer->buffers[i].bytes, answer->buffers[i].length);
    at += 4 + answer->buffers[i].length;
    free(answer->buffers[i].bytes);
  }
  pthread_mutex_lock(&output_lock);
  write_fully(frame, at);
  pthread_mutex_unlock(&output_lock);
  free(frame);
}

/* An iovec over fresh memory for the lengths in the request's first buffer; the memory is one block. */
static int scatter(struct request *q, struct iovec *iov, unsigned char **memory, uint32_t *total) {
  int count = q->count > 0 ? (int)(q->buffers[0].length / 4) : 0;
  uint32_t lengths[MAX_BUFFERS];
  *total = 0;
  if (count > MAX_BUFFERS) count = MAX_BUFFERS;
  if (count > 0) memcpy(lengths, q->buffers[0].bytes, (size_t)count * 4);
  for (int i = 0; i < count; i++) *total += lengths[i];
  *memory = room(*total);
  uint32_t at = 0;
  for (int i = 0; i < count; i++) {
    iov[i].iov_base = *memory + at;
    iov[i].iov_len = lengths[i];
    at += lengths[i];
  }
  return count;
}

static int gather(struct request *q, uint32_t from, struct iovec *iov) {
  int count = 0;
  for (uint32_t i = from; i < q->count; i++, count++) {
    iov[count].iov_base = q->buffers[i].bytes;
    iov[count].iov_len = q->buffers[i].length;
  }
  return count;
}

static uint32_t received(ssize_t n, uint32_t length) {
  if (n < 0) return 0;
  return n < (ssize_t)length ? (uint32_t)n : length;
}

/* The calls that can be made by name. Numbers differ from machine to machine, names do not. */
static const struct {
  const char *name;
  long number;
} syscalls[] = {
#define CALL(name) {#name, SYS_##name}
  CALL(socketpair), CALL(dup3), CALL(close_range),
  CALL(kill), CALL(rt_sigqueueinfo), CALL(rt_sigprocmask), CALL(rt_sigpending), CALL(rt_sigsuspend), CALL(rt_sigtimedwait),
  CALL(timer_create), CALL(timer_settime), CALL(timer_gettime), CALL(timer_getoverrun), CALL(timer_delete), CALL(signalfd4),
  CALL(setitimer), CALL(getitimer), CALL(nanosleep), CALL(wait4), CALL(waitid), CALL(ppoll), CALL(recvmmsg), CALL(sendmmsg), CALL(getpid), CALL(getppid), CALL(getpgid), CALL(setpgid),
  CALL(getsid), CALL(setsid), CALL(prlimit64), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
  CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid), CALL(setresuid), CALL(setresgid), CALL(getresuid),
  CALL(getresgid), CALL(getgroups), CALL(setgroups),
#ifdef SYS_pause
  CALL(pause), CALL(alarm),
#endif
  CALL(mq_open), CALL(mq_unlink), CALL(mq_notify), CALL(mq_timedsend), CALL(mq_timedreceive), CALL(mq_getsetattr),
  CALL(sendfile), CALL(splice), CALL(tee),
  CALL(msgget), CALL(msgsnd), CALL(msgrcv), CALL(msgctl), CALL(semget), CALL(semtimedop), CALL(semctl),
  CALL(shmget), CALL(shmdt), CALL(shmctl),
  CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
#ifdef SYS_epoll_pwait2
  CALL(epoll_pwait2),
#endif
  CALL(eventfd2), CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
  CALL(openat), CALL(pipe2), CALL(newfstatat), CALL(faccessat), CALL(readlinkat),
  CALL(lseek), CALL(pread64), CALL(pwrite64), CALL(truncate), CALL(ftruncate),
  CALL(mkdirat), CALL(mknodat), CALL(symlinkat), CALL(linkat), CALL(unlinkat),
  CALL(renameat2), CALL(fchmodat), CALL(fchmod), CALL(fchownat), CALL(umask),
  CALL(preadv), CALL(pwritev), CALL(fsync), CALL(fdatasync), CALL(fchown), CALL(fchdir), CALL(utimensat), CALL(statfs), CALL(fstatfs),
  CALL(chdir), CALL(getcwd), CALL(getdents64),
};

static long number_of(const struct buffer *name) {
  for (size_t i = 0; i < sizeof syscalls / sizeof *syscalls; i++) {
    if (strlen(syscalls[i].name) == name->length && memcmp(syscalls[i].name, name->bytes, name->length) == 0) {
      return syscalls[i].number;
    }
  }
  fprintf(stderr, "agent: no call %.*s is listed\n", (int)name->length, name->bytes);
  _exit(1);
}

/* setsockopt(2). The oracle's SO_ATTACH_FILTER takes the program itself, which C's structure points at. */
static long set_option(int fd, int level, int option, void *value, uint32_t length) {
  if (level != SOL_SOCKET || option != SO_ATTACH_FILTER) return setsockopt(fd, level, option, value, length);
  struct sock_fprog program = { .len = (unsigned short)(length / sizeof(struct sock_filter)), .filter = value };
  return setsockopt(fd, level, option, &program, sizeof program);
}

static void call_by_name(struct request *q, struct answer *answer) {
  long arguments[SYSCALL_ARGUMENTS] = {0};
  if (q->count < SYSCALL_MEMORY) fail("too few buffers");
  memcpy(arguments, q->buffers[1].bytes, q->buffers[1].length < sizeof arguments ? q->buffers[1].length : sizeof arguments);
  /* Memory of its own for each buffer, so that what the kernel writes stays inside (and is aligned). */
  for (uint32_t i = SYSCALL_MEMORY; i < q->count; i++) {
    unsigned char *copy = room(q->buffers[i].length);
    memcpy(copy, q->buffers[i].bytes, q->buffers[i].length);
    give(answer, copy, q->buffers[i].length);
  }
  for (uint32_t at = 0; at + 12 <= q->buffers[2].length; at += 12) {
    int32_t pointer[3];
    memcpy(pointer, q->buffers[2].bytes + at, sizeof pointer);
    unsigned char *target = answer->buffers[pointer[2]].bytes;
    if (pointer[0] < 0) arguments[pointer[1]] = (long)target;
    else memcpy(answer->buffers[pointer[0]].bytes + pointer[1], &target, sizeof target);
  }
  long number = number_of(&q->buffers[0]);
  long r = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  answer->result = r < 0 ? -errno : (int32_t)r;
}

/* What handlers have caught, in order; the main thread alone writes it and sends it. */
static int32_t caught[MAX_CAUGHT][CAUGHT_INTS];
static volatile sig_atomic_t caught_count;
static int caught_sent;

static void record(int signo, siginfo_t *info, void *context) {
  (void)context;
  if (caught_count == MAX_CAUGHT) return;
  int32_t *at = caught[caught_count++];
  at[0] = signo;
  at[1] = info->si_code;
  at[2] = info->si_pid;
  at[3] = (int32_t)info->si_uid;
  at[4] = signo == SIGCHLD ? info->si_status : 0;
  at[5] = info->si_code == SI_QUEUE || info->si_code == SI_TIMER || info->si_code == SI_MESGQ ? info->si_value.sival_int : 0;
  if (info->si_code > 0 && info->si_code < SI_KERNEL && signo != SIGCHLD) {
    at[2] = at[3] = 0;
    at[6] = (int32_t)info->si_band;
    at[7] = info->si_fd;
  }
}

static void send_caught(void) {
  struct answer answer;
  int count = caught_count;
  if (count == caught_sent) return;
  memset(&answer, 0, sizeof answer);
  for (; caught_sent < count; caught_sent++) {
    unsigned char *copy = room(sizeof caught[0]);
    memcpy(copy, caught[caught_sent], sizeof caught[0]);
    give(&answer, copy, sizeof caught[0]);
  }
  send_answer(CAUGHT, &answer);
}

/* a: signal  b: 0 default, 1 ignore, 2 the recording handler, -1 only ask  c: flags  buffer 0: the mask, 64 bits */
static void change_action(struct request *q, struct answer *answer) {
  struct sigaction action, old;
  memset(&action, 0, sizeof action);
  action.sa_flags = q->c;
  if (q->b == 2) {
    action.sa_sigaction = record;
    action.sa_flags |= SA_SIGINFO;
  } else {
    action.sa_handler = q->b == 1 ? SIG_IGN : SIG_DFL;
  }
  if (q->b >= 0) memcpy(&action.sa_mask, q->buffers[0].bytes, 8);
  int r = sigaction(q->a, q->b < 0 ? NULL : &action, &old);
  answer->result = r < 0 ? -errno : 0;
  if (r < 0) return;
  answer->extra = old.sa_handler == SIG_DFL ? 0 : old.sa_handler == SIG_IGN ? 1 : 2;
  unsigned char *copy = room(12);
  memcpy(copy, &old.sa_flags, 4);
  memcpy(copy + 4, &old.sa_mask, 8);
  give(answer, copy, 12);
}

/* fork and exec: the child is an agent too, and takes its requests from the socket of that path. */
static int start_child(char *path) {
  int pid = fork();
  if (pid != 0) return pid;
  execl("/proc/self/exe", "agent", "--child", path, (char *)NULL);
  _exit(127);
}

/* A child has its parent's descriptors, network and signals; its protocol is the socket's. */
static void connect_protocol(const char *path) {
  struct sockaddr_un address;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
  if (dup3(fd, PROTOCOL_IN, O_CLOEXEC) < 0 || dup3(fd, PROTOCOL_OUT, O_CLOEXEC) < 0) fail("descriptors");
  close(fd);
}

/* The same by init, for a process that the machine starts: tasks that make calls beside each other, or a session of its own. */
static int start_process(char *path, int takes_signals) {
  int pid = fork();
  if (pid != 0) return pid;
  /* What init ignores is nobody else's matter. */
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  /* A socket of the network outside: programs look at what is there inside. */
  int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0 || setns(OUTER_NETWORK, CLONE_NEWNET) < 0) _exit(127);
  connect_protocol(path);
  if (setns(own, CLONE_NEWNET) < 0) _exit(127);
  for (int fd = PROTOCOL_IN; fd <= PROTOCOL_OUT; fd++) fcntl(fd, F_SETFD, 0);
  execl("/proc/self/exe", "agent", takes_signals ? "--session" : "--tasks", (char *)NULL);
  _exit(127);
}

static void perform(struct request *q, struct answer *answer) {
  struct iovec iov[MAX_BUFFERS];
  unsigned char *memory = NULL;
  uint32_t total = 0;
  ssize_t r = -1;
  struct sockaddr_storage address;
  socklen_t address_length = sizeof address;
  struct buffer none = {0, NULL};
  struct buffer first = q->count > 0 ? q->buffers[0] : none;

  memset(&address, 0, sizeof address);
  errno = 0;
  switch (q->operation) {
  case OP_SOCKET: r = socket(q->a, q->b, q->c); break;
  case OP_BIND: r = bind(q->a, (struct sockaddr *)first.bytes, first.length); break;
  case OP_LISTEN: r = listen(q->a, q->b); break;
  case OP_CONNECT: r = connect(q->a, (struct sockaddr *)first.bytes, first.length); break;
  case OP_ACCEPT: r = accept(q->a, (struct sockaddr *)&address, &address_length); break;
  case OP_ACCEPT4: r = accept4(q->a, (struct sockaddr *)&address, &address_length, q->b); break;
  case OP_READ:
    memory = room((uint32_t)q->b);
    r = read(q->a, memory, (size_t)q->b);
    break;
  case OP_RECV:
    memory = room((uint32_t)q->b);
    r = recv(q->a, memory, (size_t)q->b, q->c);
    break;
  case OP_RECVFROM:
    memory = room((uint32_t)q->b);
    r = recvfrom(q->a, memory, (size_t)q->b, q->c, (struct sockaddr *)&address, &address_length);
    break;
  case OP_WRITE: r = write(q->a, first.bytes, first.length); break;
  case OP_SEND: r = send(q->a, first.bytes, first.length, q->b); break;
  case OP_SENDTO:
    if (q->c) {
      r = sendto(q->a, first.bytes, first.length, q->b, (struct sockaddr *)q->buffers[1].bytes, q->buffers[1].length);
    } else {
      r = sendto(q->a, first.bytes, first.length, q->b, NULL, 0);
    }
    break;
  case OP_READV: {
    int count = scatter(q, iov, &memory, &total);
    r = readv(q->a, iov, count);
    break;
  }
  case OP_WRITEV: r = writev(q->a, iov, gather(q, 0, iov)); break;
  case OP_RECVMSG: {
    struct msghdr m;
    unsigned char *control = room((uint32_t)q->d);
    memset(&m, 0, sizeof m);
    m.msg_iovlen = (size_t)scatter(q, iov, &memory, &total);
    m.msg_iov = iov;
    m.msg_name = q->c > 0 ? &address : NULL;
    m.msg_namelen = (socklen_t)q->c;
    m.msg_control = q->d > 0 ? control : NULL;
    m.msg_controllen = (size_t)q->d;
    r = recvmsg(q->a, &m, q->b);
    if (r >= 0) {
      answer->result = (int32_t)r;
      answer->extra = (uint32_t)m.msg_flags;
      give(answer, memory, received(r, total));
      unsigned char *name = room((uint32_t)q->c);
      uint32_t name_length = m.msg_name == NULL ? 0 : m.msg_namelen;
      if (name_length > (uint32_t)q->c) name_length = (uint32_t)q->c;
      memcpy(name, &address, name_length < sizeof address ? name_length : sizeof address);
      give(answer, name, name_length);
      give(answer, control, (uint32_t)m.msg_controllen);
      return;
    }
    free(control);
    break;
  }
  case OP_SENDMSG: {
    struct msghdr m;
    uint32_t at = 0;
    memset(&m, 0, sizeof m);
    if (q->c & 1) {
      m.msg_name = q->buffers[at].bytes;
      m.msg_namelen = q->buffers[at].length;
      at++;
    }
    if (q->c & 2) {
      m.msg_control = q->buffers[at].bytes;
      m.msg_controllen = q->buffers[at].length;
      at++;
    }
    m.msg_iovlen = (size_t)gather(q, at, iov);
    m.msg_iov = iov;
    r = sendmsg(q->a, &m, q->b);
    break;
  }
  case OP_SHUTDOWN: r = shutdown(q->a, q->b); break;
  case OP_CLOSE: r = close(q->a); break;
  case OP_DUP: r = dup(q->a); break;
  case OP_DUP2: r = dup2(q->a, q->b); break;
  case OP_GETSOCKNAME: r = getsockname(q->a, (struct sockaddr *)&address, &address_length); break;
  case OP_GETPEERNAME: r = getpeername(q->a, (struct sockaddr *)&address, &address_length); break;
  case OP_GETSOCKOPT: {
    socklen_t length = (socklen_t)q->d;
    memory = room(q->d > 0 ? (uint32_t)q->d : 0);
    /* Some options read what the memory holds. */
    if (first.length > 0 && (long)first.length <= q->d) memcpy(memory, first.bytes, first.length);
    r = getsockopt(q->a, q->b, q->c, memory, &length);
    if (r == 0) {
      answer->result = 0;
      give(answer, memory, length);
      return;
    }
    break;
  }
  case OP_SETSOCKOPT: r = set_option(q->a, q->b, q->c, first.bytes, first.length); break;
  case OP_FCNTL:
    if (q->b == F_GETOWN) {
      struct f_owner_ex owner;
      r = fcntl(q->a, F_GETOWN_EX, &owner);
      if (r == 0) answer->extra = (uint32_t)(owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid);
      break;
    }
    r = fcntl(q->a, q->b, (long)q->c);
    break;
  case OP_POLL:
    r = poll((struct pollfd *)first.bytes, first.length / sizeof(struct pollfd), q->a);
    if (r >= 0) {
      unsigned char *copy = room(first.length);
      memcpy(copy, first.bytes, first.length);
      give(answer, copy, first.length);
    }
    break;
  case OP_IOCTL: {
    int value = q->c;
    r = ioctl(q->a, (unsigned long)(uint32_t)q->b, &value);
    answer->extra = (uint32_t)value;
    break;
  }
  case OP_READ_FILE: {
    /* A setting under /proc/sys/net: what an agent sees there belongs to its own network namespace. */
    int fd = open((char *)first.bytes, O_RDONLY | O_CLOEXEC);
    r = fd;
    if (fd >= 0) {
      memory = room(4096);
      r = read(fd, memory, 4096);
      close(fd);
    }
    break;
  }
  case OP_WRITE_FILE: {
    int fd = open((char *)first.bytes, O_WRONLY | O_CLOEXEC);
    r = fd;
    if (fd >= 0) {
      r = write(fd, q->buffers[1].bytes, q->buffers[1].length);
      close(fd);
    }
    break;
  }
  case OP_LIMIT_DESCRIPTORS: {
    /* The soft limit: what is open above it stays open. */
    struct rlimit limit;
    r = getrlimit(RLIMIT_NOFILE, &limit);
    if (r == 0) {
      limit.rlim_cur = (rlim_t)q->a;
      r = setrlimit(RLIMIT_NOFILE, &limit);
    }
    break;
  }
  case OP_SYSCALL:
    call_by_name(q, answer);
    return;
  case OP_SIGACTION:
    change_action(q, answer);
    return;
  case OP_FORK: r = start_child((char *)first.bytes); break;
  case OP_SPAWN: r = start_process((char *)first.bytes, q->a); break;
  case OP_EXIT: _exit(q->a);
  case OP_SHMAT: {
    /* The segment's bytes, and where they are. */
    unsigned char *segment = shmat(q->a, NULL, q->b);
    if (segment == (void *)-1) break;
    unsigned char *copy = room((uint32_t)q->c);
    memcpy(copy, segment, (size_t)q->c);
    give(answer, copy, (uint32_t)q->c);
    unsigned char *where = room(sizeof segment);
    memcpy(where, &segment, sizeof segment);
    give(answer, where, sizeof segment);
    return;
  }
  case OP_LOAD: {
    unsigned char *segment, *copy = room((uint32_t)q->a);
    memcpy(&segment, first.bytes, sizeof segment);
    memcpy(copy, segment, (size_t)q->a);
    give(answer, copy, (uint32_t)q->a);
    return;
  }
  case OP_STORE: {
    unsigned char *segment;
    memcpy(&segment, first.bytes, sizeof segment);
    memcpy(segment, q->buffers[1].bytes, q->buffers[1].length);
    return;
  }
  default:
    errno = ENOSYS;
  }

  answer->result = r < 0 ? -errno : (int32_t)r;
  switch (q->operation) {
  case OP_READ: case OP_RECV: case OP_RECVFROM:
    give(answer, memory, received(r, (uint32_t)q->b));
    break;
  case OP_READV:
    give(answer, memory, received(r, total));
    break;
  case OP_READ_FILE:
    if (memory != NULL) give(answer, memory, received(r, 4096));
    break;
  default:
    free(memory);
  }
  switch (q->operation) {
  case OP_ACCEPT: case OP_ACCEPT4: case OP_RECVFROM: case OP_GETSOCKNAME: case OP_GETPEERNAME:
    if (r >= 0) {
      if (address_length > sizeof address) address_length = sizeof address;
      unsigned char *copy = room(address_length);
      memcpy(copy, &address, address_length);
      give(answer, copy, address_length);
    }
  }
}

static void release(struct request *q) {
  if (--q->holders > 0) return;
  free(q->memory);
  free(q);
}

static void *worker(void *argument) {
  struct request *q = argument;
  struct answer answer;
  memset(&answer, 0, sizeof answer);
  perform(q, &answer);
  send_answer(q->id, &answer);
  pthread_mutex_lock(&lock);
  q->done = 1;
  pthread_cond_broadcast(&finished);
  release(q);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void start(struct request *q) {
  pthread_attr_t attributes;
  pthread_t thread;
  struct timespec until;
  q->holders = 2;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attributes, worker, q) != 0) fail("pthread_create");
  pthread_attr_destroy(&attributes);
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += BLOCKED_AFTER_MS * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  pthread_mutex_lock(&lock);
  while (!q->done) {
    if (pthread_cond_timedwait(&finished, &lock, &until) == ETIMEDOUT) break;
  }
  release(q);
  pthread_mutex_unlock(&lock);
}

static struct request *next_request(void) {
  uint32_t length;
  if (!read_fully(&length, 4)) return NULL;
  struct request *q = calloc(1, sizeof *q);
  if (q == NULL) fail("calloc");
  q->memory = room(length);
  if (!read_fully(q->memory, length)) return NULL;
  uint32_t head[7];
  memcpy(head, q->memory, sizeof head);
  q->id = head[0];
  q->operation = head[1];
  q->a = (int32_t)head[2];
  q->b = (int32_t)head[3];
  q->c = (int32_t)head[4];
  q->d = (int32_t)head[5];
  q->count = head[6] < MAX_BUFFERS ? head[6] : MAX_BUFFERS;
  size_t at = sizeof head;
  for (uint32_t i = 0; i < q->count; i++) {
    memcpy(&q->buffers[i].length, q->memory + at, 4);
    q->buffers[i].bytes = q->memory + at + 4;
    at += 4 + q->buffers[i].length;
  }
  return q;
}

/* Requests that the main thread has not taken yet; guarded by `lock`. */
static struct request *first_request, *last_request;

static void *reader(void *argument) {
  (void)argument;
  for (;;) {
    struct request *q = next_request();
    if (q == NULL) _exit(0);
    pthread_mutex_lock(&lock);
    if (first_request == NULL) first_request = q;
    else last_request->next = q;
    last_request = q;
    pthread_cond_signal(&finished);
    pthread_mutex_unlock(&lock);
  }
}

/* Makes calls on this thread, whose signals they meet, while another one reads requests. */
static void serve_alone(void) {
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&thread, NULL, reader, NULL) != 0) fail("pthread_create");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  /* Signals that would leave a core file leave none. */
  prctl(PR_SET_DUMPABLE, 0);
  for (;;) {
    struct answer answer;
    pthread_mutex_lock(&lock);
    while (first_request == NULL) pthread_cond_wait(&finished, &lock);
    struct request *q = first_request;
    first_request = q->next;
    pthread_mutex_unlock(&lock);
    memset(&answer, 0, sizeof answer);
    perform(q, &answer);
    send_caught();
    send_answer(q->id, &answer);
    free(q->memory);
    free(q);
  }
}

static void loopback_up(void) {
  struct ifreq request;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) fail("lo");
  request.ifr_flags |= IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) fail("lo up");
  close(fd);
}

/*
 * A network of the program's own, an empty /tmp (sockets have paths), System V objects and pids of its own, of which this
 * process has the first. All go away with it, so nothing is left behind when a run is killed.
 */
static void enter_namespaces(void) {
  int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (network < 0 || dup3(network, OUTER_NETWORK, O_CLOEXEC) < 0) fail("/proc/self/ns/net");
  if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID) < 0) fail("unshare");
  int pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) {
    /* Whoever started this waits for it; the namespace's first process is its child. */
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  loopback_up();
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("mount /");
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) fail("mount /proc");
  if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777,size=16m,nr_inodes=4096") < 0) fail("mount /tmp");
  umask(022);
  if (chdir("/tmp") < 0) fail("/tmp");
  /* Whose parent has ended is init's child: nobody waits for it. */
  signal(SIGCHLD, SIG_IGN);
}

/* Moves the protocol to high numbers and puts /dev/null on 0, 1 and 2. */
static void clear_descriptors(void) {
  int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(0, PROTOCOL_IN) < 0 || dup2(1, PROTOCOL_OUT) < 0) fail("descriptors");
  fcntl(PROTOCOL_IN, F_SETFD, FD_CLOEXEC);
  fcntl(PROTOCOL_OUT, F_SETFD, FD_CLOEXEC);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  for (int fd = 3; fd < PROTOCOL_IN; fd++) close(fd);
}

static void say_ready(void) {
  struct answer ready;
  memset(&ready, 0, sizeof ready);
  send_answer(0, &ready);
}

/* Each request on a thread of its own. */
static void serve_tasks(void) {
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    struct request *q = next_request();
    if (q == NULL) _exit(0);
    start(q);
  }
}

int main(int argc, char **argv) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&finished, &monotonic);
  /* The name of what is executed through /proc/self/exe is `exe`. */
  prctl(PR_SET_NAME, "agent");
  if (argc == 2 && strcmp(argv[1], "--machine") == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enter_namespaces();
    clear_descriptors();
    say_ready();
    serve_tasks();
  }
  if (argc == 3 && strcmp(argv[1], "--child") == 0) {
    connect_protocol(argv[2]);
    say_ready();
    serve_alone();
  }
  if (argc != 2) {
    fprintf(stderr, "usage: agent --machine | --tasks | --session | --child SOCKET\n");
    _exit(2);
  }
  for (int fd = PROTOCOL_IN; fd <= PROTOCOL_OUT; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (strcmp(argv[1], "--tasks") == 0) {
    say_ready();
    serve_tasks();
  }
  /* As a process that a machine has started: the leader of a session of its own. */
  setsid();
  say_ready();
  serve_alone();
}
