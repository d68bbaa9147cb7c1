/**
 * Seven machines in a row, five of them routers: TCP from end to end, who answers when time is exceeded, path MTU
 * discovery through a narrow link, what a host hears of a neighbour that is not there. Both families.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import type { Cable } from '../../src/link/cable.ts';
import type { Packet } from '../../src/link/packet.ts';
import type { World, WorldCableOptions } from '../../src/sim/world.ts';
import { AF, IP, IPPROTO, IPV6, SOCK } from '../../src/socket/constants.ts';
import { type ControlMessage, readControl } from '../../src/socket/control.ts';
import { formatSockaddr, sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';

const MACHINES = 7;
const PORT = 9502;
const int = (n: number): Uint8Array => Uint8Array.of(n, 0, 0, 0);

const FAMILIES = [
  {
    name: 'IPv4', family: AF.INET, level: IPPROTO.IP, ttl: IP.TTL, receiveErrors: IP.RECVERR,
    prefix: (n: number) => `10.0.${n}.0/24`, begin: (n: number) => `10.0.${n}.1`, end: (n: number) => `10.0.${n}.2`,
    sockaddr: sockaddrIn, any: '0.0.0.0',
  },
  {
    name: 'IPv6', family: AF.INET6, level: IPPROTO.IPV6, ttl: IPV6.UNICAST_HOPS, receiveErrors: IPV6.RECVERR,
    prefix: (n: number) => `fd00:${n}::/64`, begin: (n: number) => `fd00:${n}::1`, end: (n: number) => `fd00:${n}::2`,
    sockaddr: (address: string, port: number) => sockaddrIn6(address, port), any: '::',
  },
] as const;
type Family = (typeof FAMILIES)[number];

interface Row {
  readonly world: World;
  readonly hosts: Host[];
  readonly cables: Cable[];
  readonly first: Host;
  readonly last: Host;
}

/** Cable n (from 1) joins machine n, which has the addresses .1, with machine n + 1, which has .2; each knows every network. */
async function row(world: World, options: (cable: number) => WorldCableOptions): Promise<Row> {
  const hosts = Array.from({ length: MACHINES }, (_, i) => world.host(`m${i + 1}`));
  const cables = hosts.slice(1).map((host, i) => world.cable(hosts[i] as Host, host, { delayUs: 1000, ...options(i + 1) }));
  hosts.forEach((host, i) => {
    const machine = i + 1;
    for (const { prefix, begin, end } of FAMILIES) {
      for (let n = 1; n < MACHINES; n++) {
        if (n < machine - 1) equal(host.addRoute(prefix(n), { via: begin(machine - 1) }), 0);
        else if (n > machine) equal(host.addRoute(prefix(n), { via: end(machine) }), 0);
      }
    }
    if (machine === 1 || machine === MACHINES) return;
    host.sysctl('net.ipv4.ip_forward', 1);
    host.sysctl('net.ipv6.conf.all.forwarding', 1);
  });
  // A router asks for neighbours from its link-local address, which it tests first.
  await world.sleep(3e6);
  return { world, hosts, cables, first: hosts[0] as Host, last: hosts[MACHINES - 1] as Host };
}

function rowTest(name: string, options: (cable: number) => WorldCableOptions, body: (row: Row, family: Family) => Promise<void>): void {
  for (const family of FAMILIES) {
    test(`${name} (${family.name})`, () => simulate({ seed: 1 }, async (world) => body(await row(world, options), family)));
  }
}

/** ICMP errors that arrive at a device: "from type code". */
function heard(cable: Cable): string[] {
  const words: string[] = [];
  cable.a.tap = {
    frame: (_device, p: Packet, outgoing) => {
      const at = p.head;
      const etherType = p.view.getUint16(at + 12);
      if (outgoing) return;
      if (etherType === 0x0800 && p.view.getUint8(at + 23) === 1 && p.view.getUint8(at + 34) !== 0) {
        words.push(`${IpAddress.fromV4(p.view.getInt32(at + 26))} ${p.view.getUint8(at + 34)} ${p.view.getUint8(at + 35)}`);
      } else if (etherType === 0x86dd && p.view.getUint8(at + 20) === 58 && p.view.getUint8(at + 54) < 128) {
        words.push(`${IpAddress.readV6(p.view, at + 22)} ${p.view.getUint8(at + 54)} ${p.view.getUint8(at + 55)}`);
      }
    },
  };
  return words;
}

