/**
 * What a host's network keeps, counted exactly: routes, addresses, groups of sockets, neighbours, connections in TIME_WAIT, MTUs of paths,
 * redirects, and whom ICMP errors went to. Each is filled by real requests or frames beyond its limit: so many are kept, the rest is
 * refused with Linux's errno, or dropped and counted where Linux counts it, or the oldest go.
 *
 * What Linux has no limit for but its memory is charged to the host's memory: there the last one that fits is taken, and no more.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { Cost } from '../../src/base/kernel-memory.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { AF, IP, IPPROTO, IPV6, O, SOCK } from '../../src/socket/constants.ts';
import { sockaddrLl } from '../../src/socket/family/packet-address.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg, Shut } from '../../src/transport/endpoint.ts';
import type { World } from '../../src/sim/world.ts';
import { put16, repairChecksums } from '../fuzz/frame-layout.ts';
import { seed } from '../results.ts';
import { Attack, ATTACKER, address6, CLOSED, DATAGRAMS, PROTOCOL, VICTIM } from './attack.ts';
import { untilRefused } from '../tools/until-refused.ts';

const MEGABYTE = 1 << 20;
const NEVER = 100_000;
/** NGROUPS_MAX. */
const MOST_GROUPS = 65_536;
const ON = Uint8Array.of(1, 0, 0, 0);

/** How many of what costs so much have room yet. */
function roomFor({ kernel: { memory } }: Host, cost: number): number {
  return Math.floor((memory.totalBytes - memory.usedBytes) / cost);
}

/** Leaves `bytes` of a host's memory, until the processes are gone that it gives: supplementary groups take eight bytes each. */
async function leave(host: Host, bytes: number): Promise<Process[]> {
  const { memory } = host.kernel;
  const fillers: Process[] = [];
  for (let left = memory.totalBytes - memory.usedBytes; left > bytes; left = memory.totalBytes - memory.usedBytes) {
    const filler = new Process(host, 'filler');
    fillers.push(filler);
    const most = roomFor(host, 1) - bytes;
    // Room for another process, unless this is the last one.
    await filler.setgroups(new Array<number>(most <= 8 * MOST_GROUPS ? most / Cost.GROUP : MOST_GROUPS / 2).fill(0));
  }
  equal(memory.totalBytes - memory.usedBytes, bytes);
  return fillers;
}

// Requests of netlink.

const RTM = { NEWADDR: 20, NEWROUTE: 24, DELROUTE: 25, NEWNEIGH: 28, DELNEIGH: 29 } as const;
/** NLM_F_REQUEST and ACK; EXCL and CREATE. */
const ASK = 5, MAKE = 6;

/** Sends one request; throws what it is answered. */
async function ask(process: Process, fd: number, type: number, ...payload: number[]): Promise<void> {
  const request = Uint8Array.of(16 + payload.length, 0, 0, 0, type, 0, ASK, type === RTM.DELROUTE || type === RTM.DELNEIGH ? 0 : MAKE, 1, 0, 0, 0, 0, 0, 0, 0, ...payload);
  await process.send(fd, request, 0);
  const answer = new Uint8Array(200);
  await process.recv(fd, answer, 0);
  const errno = new DataView(answer.buffer).getInt32(16, true);
  const NAMES: Readonly<Record<number, string>> = { [-12]: 'ENOMEM', [-105]: 'ENOBUFS', [-17]: 'EEXIST', [-22]: 'EINVAL' };
  if (errno !== 0) throw Object.assign(new Error(`netlink: ${errno}`), { code: NAMES[errno] ?? `${errno}` });
}

const word = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
/** struct rtmsg and RTA_DST, RTA_OIF: a route to a host on the link of lo. */
const route4 = (i: number): number[] => [AF.INET, 32, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0, 8, 0, 1, 0, ...word(0x30000000 + i), 8, 0, 4, 0, 1, 0, 0, 0];
const route6 = (i: number): number[] => [
  AF.INET6, 128, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 20, 0, 1, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, ...word(i), 8, 0, 4, 0, 1, 0, 0, 0,
];
/** struct ifaddrmsg and IFA_LOCAL: an address of eth0, alone in its network. */
const address4 = (i: number): number[] => [AF.INET, 32, 0, 0, 2, 0, 0, 0, 8, 0, 2, 0, ...word(0x30000000 + i)];

