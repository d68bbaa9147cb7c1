/** IP_RECVERR, IPV6_RECVERR and MSG_ERRQUEUE: what ICMP says of our datagrams, and why some are not sent at all. */
import { IPPROTO, IP, IPV6, MSG, SO, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { ALL_FAMILIES, INET, INET6, POLL, PORT, dgram, ints, pattern, room, state, text, wait } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';

async function withErrors(p: Syscalls, family: Family): Promise<number> {
  const fd = await dgram(p, family);
  await p.setsockopt(fd, IPPROTO.IP, IP.RECVERR, ints(1));
  if (family !== INET) await p.setsockopt(fd, IPPROTO.IPV6, IPV6.RECVERR, ints(1));
  return fd;
}

const refused = ALL_FAMILIES.map((family) => program(`error-queue-refused-${family.name}`, async (env) => {
  const p = await env.process();
  for (const connected of [false, true]) {
    const fd = await withErrors(p, family);
    await p.bind(fd, family.any(PORT + 2));
    if (connected) await p.connect(fd, family.loopback(PORT));
    await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
    await p.sendto(fd, text('to nobody'), 0, family.loopback(PORT));
    await env.settle();
    await state(p, fd);
    await p.recvmsg(fd, [room(64)], MSG.ERRQUEUE, 128, 256);
    await state(p, fd);
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
    await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
    // The pending error is told first; the queue is not touched by that.
    await p.sendto(fd, text('second'), 0, family.loopback(PORT));
    await env.settle();
    await env.attempt(p.recv(fd, room(16), 0));
    await state(p, fd);
    await env.attempt(p.recvmsg(fd, [room(3)], MSG.ERRQUEUE, 128, 40));
    await state(p, fd);
    // Several of them.
    for (const word of ['one', 'two']) {
      await env.attempt(p.sendto(fd, text(word), 0, family.loopback(PORT)));
      await env.settle();
      await env.attempt(p.sendto(fd, text(word), 0, family.loopback(PORT)));
      await env.settle();
    }
    for (let i = 0; i < 5; i++) {
      await state(p, fd);
      if ((await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE | MSG.PEEK, 128, 256))) !== null) break;
    }
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
    await env.attempt(p.recvfrom(fd, room(16), MSG.ERRQUEUE));
    await env.attempt(p.recv(fd, room(16), MSG.DONTWAIT));
    await p.close(fd);
  }
}));

const facts = ALL_FAMILIES.map((family) => program(`error-queue-facts-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await withErrors(p, family);
  await p.setsockopt(fd, SOL.SOCKET, SO.TIMESTAMP, ints(1));
  await p.setsockopt(fd, SOL.SOCKET, SO.SELECT_ERR_QUEUE, ints(1));
  await p.setsockopt(fd, IPPROTO.IP, IP.RECVTTL, ints(1));
  await p.setsockopt(fd, IPPROTO.IP, IP.RECVTOS, ints(1));
  if (family !== INET) {
    await p.setsockopt(fd, IPPROTO.IPV6, IPV6.RECVHOPLIMIT, ints(1));
    await p.setsockopt(fd, IPPROTO.IPV6, IPV6.RECVTCLASS, ints(1));
  }
  await p.sendto(fd, text('0123456789'), 0, family.loopback(PORT));
  await env.settle();
  await state(p, fd);
  await p.recvmsg(fd, [room(4), room(3)], MSG.ERRQUEUE, 128, 256);
  for (const space of [0, 16, 20, 48, 60, 100]) {
    await p.sendto(fd, text('cut'), 0, family.loopback(PORT));
    await env.settle();
    await p.recvmsg(fd, [room(8)], MSG.ERRQUEUE, 12, space);
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  }
}));

const tooLong = ALL_FAMILIES.map((family) => program(`error-queue-too-long-${family.name}`, async (env) => {
  const p = await env.process();
  const receiver = await dgram(p, family);
  await p.bind(receiver, family.any(PORT));
  const fd = await withErrors(p, family);
  for (const mode of [0, 1, 2, 3, 4, 5]) {
    await p.setsockopt(fd, IPPROTO.IP, IP.MTU_DISCOVER, ints(mode));
    if (family !== INET) await p.setsockopt(fd, IPPROTO.IPV6, IPV6.MTU_DISCOVER, ints(mode));
    for (const size of [65_480, 65_507, 65_508, 65_527, 65_528, 65_535, 65_536]) {
      // Linux sends what is one byte longer than IPv4 allows, with a length of 0, since loopback's MTU is larger still.
      if (size === 65_508 && (mode === 3 || mode === 4)) continue;
      const failed = await env.attempt(p.sendto(fd, pattern(size), 0, family.loopback(PORT)));
      await env.settle();
      if (failed === null) await p.recv(receiver, room(16), MSG.TRUNC);
      await state(p, fd);
      await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
    }
  }
  await p.connect(fd, family.loopback(PORT));
  await env.attempt(p.send(fd, pattern(65_535), 0));
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
}));

const levels = [INET6].map((family) => program('error-queue-of-the-other-level', async (env) => {
  const p = await env.process();
  // Each level asks for the errors of its own packets.
  for (const [level, option] of [[IPPROTO.IP, IP.RECVERR], [IPPROTO.IPV6, IPV6.RECVERR]] as const) {
    for (const to of ALL_FAMILIES.slice(1)) {
      const fd = await dgram(p, family);
      await p.setsockopt(fd, level, option, ints(1));
      await p.getsockopt(fd, IPPROTO.IP, IP.RECVERR, 4);
      await p.getsockopt(fd, IPPROTO.IPV6, IPV6.RECVERR, 4);
      await p.sendto(fd, text('x'), 0, to.loopback(PORT));
      await env.settle();
      await state(p, fd);
      await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
      await p.setsockopt(fd, level, option, ints(0));
      await p.sendto(fd, text('y'), 0, to.loopback(PORT));
      await env.settle();
      await state(p, fd);
    }
  }
}));

const full = ALL_FAMILIES.map((family) => program(`error-queue-full-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await withErrors(p, family);
  await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(0));
  for (let i = 0; i < 6; i++) {
    await env.attempt(p.sendto(fd, text(`number ${i}`), 0, family.loopback(PORT)));
    await env.settle();
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  }
  for (let i = 0; i < 7; i++) {
    if ((await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256))) !== null) break;
  }
}));

const turnedOff = ALL_FAMILIES.map((family) => program(`error-queue-turned-off-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await withErrors(p, family);
  await p.connect(fd, family.loopback(PORT));
  await p.send(fd, text('x'), 0);
  await wait(p, fd, POLL.ERR);
  // Turning it off empties the queue.
  await p.setsockopt(fd, IPPROTO.IP, IP.RECVERR, ints(0));
  await state(p, fd);
  await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
  if (family !== INET) await p.setsockopt(fd, IPPROTO.IPV6, IPV6.RECVERR, ints(0));
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
}));

export const programs: Program[] = [...refused, ...facts, ...tooLong, ...levels, ...full, ...turnedOff];
