/**
 * The resolver in a world: over lossy wires, with servers that are silent, wrong, forged, too short of room.
 */
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { type DnsMessage, type DnsRecord, DnsType, encodeDnsMessage, Rcode } from '../../src/api/posix/dns.ts';
import type { GaiError } from '../../src/api/posix/gai-error.ts';
import { getaddrinfo } from '../../src/api/posix/getaddrinfo.ts';
import { getnameinfo } from '../../src/api/posix/getnameinfo.ts';
import { AI_CANONNAME, NI_NAMEREQD } from '../../src/api/posix/netdb-constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { formatSockaddr, sockaddrIn, sockaddrIn6 } from '../../src/api/posix/sockaddr.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { below, SeededRandom } from '../../src/base/random.ts';
import { REVERSE, type ResolverWorld, scripted, serve, withServers, ZONE } from './resolver-world.ts';

const seed = Number(process.env['SOCKSCAPE_SEED'] ?? 1);

/** The addresses of a name, or the code of the error; and how long it took, in seconds. */
async function lookUp({ process, world }: ResolverWorld, name: string, family: number = AF_INET): Promise<[string, number]> {
  const began = world.now;
  const hints = { family, socktype: SOCK_STREAM, flags: AI_CANONNAME };
  const list = await getaddrinfo(process, name, null, hints).catch((error: GaiError) => error.code);
  const took = (world.now - began) / 1e6;
  if (typeof list === 'string') return [list, took];
  return [[list[0].canonname, ...list.map(({ addr }) => formatSockaddr(addr).replace(/:0$/, ''))].join(' '), took];
}

function a(name: string, address = '192.0.2.77'): DnsRecord {
  return { name, type: DnsType.A, class: 1, ttl: 60, data: { kind: 'address', address: IpAddress.from(address) } };
}

function alias(name: string, target: string): DnsRecord {
  return { name, type: DnsType.CNAME, class: 1, ttl: 60, data: { kind: 'name', target } };
}

test('names of both families, aliases, names back, and what is not there', () => withServers(1, '', async (own) => {
  await serve(own.servers[0]);
  deepEqual((await lookUp(own, 'www.example.org', 0))[0], 'web.example.org [2001:db8::80] 192.0.2.80');
  deepEqual((await lookUp(own, 'WWW.example.org.'))[0], 'web.example.org 192.0.2.80');
  equal((await lookUp(own, 'four.example.org', 0))[0], 'four.example.org 192.0.2.4');
  equal((await lookUp(own, 'four.example.org', AF_INET6))[0], 'EAI_NODATA');
  equal((await lookUp(own, 'note.example.org', 0))[0], 'EAI_NODATA');
  equal((await lookUp(own, 'nosuch.example.org', 0))[0], 'EAI_NONAME');
  equal((await lookUp(own, 'example.com', 0))[0], 'EAI_AGAIN', 'the server refuses');
  for (const name of ['loop.example.org', 'bad.example.org']) equal((await lookUp(own, name, 0))[0], 'EAI_NONAME', name);
  deepEqual(await getnameinfo(own.process, sockaddrIn('192.0.2.80', 443), 0), { host: 'web.example.org', service: 'https' });
  deepEqual(await getnameinfo(own.process, sockaddrIn6('::ffff:192.0.2.80', 443), 0), { host: 'web.example.org', service: 'https' });
  deepEqual(await getnameinfo(own.process, sockaddrIn('192.0.2.81', 1), 0), { host: '192.0.2.81', service: 'tcpmux' }, 'no host name');
  await rejects(getnameinfo(own.process, sockaddrIn('192.0.2.82', 1), NI_NAMEREQD), { code: 'EAI_NONAME' });
}));

test('a client resolves through a lossy wire, whatever is lost, and leaves nothing behind', async () => {
  for (let round = 0; round < 10; round++) {
    await withServers(2, 'options timeout:1 attempts:5', async (own) => {
      for (const server of own.servers) await serve(server);
      deepEqual((await lookUp(own, 'www.example.org', 0))[0], 'web.example.org [2001:db8::80] 192.0.2.80', `seed ${seed}/${round}`);
      const [many] = await lookUp(own, 'many.example.org');
      equal(many.split(' ').length, 61, `seed ${seed}/${round}`);
      own.process.exit();
      await own.world.sleep(300e6);
      deepEqual(own.world.leftovers().filter((each) => each.startsWith('client')), []);
    }, { loss: 0.1, delayUs: 5000, jitterUs: 2000 }, `${seed}/${round}`);
  }
});

test('RFC 7766: what is too long for a datagram is asked for again over TCP', () => withServers(1, '', async (own) => {
  await serve(own.servers[0]);
  const [words] = await lookUp(own, 'many.example.org');
  equal(words.split(' ').length, 61);
  equal(own.client.nstat()['TcpActiveOpens'], 1);
}));

