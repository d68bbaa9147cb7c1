/** socket(2), descriptors: numbers, dup, fcntl, what is no socket. */
import { AF, F, FD_CLOEXEC, IOCTL, IPPROTO, O, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { ALL_FAMILIES, FAMILIES, INET, POLL, PORT, dgram, ints, listener, pair, room, state, stream, text, wait } from '../toolkit.ts';

const kinds = program('socket-kinds', async (env) => {
  const p = await env.process();
  for (const domain of [AF.INET, AF.INET6]) {
    for (const type of [SOCK.STREAM, SOCK.DGRAM]) {
      for (const protocol of [0, IPPROTO.TCP, IPPROTO.UDP, IPPROTO.ICMP, IPPROTO.ICMPV6, 99, 255, 256, 300, -1]) {
        // Descriptors stay open, so the numbers show that the lowest free one is taken.
        await env.attempt(p.socket(domain, type, protocol));
      }
    }
    for (const type of [0, 7, 8, 11, 15, 16, -1]) await env.attempt(p.socket(domain, type, 0));
    await env.attempt(p.socket(domain, SOCK.SEQPACKET, 0));
    await env.attempt(p.socket(domain, SOCK.RDM, 0));
    await env.attempt(p.socket(domain, SOCK.RAW, 0));
    await env.attempt(p.socket(domain, SOCK.STREAM | 0x10, 0));
    await env.attempt(p.socket(domain, SOCK.STREAM | 0x100000, 0));
    await env.attempt(p.socket(domain, SOCK.STREAM | SOCK.NONBLOCK, 0));
    await env.attempt(p.socket(domain, SOCK.DGRAM | SOCK.CLOEXEC, 0));
    await env.attempt(p.socket(domain, SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0));
  }
  for (const domain of [AF.UNSPEC, 45, 46, 99, -1]) {
    await env.attempt(p.socket(domain, SOCK.STREAM, 0));
    await env.attempt(p.socket(domain, 99, 0));
  }
});

const identity = program('socket-identity', async (env) => {
  const p = await env.process();
  for (const family of FAMILIES) {
    for (const type of [SOCK.STREAM, SOCK.DGRAM]) {
      const fd = await p.socket(family.domain, type | SOCK.CLOEXEC, 0);
      for (const option of [SO.TYPE, SO.DOMAIN, SO.PROTOCOL, SO.ERROR, SO.ACCEPTCONN]) {
        await p.getsockopt(fd, SOL.SOCKET, option, 4);
        await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, ints(1)));
      }
      await p.fcntl(fd, F.GETFL);
      await p.fcntl(fd, F.GETFD);
      await p.getsockname(fd);
      await env.attempt(p.getpeername(fd));
      await state(p, fd);
    }
  }
});

const bad = program('bad-descriptors', async (env) => {
  const p = await env.process();
  const fd = await stream(p, INET);
  await p.close(fd);
  for (const number of [fd, -1, 500, 5000]) {
    const address = INET.loopback(PORT);
    await env.attempt(p.bind(number, address));
    await env.attempt(p.listen(number, 1));
    await env.attempt(p.connect(number, address));
    await env.attempt(p.accept(number));
    await env.attempt(p.accept4(number, SOCK.NONBLOCK));
    await env.attempt(p.read(number, room(4)));
    await env.attempt(p.write(number, text('x')));
    await env.attempt(p.readv(number, [room(4)]));
    await env.attempt(p.writev(number, [text('x')]));
    await env.attempt(p.recv(number, room(4), 0));
    await env.attempt(p.send(number, text('x'), 0));
    await env.attempt(p.recvfrom(number, room(4), 0));
    await env.attempt(p.sendto(number, text('x'), 0, address));
    await env.attempt(p.recvmsg(number, [room(4)], 0, 128, 0));
    await env.attempt(p.sendmsg(number, { iov: [text('x')] }, 0));
    await env.attempt(p.shutdown(number, SHUT.RD));
    await env.attempt(p.close(number));
    await env.attempt(p.dup(number));
    await env.attempt(p.dup2(number, 7));
    await env.attempt(p.dup2(number, number));
    await env.attempt(p.getsockname(number));
    await env.attempt(p.getpeername(number));
    await env.attempt(p.getsockopt(number, SOL.SOCKET, SO.TYPE, 4));
    await env.attempt(p.setsockopt(number, SOL.SOCKET, SO.KEEPALIVE, ints(1)));
    await env.attempt(p.fcntl(number, F.GETFL));
    await env.attempt(p.fcntl(number, F.DUPFD, 3));
    await env.attempt(p.ioctl(number, IOCTL.FIONREAD));
    await state(p, number);
  }
});

