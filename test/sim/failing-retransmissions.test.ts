/**
 * Retransmissions that do not leave this host: the path's MTU is smaller than the smallest segment that TCP makes.
 */
import { equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

test('tcp_retransmit_skb stamps the attempt: tcp_retries2 ends a connection whose segments never go', () => simulate({ seed: 1, eventLimit: 1e6 }, async (world) => {
  const [a, b] = [world.host('a'), world.host('b')];
  // 20 and 20 bytes of headers, 12 of time stamps, and tcp_min_snd_mss: no segment of data is this short.
  world.cable(a, b, { mtuBytes: 68 });
  const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
  const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
  await server.bind(listener, sockaddrIn('0.0.0.0', 80));
  await server.listen(listener, 8);
  const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
  await client.connect(fd, sockaddrIn('10.0.1.2', 80));
  const before = world.now;
  await client.send(fd, new Uint8Array(1000), 0);
  await rejects(client.recv(fd, new Uint8Array(1), 0), { code: 'ETIMEDOUT' });
  // 924.6 s of doubling timeouts, and at most one more.
  const seconds = (world.now - before) / 1e6;
  ok(seconds > 900 && seconds < 1100, `${seconds} s`);
  ok((a.nstat()['TcpExtTCPRetransFail'] ?? 0) > 10);
  equal(a.nstat()['TcpExtTCPAbortOnTimeout'], 1);
}));
