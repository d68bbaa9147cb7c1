import { deepEqual, equal, ok } from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { AF_INET, SO_LINGER, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET } from '../../api/posix/constants.ts';
import { Process } from '../../api/posix/process.ts';
import { sockaddrIn } from '../../api/posix/sockaddr.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { Loop } from '../../base/loop.ts';
import { slabStatistics } from '../../base/slab.ts';
import { Host } from '../../host.ts';
import { Cable } from '../../link/cable.ts';
import { NodeEnvironment } from './environment.ts';
import { PortForward } from './forward.ts';

const INSIDE = '192.0.2.2';
const PORT = 9502;

/** What the outside saw of a connection: its bytes, and how it ended. */
function watch(socket: Socket): Promise<{ bytes: number; end: string }> {
  let bytes = 0;
  let end = '';
  return new Promise((resolve) => {
    socket.on('data', (data) => (bytes += data.length));
    socket.on('end', () => (end += 'end '));
    socket.on('error', (error: NodeJS.ErrnoException) => (end += `${error.code} `));
    socket.on('close', () => resolve({ bytes, end: end.trim() }));
  });
}

describe('the port forward', { timeout: 60_000 }, () => {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const cable = new Cable(loop, environment.entropy, { delayUs: 100 });
  const outer = new Host({ name: 'outer', loop, random: environment.entropy });
  const inner = new Host({ name: 'inner', loop, random: environment.entropy });
  let forward: PortForward;
  let server: Process;
  let listener: number;

  before(async () => {
    for (const [host, device, address, mac] of [[outer, cable.a, '192.0.2.1', 1], [inner, cable.b, INSIDE, 2]] as const) {
      device.macHi = 0x0200;
      device.macLo = mac;
      host.attach(device);
      host.addAddress(device, IpAddress.from(address), 24);
    }
    server = new Process(inner, 'server');
    listener = await server.socket(AF_INET, SOCK_STREAM, 0);
    await server.setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, new Uint8Array([1, 0, 0, 0]));
    await server.bind(listener, sockaddrIn('0.0.0.0', PORT));
    await server.listen(listener, 16);
    forward = await PortForward.open({ from: outer, to: sockaddrIn(INSIDE, PORT), port: 0 });
  });

  after(() => {
    forward.close();
    loop.stop();
  });

  async function pair(): Promise<{ socket: Socket; fd: number }> {
    const socket = connect({ port: forward.port, host: '127.0.0.1', allowHalfOpen: true });
    const { fd } = await server.accept(listener);
    return { socket, fd };
  }

  test('bytes and both half-closes pass', async () => {
    const { socket, fd } = await pair();
    const seen = watch(socket);
    socket.end('question');
    const buffer = new Uint8Array(100);
    equal(await server.read(fd, buffer), 8);
    equal(await server.read(fd, buffer), 0);
    await server.write(fd, new Uint8Array(300_000));
    await server.close(fd);
    deepEqual(await seen, { bytes: 300_000, end: 'end' });
  });

  test('a reset inside is a reset outside', async () => {
    const { socket, fd } = await pair();
    const seen = watch(socket);
    await server.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
    await server.close(fd);
    deepEqual(await seen, { bytes: 0, end: 'ECONNRESET' });
  });

  test('a reset outside is a reset inside, although the forward waits in recv', async () => {
    const { socket, fd } = await pair();
    socket.on('error', () => {});
    socket.write('x');
    const buffer = new Uint8Array(10);
    equal(await server.read(fd, buffer), 1);
    socket.resetAndDestroy();
    const error = await server.read(fd, buffer).then((n) => new Error(`read ${n}`), (thrown: NodeJS.ErrnoException) => thrown);
    equal((error as NodeJS.ErrnoException).code, 'ECONNRESET', error.message);
    await server.close(fd);
  });

  test('nobody listens inside: the real client is reset', async () => {
    const other = await PortForward.open({ from: outer, to: sockaddrIn(INSIDE, 1), port: 0 });
    const seen = await watch(connect(other.port, '127.0.0.1'));
    other.close();
    deepEqual(seen, { bytes: 0, end: 'ECONNRESET' });
  });

  /** Waits until a count has not moved for half a second; fails when it goes on for ever. */
  async function settles(count: () => number): Promise<number> {
    for (let look = 0, before = -1; look < 20; look++) {
      if (count() === before) return before;
      before = count();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`still moving after 10 s: ${count()}`);
  }

  test('who does not read stops the writer, both ways', async () => {
    const { socket, fd } = await pair();
    socket.pause();
    // Inwards: the outside writes 128 MB that nobody reads. What is taken lies in buffers of bounded size.
    const total = 128 << 20;
    const block = Buffer.alloc(1 << 20);
    let accepted = 0;
    for (let at = 0; at < total; at += block.length) socket.write(block, () => (accepted += block.length));
    const taken = await settles(() => accepted);
    ok(taken < total / 2, `${taken} bytes went in`);
    // Outwards: the inside writes, and the outside does not read.
    let sent = 0;
    const writing = (async () => {
      while (sent < total) sent += await server.write(fd, block);
    })();
    const given = await settles(() => sent);
    ok(given < total / 2, `${given} bytes went out`);
    ok(slabStatistics.chunksInUse < total / 65536, `${slabStatistics.chunksInUse} chunks`);
    // And it goes on when they read again: everything arrives, each way.
    const seen = watch(socket);
    socket.resume();
    socket.end();
    const buffer = new Uint8Array(1 << 16);
    let received = 0;
    for (let n = -1; n !== 0; received += n) n = await server.read(fd, buffer);
    equal(received, total);
    await writing;
    await server.close(fd);
    deepEqual(await seen, { bytes: total, end: 'end' });
  });
});