/** struct ndmsg of eth0, NDA_DST and NDA_LLADDR. */
const neighbour4 = (i: number, state: number): number[] => [
  AF.INET, 0, 0, 0, 2, 0, 0, 0, state, 0, 0, 0, 8, 0, 1, 0, ...word(0x30000000 + i), 10, 0, 2, 0, 2, 0, 0, 0, 0, 1, 0, 0,
];
const NUD = { REACHABLE: 2, PERMANENT: 0x80 } as const;

test('routes: 65,536 of a host, then ENOBUFS; one that goes makes room for another', { timeout: 300_000 }, () => simulate({ seed }, async (world) => {
  const host = world.host('a');
  const p = new Process(host, 'p');
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const there = host.network.routing.table.routes.length;
  deepEqual(await untilRefused((i) => ask(p, fd, RTM.NEWROUTE, ...route4(i))), { code: 'ENOBUFS', count: 65_536 - there });
  await ask(p, fd, RTM.DELROUTE, ...route4(65_536 - there - 1));
  await ask(p, fd, RTM.NEWROUTE, ...route4(NEVER));
  await rejects(ask(p, fd, RTM.NEWROUTE, ...route6(1)), { code: 'ENOBUFS' });
}));

for (const [what, code, make] of [['IPv4', 'ENOBUFS', route4], ['IPv6', 'ENOMEM', route6]] as const) {
  test(`routes of ${what}: as many as there is memory for, then ${code}; all is given back`, () => simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
    const p = new Process(host, 'p');
    const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
    const room = roomFor(host, Cost.ROUTE);
    const used = host.kernel.memory.usedBytes;
    deepEqual(await untilRefused((i) => ask(p, fd, RTM.NEWROUTE, ...make(i))), { code, count: room });
    for (let i = 0; i < room; i++) await ask(p, fd, RTM.DELROUTE, ...make(i));
    equal(host.kernel.memory.usedBytes, used);
  }));
}

for (const [what, memoryBytes, most] of [['4,096 of an interface', 64 * MEGABYTE, 4096], ['as many as there is memory for', 4 * MEGABYTE, Infinity]] as const) {
  test(`addresses: ${what}, then ENOBUFS; with the device they go`, () => simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes });
    const p = new Process(host, 'p');
    const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
    const used = host.kernel.memory.usedBytes;
    world.cable(host, world.host('b'));
    const device = host.network.deviceAt(2);
    const there = host.network.interfaces()[1]?.addresses.length as number;
    const count = Math.min(most - there, roomFor(host, Cost.ADDRESS));
    deepEqual(await untilRefused((i) => ask(p, fd, RTM.NEWADDR, ...address4(i))), { code: 'ENOBUFS', count });
    if (device !== null) host.network.detach(device);
    equal(host.kernel.memory.usedBytes, used);
  }));
}

test('permanent neighbours: they do not count for gc_thresh3, and are as many as there is memory for, then ENOBUFS', () => simulate({ seed }, async (world) => {
  const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
  world.cable(host, world.host('b'));
  const p = new Process(host, 'p');
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const { memory } = host.kernel;
  const [used, room] = [memory.usedBytes, roomFor(host, Cost.NEIGHBOUR)];
  deepEqual(await untilRefused((i) => ask(p, fd, RTM.NEWNEIGH, ...neighbour4(i, NUD.PERMANENT))), { code: 'ENOBUFS', count: room });
  // Others still have their places, and cannot become permanent either.
  deepEqual(await untilRefused((i) => ask(p, fd, RTM.NEWNEIGH, ...neighbour4(room + i, NUD.REACHABLE))), { code: 'ENOBUFS', count: 1024 });
  equal(host.nstat().NeighTableFulls, 1);
  await ask(p, fd, RTM.DELNEIGH, ...neighbour4(0, 0));
  await ask(p, fd, RTM.NEWNEIGH, ...neighbour4(0, NUD.PERMANENT));
  for (let i = 0; i < room; i++) await ask(p, fd, RTM.DELNEIGH, ...neighbour4(i, 0));
  equal(memory.usedBytes, used);
}));

// Groups of sockets.