/** Sends `length` bytes over TCP from the first machine to the last, which compares them. */
async function stream({ first, last }: Row, { family, sockaddr, any, end }: Family, length: number): Promise<void> {
  const [client, server] = [new Process(first, 'client'), new Process(last, 'server')];
  const listener = await server.socket(family, SOCK.STREAM, 0);
  await server.bind(listener, sockaddr(any, PORT));
  await server.listen(listener, 8);
  const fd = await client.socket(family, SOCK.STREAM, 0);
  await client.connect(fd, sockaddr(end(MACHINES - 1), PORT));
  const accepted = await server.accept(listener);
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  const sending = (async () => {
    for (let at = 0; at < length; ) at += await client.write(fd, bytes.subarray(at, at + 65536));
    await client.shutdown(fd, 1);
  })();
  const buffer = new Uint8Array(65536);
  let at = 0;
  for (;;) {
    const n = await server.read(accepted.fd, buffer);
    if (n === 0) break;
    ok(Buffer.compare(buffer.subarray(0, n), bytes.subarray(at, at + n)) === 0, `wrong bytes near ${at}`);
    at += n;
  }
  equal(at, length);
  await sending;
  for (const each of [accepted.fd, listener]) await server.close(each);
  await client.close(fd);
}

rowTest('TCP through five routers', () => ({}), async (row, family) => {
  await stream(row, family, 1_000_000);
  for (const host of row.hosts.slice(1, -1)) {
    const forwarded = host.nstat()[family.family === AF.INET ? 'IpForwDatagrams' : 'Ip6OutForwDatagrams'] ?? 0;
    // Segments of 64 KiB stay whole over perfect cables.
    ok(forwarded > 30 && forwarded < 500, `${host.name} forwarded ${forwarded}`);
  }
  await row.world.sleep(120e6);
  deepEqual(row.world.leftovers(), []);
});

const WEATHER: WorldCableOptions = { loss: 0.01, offload: false, jitterUs: 200 };

rowTest('TCP through five routers and bad weather, every segment cut', () => WEATHER, async (row, family) => {
  await stream(row, family, 300_000);
  await row.world.sleep(300e6);
  deepEqual(row.world.leftovers(), []);
});

rowTest('time exceeded: from each router in turn, port unreachable from the last', () => ({}), async ({ world, first, cables }, each) => {
  const { family, sockaddr, level, ttl, end } = each;
  const words = heard(cables[0] as Cable);
  const process = new Process(first, 'traceroute');
  const fd = await process.socket(family, SOCK.DGRAM, 0);
  const target = sockaddr(end(MACHINES - 1), 33434);
  for (let hops = 1; hops < MACHINES; hops++) {
    await process.setsockopt(fd, level, ttl, int(hops));
    await process.sendto(fd, new Uint8Array(20), 0, target);
    await world.sleep(1e6);
  }
  const [exceeded, unreachable] = family === AF.INET ? ['11 0', '3 3'] : ['3 0', '1 4'];
  deepEqual(words, [1, 2, 3, 4, 5].map((n) => `${end(n)} ${exceeded}`).concat(`${end(6)} ${unreachable}`));
});

const NARROW = (n: number): WorldCableOptions => (n === 4 ? { mtuBytes: 1300 } : {});

