/** What dgram and dns promise, each as a short program: run by handles.test.ts over our sockets and over the kernel's. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import dgram, { type Socket } from 'node:dgram';
import dns from 'node:dns';
import { once } from 'node:events';
import { lookup as lookupPromise } from 'node:dns/promises';
import { promisify } from 'node:util';
import type { Coded } from './stream-behaviours.ts';

async function bound(type: 'udp4' | 'udp6' = 'udp4', address = '127.0.0.1', options: dgram.SocketOptions = { type }): Promise<Socket> {
  const socket = dgram.createSocket(options);
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

interface RawHandle {
  readonly fd: number;
  bind(address: string, port: number, flags: number): number;
  getsockname(into: object): number;
}

function closed(...sockets: Socket[]): Promise<unknown> {
  return Promise.all(sockets.map((socket) => {
    socket.close();
    return once(socket, 'close');
  }));
}

/** A name server of one's own that gives each question the answer that `answer` makes: records as bytes, and a result code. */
async function nameServer(answer: (name: string, type: number) => { rcode?: number; records?: Buffer[]; silent?: boolean }): Promise<Socket> {
  const server = await bound();
  server.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    while (query[at] !== 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] as number)));
      at += 1 + (query[at] as number);
    }
    const { rcode = 0, records = [], silent = false } = answer(labels.join('.'), query.readUInt16BE(at + 1));
    if (silent) return;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8180 | rcode, 2);
    head.writeUInt16BE(records.length, 6);
    server.send(Buffer.concat([head, query.subarray(12, at + 5), ...records]), from.port, from.address);
  });
  return server;
}

