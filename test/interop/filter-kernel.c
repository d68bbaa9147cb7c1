/*
 * The kernel's hands for classic BPF: attaches programs to a socket and tells what becomes of packets.
 *
 * Used by filter-kernel.test.ts. All numbers are little-endian 32-bit.
 *   in, per program:  number of instructions, each as struct sock_filter (8 bytes), number of packets, each as length, bytes
 *   out, per program: 0 or the errno of SO_ATTACH_FILTER; then per packet how many bytes arrived, -1 when it was dropped
 */
#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_INSTRUCTIONS 8192
#define MOST_BYTES 65536

static struct sock_filter program[MOST_INSTRUCTIONS];
static unsigned char packet[MOST_BYTES], arrived[MOST_BYTES];

static uint32_t number(void) {
  uint32_t value;
  if (fread(&value, 4, 1, stdin) != 1) exit(feof(stdin) ? 0 : 1);
  return value;
}

static void answer(int32_t value) {
  fwrite(&value, 4, 1, stdout);
}

int main(void) {
  for (;;) {
    uint32_t length = number();
    if (length > MOST_INSTRUCTIONS || fread(program, sizeof *program, length, stdin) != length) return 1;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return 1;
    struct sock_fprog fprog = { length, program };
    int failed = setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog) != 0;
    answer(failed ? errno : 0);
    for (uint32_t packets = number(); packets > 0; packets--) {
      uint32_t bytes = number();
      if (bytes > MOST_BYTES || fread(packet, 1, bytes, stdin) != bytes) return 1;
      if (send(pair[0], packet, bytes, 0) != bytes) return 1;
      answer(recv(pair[1], arrived, sizeof arrived, MSG_DONTWAIT));
    }
    close(pair[0]);
    close(pair[1]);
  }
}
