/** What Node's own objects ask of the host below them, seen from the host: options of TCP, name servers, sockets that `ss` lists. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { getsockopt } from '../../src/api/node/socket-options.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { IPPROTO, SO, SOL, TCP } from '../../src/socket/constants.ts';
import { RunningProgram } from '../sim/program-runner.ts';

function optionOf(socket: net.Socket, level: number, option: number): number {
  const bytes = getsockopt(socket, level, option);
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
}

test('keepAlive and noDelay of net are those of our TCP, and ss tells the timer', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const { near, server } = await host.run(async () => {
    const server = net.createServer(() => {}).listen(80);
    await once(server, 'listening');
    const near = net.connect({ port: 80, host: '127.0.0.1', keepAlive: true, keepAliveInitialDelay: 25_000, noDelay: true });
    await once(near, 'connect');
    return { near, server };
  });
  equal(optionOf(near, SOL.SOCKET, SO.KEEPALIVE), 1);
  equal(optionOf(near, IPPROTO.TCP, TCP.KEEPIDLE), 25);
  equal(optionOf(near, IPPROTO.TCP, TCP.KEEPINTVL), 1);
  equal(optionOf(near, IPPROTO.TCP, TCP.KEEPCNT), 10);
  equal(optionOf(near, IPPROTO.TCP, TCP.NODELAY), 1);
  const { stdout } = await new RunningProgram(host, ['ss', '-tno', 'dport', '=', ':80']).ended;
  match(stdout, /timer:\(keepalive,2[45]sec,0\)/);
  await host.run(() => {
    near.setKeepAlive(false);
    near.setNoDelay(false);
  });
  equal(optionOf(near, SOL.SOCKET, SO.KEEPALIVE), 0);
  equal(optionOf(near, IPPROTO.TCP, TCP.NODELAY), 0);
  await host.run(() => {
    near.destroy();
    server.close();
  });
}));

test('name servers of dns are those of each program, also of the resolver that dns made before', () => simulate({ seed: 1 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  a.writeFile('/etc/resolv.conf', 'nameserver 192.0.2.1\nnameserver 192.0.2.2\n');
  deepEqual(await a.run(() => dns.getServers()), ['192.0.2.1', '192.0.2.2']);
  deepEqual(await b.run(() => dns.getServers()), ['127.0.0.1']);
  await b.run(async () => {
    dns.setServers(['192.0.2.9:5353']);
    deepEqual(await a.run(() => dns.getServers()), ['192.0.2.1', '192.0.2.2']);
    deepEqual(dns.getServers(), ['192.0.2.9:5353']);
  });
  await rejects(b.run(() => dns.promises.resolve4('a.example')), { code: 'ECONNREFUSED', syscall: 'queryA' });
}));

test('a name server that is silent: the waits of c-ares, in virtual time', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const took = await host.run(async () => {
    const { createSocket } = await import('node:dgram');
    const server = createSocket('udp4');
    server.bind(53, '127.0.0.1');
    await once(server, 'listening');
    const began = Date.now();
    await rejects(dns.promises.resolve4('a.example'), { code: 'ETIMEOUT' });
    server.close();
    return Date.now() - began;
  });
  // Four tries, which Node asks for: 2 s, 4 s, 8 s, 16 s.
  equal(Math.round(took / 100), 300);
}));

test("an agent's connection is used again after it was free; who looks for a handle's listener finds what was given", () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  await host.run(async () => {
    const server = http.createServer((_request, response) => response.end('hello')).listen(80);
    const agent = new http.Agent({ keepAlive: true });
    const ports: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      const [response] = (await once(http.get({ host: '127.0.0.1', agent }), 'response')) as [http.IncomingMessage];
      ports.push(response.socket.localPort);
      await once(response.resume(), 'end');
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    equal(new Set(ports).size, 1);
    // From 22.23 on Node's agent puts a guard on a free connection, and takes it off if it is still there.
    const [free] = Object.values(agent.freeSockets).flat() as unknown as { _handle: { onread: unknown } }[];
    const before = free?._handle.onread;
    const given = (): void => {};
    (free as { _handle: { onread: unknown } })._handle.onread = given;
    equal(free?._handle.onread, given);
    (free as { _handle: { onread: unknown } })._handle.onread = before;
    equal(free?._handle.onread, before);
    agent.destroy();
    server.close();
  });
}));

/** Sends blocks of 64 KiB to a reader who lies down now and then, and overwrites whatever he was given; returns both hashes. */
async function overwritten(send: (fn: () => Promise<void>) => Promise<void>, read: <T>(fn: () => Promise<T>) => Promise<T>, host: string): Promise<string[]> {
  const [sent, arrived] = [createHash('sha256'), createHash('sha256')];
  const server = await read(async () => {
    const server = net.createServer((socket) => {
      socket.on('data', (bytes) => {
        arrived.update(bytes);
        bytes.fill(0xff);
        if (socket.bytesRead % 5 === 0) setTimeout(() => socket.resume(), 30);
        if (socket.bytesRead % 5 === 0) socket.pause();
      });
      socket.on('end', () => socket.end());
    }).listen(80);
    await once(server, 'listening');
    return server;
  });
  await send(async () => {
    const client = net.connect(80, host);
    for (let i = 0; i < 64; i++) {
      const block = Buffer.alloc(65536);
      for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(i * 65536 + at, at);
      sent.update(block);
      if (!client.write(block)) await once(client, 'drain');
    }
    client.end();
    await once(client.resume(), 'close');
  });
  await read(async () => void server.close());
  return [sent.digest('hex'), arrived.digest('hex')];
}

test('a reader owns what he was given: he may write it, over loopback, where it is the memory of the socket', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const before = slabStatistics.given;
  const [sent, arrived] = await overwritten((fn) => host.run(fn), (fn) => host.run(fn), '127.0.0.1');
  equal(arrived, sent);
  ok(slabStatistics.given - before > 16, `${slabStatistics.given - before} of 64 blocks were given with their memory`);
}));

test('likewise over a cable that loses packets: what is sent again is what was written', () => simulate({ seed: 1 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  world.cable(a, b, { delayUs: 2_000, loss: 0.02 });
  const [sent, arrived] = await overwritten((fn) => a.run(fn), (fn) => b.run(fn), '10.0.1.2');
  equal(arrived, sent);
}));