const group4 = (i: number): Uint8Array => Uint8Array.of(239, 1, i >> 8, i & 255, 127, 0, 0, 1);
const group6 = (i: number): Uint8Array => Uint8Array.of(0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, i >> 8, i & 255, 1, 0, 0, 0);

test('groups of IPv6: what optmem_max holds of 56 bytes each, then ENOMEM', () => simulate({ seed }, async (world) => {
  const p = new Process(world.host('a'), 'p');
  const fd = await p.socket(AF.INET6, SOCK.DGRAM, 0);
  // Linux 6.18 takes as many: sizeof(struct ipv6_mc_socklist), and sock_kmalloc stays below 131,072 bytes.
  deepEqual(await untilRefused((i) => p.setsockopt(fd, IPPROTO.IPV6, IPV6.JOIN_GROUP, group6(i))), { code: 'ENOMEM', count: 2340 });
}));

for (const [what, code] of [['IPv4', 'ENOBUFS'], ['IPv6', 'ENOMEM']] as const) {
  test(`groups of ${what} of many sockets: as many as there is memory for, then ${code}; all is given back`, () => simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
    host.sysctl('net.ipv4.igmp_max_memberships', 2000);
    const p = new Process(host, 'p');
    const isV4 = what === 'IPv4';
    const fds: number[] = [];
    for (let i = 0; i < 10; i++) fds.push(await p.socket(isV4 ? AF.INET : AF.INET6, SOCK.DGRAM, 0));
    const room = roomFor(host, Cost.JOINED);
    const used = host.kernel.memory.usedBytes;
    const join = (i: number): Promise<void> => {
      const fd = fds[Math.floor(i / 1000)] as number;
      return isV4 ? p.setsockopt(fd, IPPROTO.IP, IP.ADD_MEMBERSHIP, group4(i)) : p.setsockopt(fd, IPPROTO.IPV6, IPV6.JOIN_GROUP, group6(i));
    };
    deepEqual(await untilRefused(join), { code, count: room });
    for (const fd of fds) await p.close(fd);
    equal(host.kernel.memory.usedBytes, used - 10 * (Cost.FILE + Cost.ENDPOINT));
  }));
}

test('sources of a group: ten by ten as there is memory for, then ENOBUFS', () => simulate({ seed }, async (world) => {
  const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
  host.sysctl('net.ipv4.igmp_max_msf', 1000);
  const p = new Process(host, 'p');
  const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.setsockopt(fd, IPPROTO.IP, IP.ADD_MEMBERSHIP, group4(1));
  const fillers = await leave(host, 20 * Cost.SOURCE + Cost.GROUP);
  // struct ip_mreq_source.
  const block = (i: number): Promise<void> => p.setsockopt(fd, IPPROTO.IP, IP.BLOCK_SOURCE, Uint8Array.of(239, 1, 0, 1, 127, 0, 0, 1, 9, 9, i >> 8, i & 255));
  deepEqual(await untilRefused(block), { code: 'ENOBUFS', count: 20 });
  for (const filler of fillers) filler.exit();
  await leave(host, 10 * Cost.SOURCE - Cost.GROUP);
  deepEqual(await untilRefused((i) => block(100 + i)), { code: 'ENOBUFS', count: 0 });
  await p.close(fd);
}));

// TIME_WAIT.

const port = sockaddrIn('127.0.0.1', 80);

async function listening(p: Process): Promise<number> {
  const listener = await p.socket(AF.INET, SOCK.STREAM, 0);
  await p.bind(listener, port);
  await p.listen(listener, 100);
  return listener;
}

async function timeWaits(p: Process): Promise<number> {
  const fd = await p.open('/proc/net/tcp', O.RDONLY);
  const room = new Uint8Array(100_000);
  const n = await p.read(fd, room);
  await p.close(fd);
  return new TextDecoder().decode(room.subarray(0, n)).split('\n').filter((line) => line.split(' ').includes('06')).length;
}