/** A record whose name is that of the question. */
function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function name(text: string): Buffer {
  return Buffer.concat([...text.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')), Buffer.alloc(1)]);
}

function resolverAt(server: Socket, options?: dns.ResolverOptions): dns.promises.Resolver {
  const resolver = new dns.promises.Resolver(options);
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  return resolver;
}

export const datagramBehaviours: Record<string, () => Promise<void>> = {
  'a datagram has memory of its own, which begins with it and ends with it': async () => {
    const [a, b] = [await bound(), await bound()];
    for (const bytes of [4, 3000]) {
      b.send(Buffer.alloc(bytes), a.address().port, '127.0.0.1');
      const [message] = (await once(a, 'message')) as [Buffer];
      deepEqual([message.byteOffset, message.buffer.byteLength], [0, bytes]);
    }
    await closed(a, b);
  },

  'a datagram comes whole, with its sender': async () => {
    const [a, b] = [await bound(), await bound()];
    a.send(['to', ' ', 'you'], b.address().port, '127.0.0.1');
    const [bytes, from] = await once(b, 'message');
    equal(String(bytes), 'to you');
    deepEqual(from, { address: '127.0.0.1', family: 'IPv4', port: a.address().port, size: 6 });
    await closed(a, b);
  },

  'connect: only the peer is heard; disconnect frees; refusal is told': async () => {
    const [a, b] = [await bound(), await bound()];
    a.connect(b.address().port, '127.0.0.1');
    await once(a, 'connect');
    equal(a.remoteAddress().port, b.address().port);
    a.send('known');
    equal(String((await once(b, 'message'))[0]), 'known');
    a.disconnect();
    const gone = b.address().port;
    await closed(b);
    a.connect(gone, '127.0.0.1');
    await once(a, 'connect');
    const failed = once(a, 'error');
    a.send('nobody');
    equal(((await failed)[0] as Coded).code, 'ECONNREFUSED');
    await closed(a);
  },

  'send without bind: the socket has a port afterwards': async () => {
    const b = await bound();
    const a = dgram.createSocket('udp4');
    const sent = await promisify<string, number, string, number>((text, port, to, done) => a.send(text, port, to, done))('x', b.address().port, '127.0.0.1');
    equal(sent, 1);
    await once(b, 'message');
    ok(a.address().port > 0);
    await closed(a, b);
  },

  'a datagram that is too long: EMSGSIZE': async () => {
    const a = await bound();
    const error = await new Promise<Coded | null>((resolve) => {
      a.send(Buffer.alloc(65_536), a.address().port, '127.0.0.1', (told) => resolve(told));
    });
    equal(error?.code, 'EMSGSIZE');
    await closed(a);
  },

  'bind: EADDRINUSE, and reuseAddr shares': async () => {
    const a = await bound('udp4', '127.0.0.1', { type: 'udp4', reuseAddr: true });
    const { port } = a.address();
    const b = dgram.createSocket('udp4');
    const failed = once(b, 'error');
    b.bind(port, '127.0.0.1');
    equal(((await failed)[0] as Coded).code, 'EADDRINUSE');
    b.close();
    const c = dgram.createSocket({ type: 'udp4', reuseAddr: true });
    c.bind(port, '127.0.0.1');
    await once(c, 'listening');
    await closed(a, c);
  },

  'multicast on the loopback: members hear it, those who left do not': async () => {
    const group = '239.1.2.3';
    const [a, b] = [await bound('udp4', '0.0.0.0'), await bound('udp4', '0.0.0.0')];
    b.addMembership(group, '127.0.0.1');
    a.setMulticastInterface('127.0.0.1');
    a.setMulticastTTL(1);
    a.setMulticastLoopback(true);
    a.send('all of you', b.address().port, group);
    equal(String((await once(b, 'message'))[0]), 'all of you');
    b.dropMembership(group, '127.0.0.1');
    let isHeard = false;
    b.on('message', () => {
      isHeard = true;
    });
    a.send('nobody', b.address().port, group);
    await new Promise((resolve) => setTimeout(resolve, 30));
    equal(isHeard, false);
    await closed(a, b);
  },

  'buffer sizes are doubled as Linux does': async () => {
    const a = await bound('udp4', '127.0.0.1', { type: 'udp4', recvBufferSize: 8192, sendBufferSize: 8192 });
    equal(a.getRecvBufferSize(), 16_384);
    equal(a.getSendBufferSize(), 16_384);
    await closed(a);
  },

  'a descriptor opens a socket': async () => {
    const { UDP } = (process as unknown as { binding(name: string): { UDP: new () => RawHandle } }).binding('udp_wrap');
    const raw = new UDP();
    equal(raw.bind('127.0.0.1', 0, 0), 0);
    const told: { port?: number } = {};
    raw.getsockname(told);
    const b = dgram.createSocket('udp4');
    const heard = once(b, 'listening');
    b.bind({ fd: raw.fd });
    await heard;
    equal(b.address().port, told.port);
    b.close();
    await once(b, 'close');
  },

  'lookup: names of /etc/hosts, addresses as they are, and what is nobody': async () => {
    equal((await lookupPromise('localhost', { family: 4 })).address, '127.0.0.1');
    deepEqual(await lookupPromise('127.0.0.5', { all: true }), [{ address: '127.0.0.5', family: 4 }]);
    await rejects(lookupPromise('nobody.invalid'), (error: Coded) => error.syscall === 'getaddrinfo' && /^(ENOTFOUND|EAI_AGAIN)$/.test(error.code ?? ''));
  },

  'resolve: what a name server says, in the words of dns': async () => {
    const server = await nameServer((_name, type) => {
      switch (type) {
        case 1:
          return { records: [record(1, 60, Buffer.from([192, 0, 2, 1])), record(1, 61, Buffer.from([192, 0, 2, 2]))] };
        case 15:
          return { records: [record(15, 60, Buffer.concat([Buffer.from([0, 10]), name('mx.example')]))] };
        case 16:
          return { records: [record(16, 60, Buffer.from('\x03one\x03two', 'latin1'))] };
        case 33:
          return { records: [record(33, 60, Buffer.concat([Buffer.from([0, 1, 0, 2, 0, 80]), name('www.example')]))] };
        case 35:
          return { records: [record(35, 60, Buffer.concat([Buffer.from('\0\x01\0\x02\x01s\x03SIP\0', 'latin1'), name('sip.example')]))] };
        case 257:
          return { records: [record(257, 60, Buffer.from('\0\x05issueca.example', 'latin1'))] };
        default:
          return { rcode: 3 };
      }
    });
    const resolver = resolverAt(server);
    deepEqual(await resolver.resolve4('a.example', { ttl: true }), [{ address: '192.0.2.1', ttl: 60 }, { address: '192.0.2.2', ttl: 61 }]);
    const typed = (type?: string): object => (Number(process.versions.node.split('.')[0]) >= 24 ? { type } : {});
    deepEqual(await resolver.resolveMx('a.example'), [{ exchange: 'mx.example', priority: 10, ...typed('MX') }]);
    deepEqual(await resolver.resolveTxt('a.example'), [['one', 'two']]);
    deepEqual(await resolver.resolveSrv('a.example'), [{ name: 'www.example', port: 80, priority: 1, weight: 2, ...typed('SRV') }]);
    deepEqual(await resolver.resolveNaptr('a.example'), [
      { flags: 's', service: 'SIP', regexp: '', replacement: 'sip.example', order: 1, preference: 2, ...typed() },
    ]);
    deepEqual(await resolver.resolveCaa('a.example'), [{ critical: 0, issue: 'ca.example', ...typed('CAA') }]);
    await rejects(resolver.resolve6('a.example'), { code: 'ENOTFOUND', syscall: 'queryAaaa', hostname: 'a.example' });
    await closed(server);
  },

  'resolve: errors have the codes of c-ares': async () => {
    const codes: Record<string, number> = { formerr: 1, servfail: 2, nxdomain: 3, notimp: 4, refused: 5 };
    const server = await nameServer((asked) => (asked === 'silent' ? { silent: true } : { rcode: codes[asked] ?? 0 }));
    const resolver = resolverAt(server);
    const hasty = resolverAt(server, { timeout: 30, tries: 1 });
    for (const [asked, code] of [
      ['formerr', 'EFORMERR'], ['servfail', 'ESERVFAIL'], ['nxdomain', 'ENOTFOUND'], ['notimp', 'ENOTIMP'], ['refused', 'EREFUSED'],
      ['nodata', 'ENODATA'], ['silent', 'ETIMEOUT'], ['a..b', 'EBADNAME'], ['hidden.onion', 'ENOTFOUND'],
    ] as const) {
      await rejects((asked === 'silent' ? hasty : resolver).resolve4(asked), { code, hostname: asked }, asked);
    }
    const cancelled = new dns.promises.Resolver();
    cancelled.setServers([`127.0.0.1:${server.address().port}`]);
    const ends = rejects(cancelled.resolve4('silent'), { code: 'ECANCELLED' });
    cancelled.cancel();
    await ends;
    await closed(server);
    // Nobody is at the port any more: refused, not waited for.
    await rejects(resolver.resolve4('a.example'), { code: 'ECONNREFUSED' });
  },
};