test('options use-vc: TCP from the first', () => withServers(1, 'options use-vc', async (own) => {
  await serve(own.servers[0]);
  equal((await lookUp(own, 'four.example.org'))[0], 'four.example.org 192.0.2.4');
  deepEqual([own.client.nstat()['TcpActiveOpens'], own.client.nstat()['UdpOutDatagrams'] ?? 0], [1, 0]);
}));

test('edns0: longer datagrams; a server that does not know OPT is asked without it', () => withServers(2, 'options edns0', async (own) => {
  await serve(own.servers[0]);
  equal((await lookUp(own, 'many.example.org'))[0].split(' ').length, 61);
  equal(own.client.nstat()['TcpActiveOpens'] ?? 0, 0);
  own.client.writeFile('/etc/resolv.conf', 'nameserver 192.0.2.54\noptions edns0\n');
  const seen: number[] = [];
  await scripted(own.servers[1], ({ query, reply }) => {
    seen.push(query.additionals.length);
    return query.additionals.length > 0
      ? reply({ rcode: Rcode.FormErr, questions: [], additionals: [] })
      : reply({ answers: [a(query.questions[0].name)] });
  });
  equal((await lookUp(own, 'plain.example.org'))[0], 'plain.example.org 192.0.2.77');
  deepEqual(seen, [1, 0]);
}));

test('resolv.conf(5): a silent server is waited for as long as it says, then the next one is asked', async () => {
  for (const [options, seconds] of [
    ['', 5], ['options timeout:2', 2], ['options timeout:30 attempts:1', 30], ['options timeout:0', 1],
  ] as const) {
    await withServers(2, options, async (own) => {
      const asked = await scripted(own.servers[0], () => {});
      await serve(own.servers[1]);
      const [words, took] = await lookUp(own, 'four.example.org');
      equal(words, 'four.example.org 192.0.2.4');
      ok(took >= seconds && took < seconds + 0.1, `${options}: ${took} s`);
      deepEqual(asked, ['four.example.org 1']);
    });
  }
});

test('res_send: all servers silent: EAI_AGAIN after all rounds; the wait doubles from server to server and is shared', async () => {
  for (const [count, options, seconds, queries] of [
    [1, '', 10, 2], [2, '', 20, 4], [3, '', 2 * (5 + 3 + 6), 6], [1, 'options attempts:1', 5, 1],
    [3, 'options timeout:1 attempts:3', 3 * 3, 9],
  ] as const) {
    await withServers(count, options, async (own) => {
      const logs = await Promise.all(own.servers.map((server) => scripted(server, () => {})));
      const [words, took] = await lookUp(own, 'four.example.org');
      equal(words, 'EAI_AGAIN');
      ok(took >= seconds && took < seconds + 0.1, `${count} servers ${options}: ${took} s`);
      equal(logs.flat().length, queries);
    });
  }
});

test('an answer that comes late is taken when its server is asked again', () => withServers(2, 'options timeout:1', async (own) => {
  await scripted(own.servers[0], async ({ query, process, reply }) => {
    await process.sleep(1.5e6);
    await reply({ answers: [a(query.questions[0].name)] });
  });
  await scripted(own.servers[1], () => {});
  const [words, took] = await lookUp(own, 'late.example.org');
  equal(words, 'late.example.org 192.0.2.77');
  ok(took >= 2 && took < 2.1, `${took} s: after one second for each server`);
}));

test('RFC 5452 9.1: what has another id, question or source is as if it had not come', () => withServers(2, '', async (own) => {
  const forged = (name: string): DnsRecord[] => [a(name, '203.0.113.66')];
  await scripted(own.servers[0], async ({ query, from, process, reply, send }) => {
    const [question] = query.questions;
    const answers = forged(question.name);
    await reply({ id: query.id ^ 1, answers });
    await reply({ isResponse: false, answers });
    await reply({ opcode: 4, answers });
    await reply({ questions: [{ ...question, name: 'other.example.org' }], answers });
    await reply({ questions: [{ ...question, type: DnsType.AAAA }], answers });
    await reply({ questions: [{ ...question, class: 3 }], answers });
    await reply({ questions: [], answers });
    await reply({ questions: [question, question], answers });
    await send(new Uint8Array(0));
    await send(new Uint8Array([query.id >> 8, query.id & 255, 0x80]));
    await send(encodeDnsMessage({ ...query, isResponse: true, answers }).subarray(0, 40));
    // The right words from another port, and from another host.
    const right: DnsMessage = { ...query, isResponse: true, recursionAvailable: true, answers };
    for (const stranger of [process, new Process(own.servers[1], 'stranger')]) {
      const fd = await stranger.socket(AF_INET, SOCK_DGRAM, 0);
      await stranger.sendto(fd, encodeDnsMessage(right), 0, from);
    }
    await process.sleep(50_000);
    await reply({ answers: [a(question.name)] });
  });
  deepEqual((await lookUp(own, 'true.example.org'))[0], 'true.example.org 192.0.2.77');
}));