test('tcp_max_tw_buckets: so many stay in TIME_WAIT, TCPTimeWaitOverflow counts the others, which just end', () => simulate({ seed }, async (world) => {
  const host = world.host('a');
  host.sysctl('net.ipv4.tcp_max_tw_buckets', 10);
  const p = new Process(host, 'p');
  const listener = await listening(p);
  const some = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const client = await p.socket(AF.INET, SOCK.STREAM, 0);
      await p.connect(client, port);
      const { fd } = await p.accept(listener);
      await p.close(client);
      await p.close(fd);
    }
    await world.sleep(1e5);
  };
  // Linux 6.18 counts the same after the same.
  await some(20);
  const { TcpExtTW, TcpExtTCPTimeWaitOverflow } = host.nstat();
  deepEqual([await timeWaits(p), TcpExtTW, TcpExtTCPTimeWaitOverflow], [10, 10, 10]);
  await world.sleep(61e6);
  equal(await timeWaits(p), 0);
  await some(3);
  equal(await timeWaits(p), 3);
}));

for (const [what, lacking, counts] of [['room for one', 0, [1, 0]], ['no room', 8, [0, 1]]] as const) {
  test(`TIME_WAIT of a host whose memory has ${what}`, () => simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
    const p = new Process(host, 'p');
    const listener = await listening(p);
    const client = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.connect(client, port);
    const { fd } = await p.accept(listener);
    await p.shutdown(client, Shut.WR);
    await world.sleep(1e5);
    const fillers = await leave(host, Cost.TIME_WAIT - lacking);
    await p.shutdown(fd, Shut.WR);
    await world.sleep(1e5);
    const { TcpExtTW, TcpExtTCPTimeWaitOverflow } = host.nstat();
    deepEqual([TcpExtTW ?? 0, TcpExtTCPTimeWaitOverflow ?? 0], counts);
    for (const process of [...fillers, p]) process.exit();
    await world.sleep(120e6);
    deepEqual(world.leftovers(), []);
  }));
}

// What comes from the link.

interface Scene {
  readonly world: World;
  readonly victim: Process;
  readonly far: Host;
  readonly attack: Attack;
  /** Puts the victim's hardware address before a frame, and sums in it. */
  send(frame: Uint8Array): Promise<void>;
  /** The frames that have come from the victim since the last time. */
  seen(): Promise<Uint8Array[]>;
}

/** An attacker, and a victim whose default route he is. */
async function attacked(world: World, addresses?: { addressA: string; addressB: string }): Promise<Scene> {
  const [near, far] = [world.host('attacker'), world.host('victim')];
  world.cable(near, far, { delayUs: 10, ...addresses });
  const [attacker, victim] = [new Process(near, 'attacker'), new Process(far, 'victim')];
  const gateway = addresses === undefined ? IpAddress.from(ATTACKER.join('.')) : null;
  if (gateway !== null) equal(far.network.addRoute(IpAddress.from('0.0.0.0'), 0, { gateway }), 0);
  const sniffer = await attacker.socket(AF.PACKET, SOCK.RAW, 0x0300);
  await attacker.bind(sniffer, sockaddrLl({ protocol: 3, index: 2 }));
  // Link-local addresses are nobody's before they are known to be unique.
  await world.sleep(3e6);
  const attack = new Attack({ victim6: await address6(victim), attacker6: await address6(attacker), port: 0, seq: 0, ack: 0 });
  const macs = [far, near].map((host) => host.network.deviceAt(2)).flatMap((device) => {
    const bytes = new Uint8Array(6);
    new DataView(bytes.buffer).setUint16(0, device?.macHi ?? 0);
    new DataView(bytes.buffer).setInt32(2, device?.macLo ?? 0);
    return [...bytes];
  });
  const room = new Uint8Array(2000);
  const seen = async (): Promise<Uint8Array[]> => {
    const frames: Uint8Array[] = [];
    await world.sleep(1000);
    for (;;) {
      const n = await attacker.recv(sniffer, room, Msg.DONTWAIT).catch(() => -1);
      if (n < 0) return frames;
      if (room.subarray(6, 12).join() === macs.slice(0, 6).join()) frames.push(room.slice(0, n));
    }
  };
  const send = async (frame: Uint8Array): Promise<void> => {
    frame.set(macs);
    repairChecksums(frame);
    await attacker.send(sniffer, frame, 0);
    await world.sleep(20);
  };
  return { world, victim, far, attack, send, seen };
}

/** Of a network that is far away. */
const farAway = (i: number): number[] => [198, 51, i >> 8, i & 255];
const KEPT = 1024;
const MORE = 1100;

