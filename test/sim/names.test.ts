/**
 * getaddrinfo, getnameinfo, getifaddrs in a world, for machines where names.test.ts of test/interop cannot run: the answers
 * here are those that glibc gave there.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { getaddrinfo } from '../../src/api/posix/getaddrinfo.ts';
import { getnameinfo } from '../../src/api/posix/getnameinfo.ts';
import { if_indextoname, if_nameindex, if_nametoindex, prefixLengthOf } from '../../src/api/posix/ifaddrs.ts';
import {
  AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, AI_V4MAPPED, NI_DGRAM, NI_NOFQDN, NI_NUMERICHOST,
} from '../../src/api/posix/netdb-constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { formatSockaddr, readSockaddr, sockaddrIn, sockaddrIn6 } from '../../src/api/posix/sockaddr.ts';
import { simulate } from '../../src/entry/sim.node.ts';

const HOSTS = `
127.0.0.1 localhost
::1 localhost
192.0.2.1 own.example.org own
192.0.2.77 peer.example.org peer
203.0.113.5 kinds
192.0.2.9 kinds
127.0.0.5 kinds
169.254.3.4 kinds
2001:db8::5 kinds
fd00::7 kinds
2002:c000:204::1 kinds
::1 kinds
fe80::77 kinds
`;

function run(body: (process: Process) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const host = world.host('own.example.org');
    world.cable(host, world.host('peer'), {
      nameA: 'eth0', addressA: ['192.0.2.1/24', '2001:db8::1/64'], addressB: ['192.0.2.2/24', '2001:db8::2/64'],
    });
    host.writeFile('/etc/hosts', HOSTS);
    host.writeFile('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
    await world.sleep(3e6);
    await body(new Process(host, 'names'));
  });
}

test('getaddrinfo: what it gives and in which order', () => run(async (process) => {
  const stream = { socktype: SOCK_STREAM };
  for (const [node, service, hints, expected] of [
    ['192.0.2.5', 'http', {}, '192.0.2.5:80/1'],
    ['192.0.2.5', '80', {}, '192.0.2.5:80/1 192.0.2.5:80/2 192.0.2.5:80/3'],
    ['127.1', null, stream, '127.0.0.1:0/1'],
    ['fe80::1%eth0', '9', stream, '[fe80::1]:9/1'],
    ['localhost', '80', stream, '[::1]:80/1 127.0.0.1:80/1'],
    ['localhost', '80', { ...stream, family: AF_INET }, '127.0.0.1:80/1 127.0.0.1:80/1'],
    ['peer', '80', { ...stream, family: AF_INET6, flags: AI_V4MAPPED }, '[192.0.2.77]:80/1'],
    [null, '80', { ...stream, flags: AI_PASSIVE }, '0.0.0.0:80/1 [::]:80/1'],
    [null, '80', stream, '[::1]:80/1 127.0.0.1:80/1'],
    ['kinds', '80', stream, [
      '[::1]:80/1', '[2001:db8::5]:80/1', '127.0.0.5:80/1', '192.0.2.9:80/1', '[fe80::77]:80/1', '[fd00::7]:80/1',
      '[2002:c000:204::1]:80/1', '169.254.3.4:80/1', '203.0.113.5:80/1',
    ].join(' ')],
    ['192.0.2.5', '65616', stream, '192.0.2.5:80/1'],
    ['192.0.2.5', null, { socktype: SOCK_RAW, protocol: 1 }, '192.0.2.5:0/3'],
  ] as const) {
    const list = await getaddrinfo(process, node, service, hints);
    equal(list.map(({ addr, socktype }) => `${formatSockaddr(addr)}/${socktype}`).join(' '), expected, `${node} ${service}`);
  }
  const [first, second] = await getaddrinfo(process, 'own', '80', { flags: AI_CANONNAME });
  deepEqual([first.canonname, second.canonname, first.protocol], ['own.example.org', null, 6]);
  equal(readSockaddr((await getaddrinfo(process, 'fe80::1%eth0', null))[0].addr)?.scopeId, 2);
}));

test('getaddrinfo: its errors', () => run(async (process) => {
  for (const [node, service, hints, code] of [
    [null, null, {}, 'EAI_NONAME'],
    ['nosuch', null, {}, 'EAI_AGAIN'],
    ['peer', null, { flags: AI_NUMERICHOST }, 'EAI_NONAME'],
    ['peer', 'http', { flags: AI_NUMERICSERV }, 'EAI_NONAME'],
    ['192.0.2.5', 'nosuch', {}, 'EAI_SERVICE'],
    ['192.0.2.5', '80', { socktype: SOCK_RAW }, 'EAI_SERVICE'],
    ['192.0.2.5', null, { socktype: 99 }, 'EAI_SOCKTYPE'],
    ['192.0.2.5', null, { socktype: SOCK_DGRAM, protocol: 6 }, 'EAI_SOCKTYPE'],
    ['192.0.2.5', null, { family: 77 }, 'EAI_FAMILY'],
    ['192.0.2.5', null, { flags: 0x1000 }, 'EAI_BADFLAGS'],
    [null, '80', { flags: AI_CANONNAME }, 'EAI_BADFLAGS'],
    ['192.0.2.5', null, { family: AF_INET6 }, 'EAI_ADDRFAMILY'],
    ['2001:db8::5', null, { family: AF_INET, flags: AI_V4MAPPED | AI_ALL }, 'EAI_ADDRFAMILY'],
    ['fe80::1%nosuch', null, {}, 'EAI_NONAME'],
  ] as const) {
    await rejects(getaddrinfo(process, node, service, hints), { name: 'GaiError', code, syscall: 'getaddrinfo' }, `${node} ${service}`);
  }
  const { network } = process.host;
  const { device, addresses } = network.interfaces()[1];
  for (const { address } of [...addresses]) network.removeAddress(device, address);
  await rejects(getaddrinfo(process, '127.0.0.1', null, { family: AF_INET, flags: AI_ADDRCONFIG }), { code: 'EAI_NONAME' });
}));

test('getnameinfo: names, numbers, scopes', () => run(async (process) => {
  for (const [addr, flags, host, service] of [
    [sockaddrIn('192.0.2.77', 514), 0, 'peer.example.org', 'shell'],
    [sockaddrIn('192.0.2.77', 514), NI_DGRAM | NI_NOFQDN, 'peer', 'syslog'],
    [sockaddrIn('192.0.2.77', 80), NI_NUMERICHOST, '192.0.2.77', 'http'],
    [sockaddrIn6('fe80::9', 4, 2), NI_NUMERICHOST, 'fe80::9%eth0', '4'],
    [sockaddrIn6('2001:db8::9', 4, 2), NI_NUMERICHOST, '2001:db8::9%2', '4'],
    [sockaddrIn6('::ffff:192.0.2.9', 4), NI_NUMERICHOST, '::ffff:192.0.2.9', '4'],
  ] as const) {
    deepEqual(await getnameinfo(process, addr, flags), { host, service });
  }
  await rejects(getnameinfo(process, new Uint8Array(4), 0), { code: 'EAI_FAMILY' });
  await rejects(getnameinfo(process, sockaddrIn6('::1', 1).subarray(0, 24), 0), { code: 'EAI_FAMILY' });
  await rejects(getnameinfo(process, sockaddrIn('192.0.2.9', 1), 0x4000), { code: 'EAI_BADFLAGS' });
}));

test('getifaddrs: links first, then IPv4, then IPv6; interfaces by name and number', () => run(async (process) => {
  const list = await process.getifaddrs();
  const words = list.map(({ name, addr, netmask, broadaddr }) => {
    const own = readSockaddr(addr);
    if (own === null) return `${name} link`;
    const broadcast = broadaddr === null ? '' : ` brd ${readSockaddr(broadaddr)?.address}`;
    const scope = own.scopeId === 0 ? '' : `%${own.scopeId}`;
    return `${name} ${own.address.replace(/^fe80:.*/, 'fe80')}${scope}/${netmask === null ? '' : prefixLengthOf(netmask)}${broadcast}`;
  });
  deepEqual(words.filter((each) => !each.includes('fe80')), [
    'lo link', 'eth0 link', 'lo 127.0.0.1/8', 'eth0 192.0.2.1/24 brd 192.0.2.255', 'lo ::1/128', 'eth0 2001:db8::1/64',
  ]);
  deepEqual(words.filter((each) => each.includes('fe80')), ['eth0 fe80%2/64']);
  deepEqual(await if_nameindex(process), [{ index: 1, name: 'lo' }, { index: 2, name: 'eth0' }]);
  deepEqual([await if_nametoindex(process, 'eth0'), await if_nametoindex(process, 'eth1')], [2, 0]);
  deepEqual([await if_indextoname(process, 1), await if_indextoname(process, 9)], ['lo', null]);
  equal(await process.gethostname(), 'own.example.org');
  await rejects(process.clock_gettime(99), { code: 'EINVAL' });
}));