const dups = FAMILIES.map((family) => program(`dup-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  const copy = await p.dup(client);
  const high = await p.dup2(client, 20);
  await p.dup2(client, client);
  await env.attempt(p.dup2(client, -1));
  await env.attempt(p.fcntl(client, F.DUPFD, -1));
  const above = await p.fcntl(client, F.DUPFD, 10);
  const closing = await p.fcntl(client, F.DUPFD_CLOEXEC, 10);
  await p.fcntl(above, F.GETFD);
  await p.fcntl(closing, F.GETFD);
  // The status flags belong to the description, the descriptor flags to the number.
  await p.fcntl(copy, F.SETFL, O.NONBLOCK);
  await p.fcntl(client, F.GETFL);
  await p.fcntl(copy, F.SETFD, FD_CLOEXEC);
  await p.fcntl(client, F.GETFD);
  await p.fcntl(copy, F.GETFD);
  await env.attempt(p.read(high, room(4)));
  await p.fcntl(client, F.SETFL, 0);
  await p.fcntl(copy, F.GETFL);
  await p.write(copy, text('by the copy'));
  await wait(p, server, POLL.IN);
  await p.read(server, room(64));
  // The FIN leaves with the last of them.
  for (const fd of [client, copy, high, above]) {
    await p.close(fd);
    await env.settle();
    await state(p, server);
  }
  await p.write(closing, text('last'));
  await p.close(closing);
  await wait(p, server, POLL.RDHUP);
  await p.read(server, room(64));
  await p.read(server, room(64));
}));

const dupOver = program('dup2-over-open-socket', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  const other = await stream(p, INET);
  // Replacing the only descriptor of a connection closes it.
  await p.dup2(other, client);
  await env.settle();
  await state(p, server);
  await p.read(server, room(8));
  await env.attempt(p.getpeername(client));
});

const numbers = program('lowest-number', async (env) => {
  const p = await env.process();
  const fds: number[] = [];
  for (let i = 0; i < 5; i++) fds.push(await dgram(p, INET));
  await p.close(fds[1] as number);
  await p.close(fds[3] as number);
  await stream(p, INET);
  await p.dup(fds[0] as number);
  await stream(p, INET);
});

const flags = program('status-flags', async (env) => {
  const p = await env.process();
  for (const family of FAMILIES) {
    const fd = await stream(p, family, SOCK.NONBLOCK);
    await p.fcntl(fd, F.GETFL);
    await p.fcntl(fd, F.GETFD);
    await p.fcntl(fd, F.SETFL, O.APPEND);
    await p.fcntl(fd, F.GETFL);
    // Access mode and creation flags are not set this way.
    await p.fcntl(fd, F.SETFL, O.NONBLOCK | O.WRONLY | O.CLOEXEC);
    await p.fcntl(fd, F.GETFL);
    await p.fcntl(fd, F.SETFD, FD_CLOEXEC);
    await p.fcntl(fd, F.GETFD);
    await p.fcntl(fd, F.SETFD, 2);
    await p.fcntl(fd, F.GETFD);
    await env.attempt(p.fcntl(fd, 99, 0));
  }
});

const acceptFlags = ALL_FAMILIES.map((family) => program(`accept4-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = family.name === 'mapped' ? await stream(p, family) : await listener(p, family);
  if (family.name === 'mapped') {
    await p.bind(listening, family.any(PORT));
    await p.listen(listening, 8);
  }
  for (const accept of [0, SOCK.NONBLOCK, SOCK.CLOEXEC, SOCK.NONBLOCK | SOCK.CLOEXEC]) {
    const client = await stream(p, family);
    await p.connect(client, family.loopback(PORT));
    const { fd } = await p.accept4(listening, accept);
    await p.fcntl(fd, F.GETFL);
    await p.fcntl(fd, F.GETFD);
    await p.getsockname(fd);
    await p.getpeername(fd);
    await p.getsockname(client);
    await p.getpeername(client);
    await p.close(fd);
    await p.close(client);
  }
  await env.attempt(p.accept4(listening, 1));
  // Accepted sockets do not inherit O_NONBLOCK on Linux.
  await p.fcntl(listening, F.SETFL, O.NONBLOCK);
  await env.attempt(p.accept(listening));
  await env.attempt(p.accept4(listening, SOCK.CLOEXEC));
  const client = await stream(p, family);
  await p.connect(client, family.loopback(PORT));
  await wait(p, listening, POLL.IN);
  const { fd } = await p.accept(listening);
  await p.fcntl(fd, F.GETFL);
}));

export const programs: Program[] = [kinds, identity, bad, ...dups, dupOver, numbers, flags, ...acceptFlags];