test('path MTUs: 1,024 of a host are remembered, and of more the oldest are forgotten', () => simulate({ seed }, async (world) => {
  const { victim, far, attack, send } = await attacked(world);
  const fd = await victim.socket(AF.INET, SOCK.DGRAM, 0);
  await victim.bind(fd, sockaddrIn('0.0.0.0', DATAGRAMS));
  for (let i = 0; i < MORE; i++) {
    const datagram = attack.udp(CLOSED, 8);
    put16(datagram, 0, DATAGRAMS);
    const sent = attack.ipv4(VICTIM, farAway(i), PROTOCOL.UDP, datagram);
    // Fragmentation needed, and the next hop's MTU.
    await send(attack.ipv4(ATTACKER, VICTIM, PROTOCOL.ICMP, attack.icmp(3, 4, 1000, sent.subarray(14))));
  }
  const found: number[] = [];
  // What lookups found before does not count: the host has another address now.
  equal(far.network.addAddress(far.network.loopback, IpAddress.from('192.0.2.1'), 32), 0);
  for (let i = 0; i < MORE; i++) {
    await victim.connect(fd, sockaddrIn(farAway(i).join('.'), 9));
    found.push(new DataView((await victim.getsockopt(fd, IPPROTO.IP, IP.MTU, 4)).buffer).getInt32(0, true));
  }
  deepEqual(found, Array.from({ length: MORE }, (_, i) => (i < MORE - KEPT ? 1500 : 1000)));
}));

test('redirects: 1,024 of a host are followed, and of more the oldest are forgotten', () => simulate({ seed }, async (world) => {
  const { victim, attack, send, seen } = await attacked(world);
  const fd = await victim.socket(AF.INET, SOCK.DGRAM, 0);
  // Of nobody: what goes there waits for his hardware address, and does not come to the attacker.
  const better = 0x0a00014d;
  for (let i = 0; i < MORE; i++) {
    const sent = attack.ipv4(VICTIM, farAway(i), PROTOCOL.UDP, attack.udp(CLOSED, 8));
    await send(attack.ipv4(ATTACKER, VICTIM, PROTOCOL.ICMP, attack.icmp(5, 1, better, sent.subarray(14))));
  }
  await seen();
  const came: number[] = [];
  for (let i = 0; i < MORE; i++) {
    await victim.sendto(fd, Uint8Array.of(1), 0, sockaddrIn(farAway(i).join('.'), 9));
    if (i % 50 !== 49) continue;
    for (const frame of await seen()) if (frame[12] === 8 && frame[13] === 0 && frame[30] === 198) came.push((frame[32] as number) * 256 + (frame[33] as number));
  }
  deepEqual(came, Array.from({ length: MORE - KEPT }, (_, i) => i));
}));

/** How many answers of ICMP, of a type, come to a packet of a sender. */
async function answers({ send, seen }: Scene, frame: Uint8Array, type: number): Promise<number> {
  await send(frame);
  return (await seen()).filter((each) => each[12] === 8 && each[13] === 0 && each[23] === PROTOCOL.ICMP && each[34] === type).length;
}

test('redirects of a router: 1,024 senders are known to have been told; who comes beyond them makes it forget the oldest', () => simulate({ seed }, async (world) => {
  // Only who is on the link is told.
  const { far, attack, send } = await attacked(world, { addressA: '10.0.1.1/16', addressB: '10.0.1.2/16' });
  far.sysctl('net.ipv4.ip_forward', 1);
  equal(far.network.addRoute(IpAddress.from('198.51.0.0'), 16, { gateway: IpAddress.from('10.0.1.77') }), 0);
  const told = async (i: number): Promise<number> => {
    const before = far.nstat().IcmpOutRedirects ?? 0;
    await send(attack.ipv4([10, 0, 8 + (i >> 8), i & 255], farAway(1), PROTOCOL.UDP, attack.udp(CLOSED, 8)));
    return (far.nstat().IcmpOutRedirects ?? 0) - before;
  };
  equal(await told(0), 1);
  for (let i = 1; i < KEPT; i++) equal(await told(i), 1);
  // He is told again after 40 ms, and these take less.
  equal(await told(0), 0);
  equal(await told(KEPT), 1);
  equal(await told(0), 1);
}));