test('records that were not asked for count for nothing', () => withServers(1, '', async (own) => {
  await scripted(own.servers[0], ({ query, reply }) => {
    const [{ name }] = query.questions;
    return reply({
      answers: [
        a('other.example.org', '203.0.113.66'), { ...a(name, '203.0.113.67'), class: 3 }, alias(name, 'x.example.org'), a('x.example.org'),
      ],
      additionals: [a(name, '203.0.113.68')],
    });
  });
  equal((await lookUp(own, 'host.example.org'))[0], 'x.example.org 192.0.2.77');
}));

test('RFC 1034 3.6.2: aliases are followed, not for ever, and to names of hosts alone', () => withServers(1, '', async (own) => {
  const link = (i: number): DnsRecord => alias(i === 0 ? 'start.example.org' : `c${i}`, `c${i + 1}`);
  const chain = (length: number): DnsRecord[] => Array.from({ length }, (_, i) => link(i));
  const cases: [DnsRecord[], string][] = [
    [[...chain(8), a('c8')].reverse(), 'c8 192.0.2.77'],
    [[...chain(16), a('c16')], 'c16 192.0.2.77'],
    [[...chain(17), a('c17')], 'EAI_NONAME'],
    [[alias('start.example.org', 'start.example.org')], 'EAI_NONAME'],
    [[alias('start.example.org', 'b'), alias('b', 'start.example.org')], 'EAI_NONAME'],
    // Followed, but the name is not passed on.
    [[alias('start.example.org', 'a\\032b'), a('a\\032b')], 'start.example.org 192.0.2.77'],
    [[alias('start.example.org', '-rf'), a('-rf')], 'start.example.org 192.0.2.77'],
    [[alias('start.example.org', 'elsewhere.example.com')], 'EAI_NONAME'],
  ];
  let at = 0;
  await scripted(own.servers[0], ({ reply }) => reply({ answers: cases[at][0] }));
  for (; at < cases.length; at++) equal((await lookUp(own, 'start.example.org'))[0], cases[at][1], `case ${at}`);
}));

test('a server that fails, refuses, is lame or not there is left for the next at once; "no such name" is the last word', async () => {
  for (const change of [
    { rcode: Rcode.ServFail }, { rcode: Rcode.Refused }, { rcode: Rcode.NotImp }, { recursionAvailable: false },
  ] as Partial<DnsMessage>[]) {
    await withServers(2, '', async (own) => {
      await scripted(own.servers[0], ({ reply }) => reply(change));
      await serve(own.servers[1]);
      const [words, took] = await lookUp(own, 'four.example.org');
      equal(words, 'four.example.org 192.0.2.4', JSON.stringify(change));
      ok(took < 0.1);
    });
  }
  await withServers(2, '', async (own) => {
    await serve(own.servers[1]);
    const [words, took] = await lookUp(own, 'four.example.org');
    deepEqual([words, took < 0.1], ['four.example.org 192.0.2.4', true], 'ICMP says that nobody is there');
  });
  await withServers(2, '', async (own) => {
    await scripted(own.servers[0], ({ reply }) => reply({ rcode: Rcode.NxDomain }));
    const asked = await scripted(own.servers[1], () => {});
    deepEqual([(await lookUp(own, 'four.example.org'))[0], asked], ['EAI_NONAME', []]);
  });
  await withServers(1, '', async (own) => {
    await scripted(own.servers[0], ({ reply }) => reply({ rcode: Rcode.ServFail }));
    equal((await lookUp(own, 'four.example.org'))[0], 'EAI_AGAIN');
  });
});

test('over TCP: a server that says nothing, or hangs up, is left for the next', () => withServers(2, 'options timeout:2', async (own) => {
  const truncating = await scripted(own.servers[0], ({ reply }) => reply({ isTruncated: true }));
  await serve(own.servers[1]);
  equal((await lookUp(own, 'many.example.org'))[0].split(' ').length, 61, 'its TCP port is closed');
  const process = new Process(own.servers[0], 'mute');
  const fd = await process.socket(AF_INET, SOCK_STREAM, 0);
  await process.bind(fd, sockaddrIn('0.0.0.0', 53));
  await process.listen(fd, 5);
  const [words, took] = await lookUp(own, 'many.example.org');
  equal(words.split(' ').length, 61, 'it takes connections and says nothing');
  ok(took >= 2 && took < 2.2, `${took} s`);
  equal(truncating.length, 2);
}));

