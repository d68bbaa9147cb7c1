/** The name server's connections: many queries on one, those that say nothing, those that drip, and what is left of them. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, MSG_WAITALL, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { DnsType, encodeDnsMessage, parseDnsMessage } from '../../src/api/posix/dns.ts';
import { Process } from '../../src/api/posix/process.ts';
import { sockaddrIn } from '../../src/api/posix/sockaddr.ts';
import { nameServer } from '../../src/programs/name-server.ts';
import { dnsQuery } from '../../src/wire/dns.ts';
import { type ResolverWorld, serve, withServers } from './resolver-world.ts';

const SERVER = sockaddrIn('192.0.2.53', 53);

async function dial({ process }: ResolverWorld): Promise<number> {
  const fd = await process.socket(AF_INET, SOCK_STREAM, 0);
  await process.connect(fd, SERVER);
  return fd;
}

function framed(name: string, id = 1): Uint8Array {
  const query = encodeDnsMessage(dnsQuery(id, { name, type: DnsType.A, class: 1 }));
  return new Uint8Array([query.length >> 8, query.length & 255, ...query]);
}

/** The number of answers in the next message, or -1 at the end of the connection. */
async function nextAnswer({ process }: ResolverWorld, fd: number): Promise<number> {
  const head = new Uint8Array(2);
  if ((await process.recv(fd, head, MSG_WAITALL)) < 2) return -1;
  const bytes = new Uint8Array((head[0] << 8) | head[1]);
  await process.recv(fd, bytes, MSG_WAITALL);
  const message = parseDnsMessage(bytes);
  return typeof message === 'number' ? -2 : message.answers.length;
}

test('RFC 7766 6.2: several queries on one connection, at once or octet by octet', () => withServers(1, '', async (own) => {
  await serve(own.servers[0]);
  const fd = await dial(own);
  const queries = ['many', 'www', 'x'].flatMap((name, i) => [...framed(`${name}.example.org`, i)]);
  await own.process.send(fd, new Uint8Array(queries), 0);
  deepEqual([await nextAnswer(own, fd), await nextAnswer(own, fd), await nextAnswer(own, fd)], [60, 2, 0]);
  for (const octet of framed('four.example.org')) {
    await own.process.send(fd, new Uint8Array([octet]), 0);
    await own.world.sleep(10_000);
  }
  equal(await nextAnswer(own, fd), 1);
}));

test('RFC 7766 6.2.3: who says nothing, or too little in too long a time, is hung up on', () => withServers(1, '', async (own) => {
  await serve(own.servers[0]);
  const began = own.world.now;
  const silent = await dial(own);
  const dripping = await dial(own);
  const drip = (async () => {
    for (const octet of framed('four.example.org')) {
      await own.process.send(dripping, new Uint8Array([octet]), 0).catch(() => {});
      await own.world.sleep(3e6);
    }
  })();
  equal(await nextAnswer(own, silent), -1);
  ok(own.world.now - began < 10.1e6);
  equal(await nextAnswer(own, dripping).catch(() => -1), -1);
  ok(own.world.now - began < 21e6);
  await drip;
}));

test('RFC 7766 10: more connections than it takes wait until the silent ones are gone', () => withServers(1, '', async (own) => {
  await serve(own.servers[0]);
  for (let i = 0; i < 128; i++) await dial(own);
  const fd = await dial(own);
  await own.process.send(fd, framed('four.example.org'), 0);
  equal(await nextAnswer(own, fd), 1);
  const { now } = own.world;
  ok(now >= 10e6 && now < 10.5e6, `${now}`);
  own.process.exit();
  await own.world.sleep(300e6);
  deepEqual(own.world.leftovers().filter((each) => each.startsWith('client')), []);
}));

test('what it is called with', () => withServers(1, '', async (own) => {
  const said: string[] = [];
  const call = (...args: string[]): Promise<number> =>
    nameServer(new Process(own.servers[0], 'name-server', { output: (bytes) => said.push(new TextDecoder().decode(bytes)) }), args);
  equal(await call(), 2);
  equal(await call('-p', '70000', 'x'), 2);
  equal(await call('$ORIGIN example.org.\n@ SOA a b 1 1 1 1'), 2);
  deepEqual(said, [
    'name-server: usage: name-server [-p PORT] ZONE...\n', 'name-server: usage: name-server [-p PORT] ZONE...\n',
    'name-server: zone 1: line 2: 7 words of data are needed here, not 6\n',
  ]);
}));
