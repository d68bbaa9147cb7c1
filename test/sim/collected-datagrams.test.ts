/** What MSG_MORE and UDP_CORK collect: it waits for room, none of it is lost, and the host's memory pays for it. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, IPPROTO, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import type { World } from '../../src/sim/world.ts';

const UDP_CORK = 1;
const ON = Uint8Array.of(1, 0, 0, 0);
const OFF = new Uint8Array(4);
const PORT = 9;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A sender whose send buffer is full, behind a slow cable, and what its peer hears, beside what fills the buffer. */
async function full(world: World): Promise<{ p: Process; fd: number; heard: string[] }> {
  const [a, b] = [world.host('a'), world.host('b')];
  world.cable(a, b, { rateBitsPerSecond: 100_000 });
  const [p, q] = [new Process(a, 'sender'), new Process(b, 'receiver')];
  const to = sockaddrIn('10.0.1.2', PORT);
  const receiver = await q.socket(AF.INET, SOCK.DGRAM, 0);
  await q.bind(receiver, to);
  const heard: string[] = [];
  void (async () => {
    const into = new Uint8Array(2000);
    for (;;) {
      const text = new TextDecoder().decode(into.subarray(0, await q.recv(receiver, into, 0)));
      if (!text.startsWith('.')) heard.push(text);
    }
  })().catch(() => {});
  const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.connect(fd, to);
  await p.setsockopt(fd, SOL.SOCKET, SO.SNDBUF, OFF);
  await p.send(fd, bytes('known'), 0);
  await world.sleep(1e6);
  await rejects(async () => {
    for (;;) await p.send(fd, bytes('.'.repeat(1000)), Msg.DONTWAIT);
  }, { code: 'EAGAIN' });
  return { p, fd, heard };
}

test('the first write of a datagram waits for room, and the datagram goes out whole', async () => {
  await simulate({ seed: 1 }, async (world) => {
    const { p, fd, heard } = await full(world);
    await rejects(p.send(fd, bytes('refused'), Msg.MORE | Msg.DONTWAIT), { code: 'EAGAIN' });
    const began = world.now;
    equal(await p.send(fd, bytes('first half|'), Msg.MORE), 11);
    ok(world.now > began, 'it has waited');
    equal(await p.send(fd, bytes('second half'), 0), 11);
    await world.sleep(20e6);
    deepEqual(heard, ['known', 'first half|second half']);
  });
});

test('UDP_CORK that is switched off sends what was collected, whatever is on its way', async () => {
  await simulate({ seed: 1 }, async (world) => {
    const { p, fd, heard } = await full(world);
    await p.setsockopt(fd, IPPROTO.UDP, UDP_CORK, ON);
    for (const word of ['one ', 'two ', 'three']) await p.send(fd, bytes(word), 0);
    // As little room as there can be.
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDBUF, OFF);
    await p.setsockopt(fd, IPPROTO.UDP, UDP_CORK, OFF);
    await world.sleep(20e6);
    deepEqual(heard, ['known', 'one two three']);
  });
});

for (const [family, to] of [[AF.INET, sockaddrIn('127.0.0.1', PORT)], [AF.INET6, sockaddrIn6('::1', PORT)]] as const) {
  test(`a host's memory is all that its sockets collect: family ${family}`, async () => {
    await simulate({ seed: 1 }, async (world) => {
      const { memory } = world.host('a', { memoryBytes: 16 << 20 }).kernel;
      const p = new Process(world.hosts[0] as never, 'p');
      const [before, descriptors] = [memory.usedBytes, []] as [number, number[]];
      const error = await (async () => {
        for (;;) {
          const fd = await p.socket(family, SOCK.DGRAM, 0);
          descriptors.push(fd);
          await p.sendto(fd, new Uint8Array(60_000), Msg.MORE | Msg.DONTWAIT, to);
        }
      })().catch((thrown: SystemError) => thrown.code);
      equal(error, 'ENOBUFS');
      ok(memory.usedBytes <= memory.totalBytes, 'no more than it has');
      ok(memory.usedBytes >= 60_000 * (descriptors.length - 1), 'and all that was collected');
      ok(descriptors.length > 100, `${descriptors.length} sockets`);
      for (const fd of descriptors) await p.close(fd);
      equal(memory.usedBytes, before, 'all of it is given back');
    });
  });
}