test('whatever comes back, a lookup ends', () => withServers(1, 'options timeout:1 attempts:1', async (own) => {
  const random = new SeededRandom(`answers ${seed}`);
  await scripted(own.servers[0], async ({ query, reply, send }) => {
    const [{ name }] = query.questions;
    const answers = [alias(name, 'x.example.org'), a('x.example.org'), alias('x.example.org', name)].slice(0, below(random, 4));
    const bytes = encodeDnsMessage({ ...query, isResponse: true, recursionAvailable: true, answers });
    for (let strokes = below(random, 5); strokes > 0; strokes--) bytes[2 + below(random, bytes.length - 2)] = random.int32();
    await send(bytes.subarray(0, below(random, 3) === 0 ? below(random, bytes.length + 1) : bytes.length));
    if (below(random, 4) === 0) await reply({ answers });
  });
  const seen = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const [words, took] = await lookUp(own, `host${i}.example.org.`);
    seen.add(words.replace(/.* /, ''));
    ok(took < 10, `${took} s`);
  }
  ok(seen.has('EAI_AGAIN') && seen.has('EAI_NONAME') && seen.has('EAI_NODATA') && seen.has('192.0.2.77'), [...seen].join());
}));

test('resolv.conf(5): search and ndots', async () => {
  for (const [options, name, expected] of [
    ['search one.org two.org', 'host', ['host.one.org', 'host.two.org', 'host']],
    ['search one.org two.org', 'host.sub', ['host.sub', 'host.sub.one.org', 'host.sub.two.org']],
    ['search one.org two.org\noptions ndots:2', 'host.sub', ['host.sub.one.org', 'host.sub.two.org', 'host.sub']],
    ['search one.org\noptions ndots:0', 'host', ['host', 'host.one.org']],
    ['search one.org', 'host.', ['host']],
    ['domain one.org', 'host', ['host.one.org', 'host']],
    ['search one.org\nsearch two.org three.org', 'host', ['host.two.org', 'host.three.org', 'host']],
    ['search . one.org', 'host', ['host', 'host.one.org']],
    ['; search x.org\n# search y.org\n  search z.org', 'host', ['host']],
  ] as const) {
    await withServers(1, options, async (own) => {
      const asked = await scripted(own.servers[0], ({ reply }) => reply({ rcode: Rcode.NxDomain }));
      equal((await lookUp(own, name))[0], 'EAI_NONAME');
      deepEqual(asked.map((words) => words.replace(/ 1$/, '')), expected.map((each) => each.replace(/\.$/, '')), `${options}: ${name}`);
    });
  }
  await withServers(1, 'search nosuch.org example.org', async (own) => {
    await serve(own.servers[0], ZONE, REVERSE, '$ORIGIN nosuch.org.\n@ SOA a b 1 1 1 1 1');
    equal((await lookUp(own, 'four'))[0], 'four.example.org 192.0.2.4');
    equal((await lookUp(own, 'host.sub'))[0], 'host.sub.example.org 192.0.2.99', 'refused as it is, which does not end the search');
    equal((await lookUp(own, 'note'))[0], 'EAI_NODATA', 'known in one domain, refused as it is');
    equal((await lookUp(own, 'unknown'))[0], 'EAI_AGAIN');
  });
});

test('resolv.conf(5): rotate begins with any server; ids and ports are drawn, and a seed draws the same ones', async () => {
  const run = async (which: number): Promise<{ first: number[]; ids: number[] }> => {
    const first: number[] = [];
    const ids: number[] = [];
    await withServers(3, 'options rotate', async (own) => {
      for (const [i, server] of own.servers.entries()) {
        await scripted(server, ({ query, from, reply }) => {
          first.push(i);
          ids.push(query.id * 65536 + ((from[2] << 8) | from[3]));
          return reply({ answers: [a(query.questions[0].name)] });
        });
      }
      for (let i = 0; i < 30; i++) await lookUp(own, `host${i}.example.org`);
    }, {}, which);
    return { first, ids };
  };
  const one = await run(1);
  equal(new Set(one.first).size, 3);
  equal(new Set(one.ids.map((id) => id >>> 16)).size > 25 && new Set(one.ids.map((id) => id % 65536)).size > 25, true);
  deepEqual(await run(1), one);
  notEqual(String((await run(2)).ids), String(one.ids));
});

test('a process that ends while it asks: the lookup ends too', () => withServers(1, '', async (own) => {
  await scripted(own.servers[0], () => {});
  const lookup = getaddrinfo(own.process, 'four.example.org', null);
  await own.world.sleep(1e6);
  own.process.exit();
  await rejects(lookup, { code: 'EAI_SYSTEM' });
}));
