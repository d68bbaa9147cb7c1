import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../../base/inet-address.ts';
import { Loop } from '../../base/loop.ts';
import { SeededRandom } from '../../base/random.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Host } from '../../host.ts';
import { etcTexts } from '../../kernel/etc.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from './constants.ts';
import { getaddrinfo } from './getaddrinfo.ts';
import type { NameProcess } from './name-process.ts';
import { getprotobyname, getprotobynumber, getservbyname, getservbyport, hostByAddress, hostByName } from './name-tables.ts';
import { Process } from './process.ts';
import { readResolverConfig } from './resolver-config.ts';
import { formatSockaddr } from './sockaddr.ts';

/** A process of a host that has these files and no others. */
function reading(files: Readonly<Record<string, string>>, hostname = 'host.example.org'): NameProcess {
  const random = new SeededRandom('names');
  const host = new Host({ name: hostname, loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random });
  for (const path of ['/etc/hosts', '/etc/services', '/etc/protocols']) host.writeFile(path, '');
  for (const [path, text] of Object.entries(files)) host.writeFile(path, text);
  return new Process(host, 'names');
}

const HOSTS = `
192.0.2.1 a.example.org a # comment
192.0.2.2\tA.EXAMPLE.ORG
::1 a.example.org
nonsense a.example.org
2001:db8::1 six\r
`;

test('hosts(5): all lines of a name, the first one gives its full name; ::1 is 127.0.0.1 to who asks for IPv4', async () => {
  const process = reading({ '/etc/hosts': HOSTS });
  const found = async (name: string, family: number): Promise<string> => {
    const entry = await hostByName(process, name, family);
    return entry === null ? 'none' : `${entry.canonical}: ${entry.addresses.map(({ address }) => address).join(' ')}`;
  };
  equal(await found('a.example.org', AF_UNSPEC), 'a.example.org: 192.0.2.1 192.0.2.2 ::1');
  equal(await found('a.example.org', AF_INET), 'a.example.org: 192.0.2.1 192.0.2.2 127.0.0.1');
  equal(await found('a', AF_UNSPEC), 'a.example.org: 192.0.2.1');
  equal(await found('SIX', AF_INET6), 'six: 2001:db8::1');
  equal(await found('six', AF_INET), 'none');
  equal(await hostByAddress(process, AF_INET, IpAddress.from('192.0.2.2')), 'A.EXAMPLE.ORG');
  equal(await hostByAddress(process, AF_INET6, IpAddress.from('2001:db8::2')), null);
  equal(await hostByName(reading({}), 'localhost', AF_UNSPEC), null, 'no file');
});

test('what a host has from the start: localhost, its own name, the common services and protocols', async () => {
  const process = reading(Object.fromEntries(etcTexts('own')));
  equal((await hostByName(process, 'localhost', AF_UNSPEC))?.addresses.length, 2);
  equal((await hostByName(process, 'own', AF_INET))?.addresses[0].address.toString(), '127.0.1.1');
  deepEqual(await getservbyname(process, 'www', 'tcp'), { name: 'http', aliases: ['www'], port: 80, proto: 'tcp' });
  equal((await getservbyname(process, 'domain', null))?.proto, 'tcp');
  equal(await getservbyname(process, 'ssh', 'udp'), null);
  equal((await getservbyport(process, 514, 'udp'))?.name, 'syslog');
  equal((await getservbyport(process, 514, 'tcp'))?.name, 'shell');
  deepEqual(await getprotobyname(process, 'TCP'), { name: 'tcp', aliases: ['TCP'], proto: 6 });
  equal((await getprotobynumber(process, 58))?.name, 'ipv6-icmp');
  equal(await getprotobynumber(process, 250), null);
});

test('resolv.conf(5): defaults, limits, the last line of search or domain, what is not understood', async () => {
  const config = async (text: string | null, hostname?: string): Promise<unknown[]> => {
    const files: Record<string, string> = text === null ? {} : { '/etc/resolv.conf': text };
    const read = await readResolverConfig(reading(files, hostname));
    const flags = [read.rotate && 'rotate', read.useVc && 'use-vc', read.edns0 && 'edns0'].filter(Boolean).join(' ');
    return [read.servers.map(formatSockaddr).join(' '), read.search.join(' '), read.ndots, read.timeoutSeconds, read.attempts, flags];
  };
  deepEqual(await config(null), ['127.0.0.1:53', 'example.org', 1, 5, 2, '']);
  deepEqual(await config(null, 'host'), ['127.0.0.1:53', '', 1, 5, 2, '']);
  const servers = ['192.0.2.1', '2001:db8::1 # two', 'nonsense', '10.1', '192.0.2.4'].map((text) => `nameserver ${text}\n`);
  equal((await config(servers.join('')))[0], '192.0.2.1:53 [2001:db8::1]:53 10.0.0.1:53');
  deepEqual((await config('nameserver fe80::1%3\n'))[0], '[fe80::1]:53');
  deepEqual((await config('search a b\ndomain c d\n'))[1], 'c');
  deepEqual((await config('domain c\nsearch\ta  b \n'))[1], 'a b');
  const most = await config('options ndots:99 timeout:99 attempts:99 rotate\noptions use-vc edns0 nonsense ndots:x\n');
  deepEqual(most.slice(2), [15, 30, 5, 'rotate use-vc edns0']);
  deepEqual((await config(';nameserver 192.0.2.1\n nameserver 192.0.2.2\nnameserver\n'))[0], '127.0.0.1:53');
});

test('long files: who has found his line reads no further; too many addresses and endless lines are EAI_MEMORY', async () => {
  const many = (lines: number): string => Array.from({ length: lines }, (_, i) => `10.0.${i >> 8}.${i & 0xff} x\n`).join('');
  const process = reading({ '/etc/services': `first 1/tcp\n${'other 2/tcp\n'.repeat(100_000)}`, '/etc/hosts': many(4096) });
  const { read } = process;
  let reads = 0;
  process.read = (...args: Parameters<typeof read>) => {
    reads++;
    return read.apply(process, args);
  };
  equal((await getservbyname(process, 'first', 'tcp'))?.port, 1);
  equal(reads, 1);
  equal((await hostByName(process, 'x', AF_INET))?.addresses.length, 4096);
  equal((await getaddrinfo(process, 'x', '80', { socktype: 1 })).length, 4096);
  for (const text of [many(4097), `192.0.2.1 x ${'y '.repeat(1 << 20)}\n192.0.2.2 z`]) {
    await rejects(getaddrinfo(reading({ '/etc/hosts': text }), 'z', null), { name: 'GaiError', code: text.includes('z') ? 'EAI_MEMORY' : 'EAI_AGAIN' });
    await rejects(getaddrinfo(reading({ '/etc/hosts': text }), 'x', null), { name: 'GaiError', code: 'EAI_MEMORY' });
  }
});