test('ICMP errors: 1,024 hosts are known to have had theirs; who comes beyond them makes it forget the oldest', () => simulate({ seed }, async (world) => {
  const scene = await attacked(world);
  for (const name of ['per_sec', 'burst']) scene.far.sysctl(`net.ipv4.icmp_msgs_${name}`, 100_000);
  const { attack } = scene;
  const datagram = (i: number): Uint8Array => attack.ipv4([12, 0, i >> 8, i & 255], VICTIM, PROTOCOL.UDP, attack.udp(CLOSED, 8));
  // XRLIM_BURST_FACTOR.
  for (let i = 0; i < 6; i++) equal(await answers(scene, datagram(0), 3), 1);
  equal(await answers(scene, datagram(0), 3), 0);
  for (let i = 1; i < KEPT; i++) await scene.send(datagram(i));
  await scene.seen();
  equal(await answers(scene, datagram(0), 3), 0);
  equal(scene.far.nstat().IcmpOutRateLimitHost, 2);
  await scene.send(datagram(KEPT));
  await scene.seen();
  equal(await answers(scene, datagram(0), 3), 1);
}));

test('gc_thresh3: 1,024 neighbours of a family; beyond them ENOBUFS over IPv4 for who has IP_RECVERR, and EINVAL over IPv6', () => simulate({ seed }, async (world) => {
  const scene = await attacked(world, { addressA: '10.0.0.1/16', addressB: '10.0.0.2/16' });
  const { victim, far, attack, send } = scene;
  for (let i = 0; i < 1500; i++) {
    const request = new Uint8Array(42);
    put16(request, 12, 0x0806);
    request.set([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, i >> 8, i & 255, 10, 0, 4 + (i >> 8), i & 255], 14);
    request.set([10, 0, 0, 2], 38);
    await send(request);
  }
  const { neighbours4, neighbours6 } = far.network;
  deepEqual([neighbours4.size, far.nstat().NeighTableFulls], [1024, 1500 - 1024]);
  const fd = await victim.socket(AF.INET, SOCK.DGRAM, 0);
  const unknown = sockaddrIn('10.0.200.1', 9);
  // udp_send_skb: it is lost, and nobody hears of it who did not ask.
  equal(await victim.sendto(fd, Uint8Array.of(1), 0, unknown), 1);
  await victim.setsockopt(fd, IPPROTO.IP, IP.RECVERR, ON);
  await rejects(victim.sendto(fd, Uint8Array.of(1), 0, unknown), { code: 'ENOBUFS' });
  const counts = far.nstat();
  deepEqual([counts.NeighTableFulls, counts.IpOutDiscards, counts.UdpSndbufErrors, counts.UdpOutDatagrams ?? 0], [1500 - 1024 + 2, 2, 2, 0]);
  // Those that were heard of are known as before.
  equal(await victim.sendto(fd, Uint8Array.of(1), 0, sockaddrIn('10.0.4.1', 9)), 1);

  const had = neighbours6.size;
  for (let i = 0; i < 1500; i++) {
    const from = attack.victim6.slice();
    from.set([1, 1, i >> 8, i & 255], 12);
    const data = new Uint8Array(24);
    data.set(attack.victim6);
    data.set([1, 1, 2, 0, 0, 0, i >> 8, i & 255], 16);
    await send(attack.ipv6(from, attack.victim6, PROTOCOL.ICMPV6, attack.icmp(135, 0, 0, data)));
  }
  deepEqual([neighbours6.size, far.nstat().NeighTableFulls], [1024, 1500 - 1024 + 2 + 1500 - (1024 - had)]);
  const fd6 = await victim.socket(AF.INET6, SOCK.DGRAM, 0);
  const unknown6 = sockaddrIn6('fe80::77', 9, 2);
  await rejects(victim.sendto(fd6, Uint8Array.of(1), 0, unknown6), { code: 'EINVAL' });
  deepEqual([far.nstat().Ip6OutNoRoutes, far.nstat().Ip6OutDiscards], [1, 1]);
  // What nobody has used for five seconds makes room (neigh_forced_gc).
  await world.sleep(6e6);
  equal(await victim.sendto(fd, Uint8Array.of(1), 0, unknown), 1);
  // Those to whom answers were sent are asked first whether they are there.
  await world.sleep(10e6);
  equal(await victim.sendto(fd6, Uint8Array.of(1), 0, unknown6), 1);
  equal(far.nstat().NeighTableFulls, 1500 - 1024 + 2 + 1500 - (1024 - had) + 1);
}));
