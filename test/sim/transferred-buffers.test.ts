/**
 * Buffers that are transferred (or shrunk) while a call with them waits: Linux's EFAULT, and never a call without an end.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

const WAITALL = 0x100;

/** Two processes with a connection: descriptor 3 of the client, 4 of the server. */
function run(body: (client: Process, server: Process) => Promise<void>): Promise<void> {
  return simulate({ seed: 1, timeLimitUs: 1e9 }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b, { delayUs: 1000 });
    const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, sockaddrIn('0.0.0.0', 80));
    await server.listen(listener, 8);
    equal(await client.socket(AF.INET, SOCK.STREAM, 0), 3);
    await client.connect(3, sockaddrIn('10.0.1.2', 80));
    equal((await server.accept(listener)).fd, 4);
    await body(client, server);
  });
}

function transfer(bytes: Uint8Array): void {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
}

test('a blocked read into a transferred buffer is EFAULT, and the data stays for the next one', () => run(async (client, server) => {
  for (const call of ['read', 'recv', 'recvfrom', 'recvmsg', 'recvmsg of two', 'readv of two'] as const) {
    const [buffer, other] = [new Uint8Array(4), new Uint8Array(4)];
    const received = {
      'read': () => server.read(4, buffer), 'recv': () => server.recv(4, buffer, 0),
      'recvfrom': () => server.recvfrom(4, buffer, 0), 'recvmsg': () => server.recvmsg(4, [buffer], 0),
      'recvmsg of two': () => server.recvmsg(4, [buffer, other], 0), 'readv of two': () => server.readv(4, [buffer, other]),
    }[call]();
    transfer(buffer);
    const refused = rejects(received, { code: 'EFAULT' }, call);
    await client.write(3, Uint8Array.of(1, 2, 3));
    await refused;
    const next = new Uint8Array(8);
    equal(await server.read(4, next), 3);
    deepEqual([...next], [1, 2, 3, 0, 0, 0, 0, 0]);
  }
}));

test('what a blocked read with MSG_WAITALL had before the transfer is its count', () => run(async (client, server) => {
  const buffer = new Uint8Array(100);
  await client.write(3, new Uint8Array(10));
  const received = server.recv(4, buffer, WAITALL);
  await client.sleep(10_000);
  transfer(buffer);
  await client.write(3, new Uint8Array(90));
  equal(await received, 10);
}));

test('a blocked write of a transferred buffer ends with what went before', () => run(async (client, server) => {
  const bytes = new Uint8Array(8 << 20);
  const written = client.write(3, bytes);
  transfer(bytes);
  const to = new Uint8Array(65536);
  let count = 0;
  const reader = (async () => {
    for (let n = 1; n > 0; count += n) n = await server.read(4, to);
  })();
  const sent = await written;
  await client.close(3);
  await reader;
  equal(count, sent);
}));

test('readv and writev take arrays that were transferred before for empty ones', () => run(async (client, server) => {
  const gone = new Uint8Array(4);
  transfer(gone);
  equal(await client.writev(3, [gone, Uint8Array.of(7, 8)]), 2);
  const rest = new Uint8Array(4);
  await client.sleep(10_000);
  equal(await server.readv(4, [gone, rest]), 2);
  deepEqual([...rest], [7, 8, 0, 0]);
}));