rowTest('the error queue names the router that answered, and the MTU that it told', NARROW, async (row, each) => {
  const { family, sockaddr, level, ttl, end } = each;
  const isV4 = family === AF.INET;
  const process = new Process(row.first, 'traceroute');
  const fd = await process.socket(family, SOCK.DGRAM, 0);
  const target = sockaddr(end(MACHINES - 1), 33434);
  await process.setsockopt(fd, level, each.receiveErrors, int(1));
  await process.setsockopt(fd, level, isV4 ? IP.MTU_DISCOVER : IPV6.MTU_DISCOVER, int(2));
  const told: string[] = [];
  for (const [hops, size] of [[1, 20], [3, 20], [64, 1400], [64, 20]] as const) {
    await process.setsockopt(fd, level, ttl, int(hops));
    await process.sendto(fd, new Uint8Array(size).fill(hops), 0, target);
    await row.world.sleep(1e6);
    const payload = new Uint8Array(2000);
    const { name, control, count } = await process.recvmsg(fd, [payload], Msg.ERRQUEUE, 128, 128);
    deepEqual(name, target);
    deepEqual([...payload.subarray(0, 8)], new Array(8).fill(hops));
    ok(count >= Math.min(size, 500));
    const { data } = readControl(control)[0] as ControlMessage;
    const info = new DataView(data.buffer, data.byteOffset).getUint32(8, true);
    told.push(`${formatSockaddr(data.subarray(16))} ${data[5]} ${data[6]} ${info}`);
  }
  const [exceeded, tooBig, unreachable] = isV4 ? ['11 0', '3 4', '3 3'] : ['3 0', '2 0', '1 4'];
  const from = (n: number): string => formatSockaddr(sockaddr(end(n), 0));
  deepEqual(told, [`${from(1)} ${exceeded} 0`, `${from(3)} ${exceeded} 0`, `${from(3)} ${tooBig} 1300`, `${from(6)} ${unreachable} 0`]);
  await rejects(process.recv(fd, new Uint8Array(1), Msg.DONTWAIT), { code: 'EAGAIN' });
});

rowTest('RFC 1191, RFC 8201: a link of 1,300 bytes in the middle', (n) => (n === 4 ? { mtuBytes: 1300 } : {}), async (row, family) => {
  const words = heard(row.cables[0] as Cable);
  await stream(row, family, 500_000);
  const tooBig = `${family.end(3)} ${family.family === AF.INET ? '3 4' : '2 0'}`;
  ok(words.length >= 1 && words.every((word) => word === tooBig), words.join());
  const way = row.first.network.lookup(IpAddress.from(family.end(MACHINES - 1)), null, null);
  equal(way?.mtuBytes, 1300);
});

rowTest('a datagram that does not fit a link on its way', (n) => (n === 4 ? { mtuBytes: 1300 } : {}), async (row, family) => {
  const { world, first, last, hosts } = row;
  const [client, server] = [new Process(first, 'client'), new Process(last, 'server')];
  const receiver = await server.socket(family.family, SOCK.DGRAM, 0);
  await server.bind(receiver, family.sockaddr(family.any, PORT));
  const fd = await client.socket(family.family, SOCK.DGRAM, 0);
  const target = family.sockaddr(family.end(MACHINES - 1), PORT);
  const buffer = new Uint8Array(9000);
  // IPv6 routers do not fragment: the first is lost, and tells the sender how to fragment the second.
  for (const size of [8000, 8000]) {
    await client.sendto(fd, new Uint8Array(size).fill(7), 0, target);
    await world.sleep(1e6);
  }
  equal(await server.recv(receiver, buffer, 0), 8000);
  equal((hosts[3] as Host).nstat()['IpFragCreates'] ?? 0, family.family === AF.INET ? 20 : 0);
  if (family.family === AF.INET) equal(await server.recv(receiver, buffer, 0), 8000);
});

rowTest('a neighbour that is not there: EHOSTUNREACH on its link and five routers away', () => ({}), async (row, family) => {
  const { first, hosts, cables } = row;
  const missing = family.end(MACHINES - 1).replace(/2$/, '77');
  const words = heard(cables[0] as Cable);
  for (const host of [first, hosts[MACHINES - 2] as Host]) {
    const process = new Process(host, 'client');
    const fd = await process.socket(family.family, SOCK.DGRAM, 0);
    // Without it Linux keeps errors to itself that may pass.
    await process.setsockopt(fd, family.level, family.receiveErrors, int(1));
    await process.connect(fd, family.sockaddr(missing, 9));
    await process.send(fd, new Uint8Array(10), 0);
    await rejects(process.recv(fd, new Uint8Array(10), 0), { code: 'EHOSTUNREACH' }, host.name);
    const stream = await process.socket(family.family, SOCK.STREAM, 0);
    await rejects(process.connect(stream, family.sockaddr(missing, 9)), { code: 'EHOSTUNREACH' }, host.name);
  }
  const unreachable = `${family.end(5)} ${family.family === AF.INET ? '3 1' : '1 3'}`;
  ok(words.length >= 2 && words.every((word) => word === unreachable), words.join());
});

rowTest('who knows no way, and routes that refuse', () => ({}), async ({ first, hosts }, family) => {
  const process = new Process(first, 'client');
  const attempt = async (to: string): Promise<string> => {
    const fd = await process.socket(family.family, SOCK.STREAM, 0);
    return process.connect(fd, family.sockaddr(to, 9)).then(() => 'connected', (error: { code: string }) => error.code);
  };
  const [far, refused] = family.family === AF.INET ? ['203.0.113.1', '203.0.113.0/24'] : ['2001:db8::1', '2001:db8::/64'];
  equal(await attempt(far), 'ENETUNREACH');
  equal(first.nstat()[family.family === AF.INET ? 'IpOutNoRoutes' : 'Ip6OutNoRoutes'], 1);
  for (const [type, error] of [['blackhole', 'EINVAL'], ['unreachable', 'EHOSTUNREACH'], ['prohibit', 'EACCES']] as const) {
    equal(first.addRoute(refused, { type }), 0);
    equal(await attempt(far), error);
    equal(first.deleteRoute(refused, { type }), 0);
  }
  equal(first.addRoute('default', { via: family.end(1) }), 0);
  equal(await attempt(far), 'ENETUNREACH', 'the first router has no way');
  const router = hosts[1] as Host;
  equal(router.addRoute('default', { via: family.end(2), metric: 9 }), 0);
  equal((hosts[2] as Host).addRoute(refused, { type: 'prohibit' }), 0);
  equal(await attempt(far), family.family === AF.INET ? 'EHOSTUNREACH' : 'EACCES', 'filtered by the second');
});

test('two ways out: the least metric, the longest prefix; the source is that of the way', () => simulate({ seed: 1 }, async (world) => {
  const [host, left, right] = ['host', 'left', 'right'].map((name) => world.host(name)) as Host[] as [Host, Host, Host];
  const [one, two] = [world.cable(host, left), world.cable(host, right)];
  equal(host.addRoute('default', { via: '10.0.1.2', metric: 20 }), 0);
  equal(host.addRoute('default', { via: '10.0.2.2', metric: 10 }), 0);
  equal(host.addRoute('198.51.100.0/24', { via: '10.0.1.2', source: '10.0.2.1' }), 0);
  const way = (to: string): string => {
    const found = host.network.lookup(IpAddress.from(to), null, null);
    return `${found?.device.name} ${found?.nextHop} ${found?.source}`;
  };
  equal(way('8.8.8.8'), 'eth1 10.0.2.2 10.0.2.1');
  equal(way('198.51.100.7'), 'eth0 10.0.1.2 10.0.2.1');
  deepEqual(host.routes().filter((words) => !words.includes('::')), [
    '10.0.1.0/24 dev eth0 proto kernel scope link src 10.0.1.1', '10.0.2.0/24 dev eth1 proto kernel scope link src 10.0.2.1',
    '198.51.100.0/24 via 10.0.1.2 dev eth0 src 10.0.2.1', 'default via 10.0.2.2 dev eth1 metric 10',
    'default via 10.0.1.2 dev eth0 metric 20',
  ]);
  two.a.up = false;
  host.network.deviceChanged(two.a);
  equal(way('8.8.8.8'), 'eth0 10.0.1.2 10.0.1.1');
  equal(host.deleteRoute('default', { device: one.a }), 0);
  equal(host.deleteRoute('default', { device: one.a }), -3);
  equal(host.deleteAddress(one.a, IpAddress.from('10.0.1.1')), 0);
  equal(host.deleteAddress(one.a, IpAddress.from('10.0.1.1')), -99);
  equal(host.routes().some((words) => words.startsWith('10.0.1.0/24')), false, 'its network goes with it');
}));
