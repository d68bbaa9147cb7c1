/**
 * Floods from the link: a host on the same cable sends frames without end, each of which makes its victim keep something: a
 * fragment, a half-open connection, an answer to an address that nobody has, a neighbour, a path's MTU, a piece of a stream
 * ahead of its time. The victim's memory stays bounded (as it counts it, and as Node does), and its programs go on.
 *
 * The attacker is a packet socket on a host of the world: addresses that it makes up answer nothing.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { Cost } from '../../src/base/kernel-memory.ts';
import { CHUNK_SIZE } from '../../src/base/slab.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { ip_mreqn } from '../../src/api/posix/multicast-values.ts';
import { AF, IP, IPPROTO, SOCK } from '../../src/socket/constants.ts';
import { sockaddrLl } from '../../src/socket/family/packet-address.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { put16, put32, repairChecksums } from '../fuzz/frame-layout.ts';
import { isFull, seed } from '../results.ts';
import { Attack, ATTACKER, address6, CLOSED, DATAGRAMS, FLAG, GROUP, OPEN, PROTOCOL, VICTIM } from './attack.ts';

const FRAMES = isFull ? 200_000 : 20_000;
const MEGABYTE = 1 << 20;
const MEMORY = 64 * MEGABYTE;
/** Two of what the victim may count, since an object may take twice of that in the engine while it is young, and room for the test itself. */
const MOST_NODE_BYTES = 2 * MEMORY + 32 * MEGABYTE;

/** Of what is counted during a flood, beyond what there was: the most of it, and at least so much of that. */
type Peak = readonly [least: number, most: number];
const exactly = (bytes: number): Peak => [bytes, bytes];
const NOTHING = exactly(0);

/** A short packet that waits for its neighbour's address: an skb and its head. */
const WAITING = 832;
/** neigh_unres_qlen_bytes for each of the 250 that `neighbour` draws; gc_thresh3 for those of `neighbour6`. */
const WAIT4 = 250 * Math.floor(212_992 / WAITING), WAIT6 = 1024;
/** A queue of 4,096 requests is full when there are more (inet_csk_reqsk_queue_is_full). */
const REQUESTS = 4097;
/** Errors that go out: icmp_msgs_burst, and icmp_msgs_per_sec in the 4 microseconds of each frame. Each takes 0 to 2, by chance. */
const ERRORS = 50 + (1000 * 4 * FRAMES) / 1e6;
/** net.ipv4.ipfrag_high_thresh and net.ipv6.ip6frag_high_thresh: a fragment is taken as long as there is no more; it is 2,304 bytes at most. */
const FRAGMENTS: Peak = [4 * MEGABYTE + 1, 4 * MEGABYTE + 2304];

/** The kinds of flood; the victim's counter that shows that it took notice; what it may count at its peak, of so much that it has; the frame. */
const FLOODS: readonly (readonly [what: string, noticed: string, peak: Peak | ((free: number) => Peak), frame: (a: Attack) => Uint8Array])[] = [
  ['fragments of many senders', 'IpReasmReqds', FRAGMENTS, (a) => a.ipv4(a.neighbour, VICTIM, PROTOCOL.UDP, new Uint8Array(8 * (1 + a.below(180))), 0x2000 | a.below(100))],
  ['fragments of one sender', 'IpReasmReqds', FRAGMENTS, (a) => a.ipv4(ATTACKER, VICTIM, PROTOCOL.UDP, new Uint8Array(8 * (1 + a.below(180))), 0x2000 | a.below(8000))],
  ['fragments of IPv6', 'Ip6ReasmReqds', FRAGMENTS, (a) => {
    const fragment = new Uint8Array(8 + 8 * (1 + a.below(150)));
    fragment[0] = PROTOCOL.UDP;
    put16(fragment, 2, (a.below(1000) << 3) | 1);
    put32(fragment, 4, a.below(1 << 30));
    return a.ipv6(a.neighbour6, a.victim6, PROTOCOL.FRAGMENT, fragment);
  }],
  // An answer waits for each, and for some frames that chance has made twice.
  ['connections that are never completed', 'TcpExtTCPReqQFullDrop', [REQUESTS * (Cost.REQUEST + WAITING), REQUESTS * (Cost.REQUEST + WAITING) + (FRAMES / 1000) * WAITING], (a) => a.ipv4(a.neighbour, VICTIM, PROTOCOL.TCP, a.tcp(a.port16(), a.below(1 << 30), 0, FLAG.SYN, 0))],
  ['the same over IPv6', 'TcpExtTCPReqQFullDrop', exactly(REQUESTS * Cost.REQUEST + WAIT6 * WAITING), (a) => a.ipv6(a.neighbour6, a.victim6, PROTOCOL.TCP, a.tcp(a.port16(), a.below(1 << 30), 0, FLAG.SYN, 0))],
  ['segments whose answer finds no neighbour', 'TcpOutRsts', exactly(Math.min(FRAMES, WAIT4) * WAITING), (a) =>
    a.ipv4(a.neighbour, VICTIM, PROTOCOL.TCP, a.tcp(a.port16(), a.below(1 << 30), a.below(1 << 30), FLAG.SYN | FLAG.ACK, 0))],
  // With a chunk for the payload of their sender's packets.
  ['datagrams to a closed port', 'UdpNoPorts', [0.6 * ERRORS * WAITING, 1.4 * ERRORS * WAITING + CHUNK_SIZE], (a) => a.ipv4(a.neighbour, VICTIM, PROTOCOL.UDP, a.udp(CLOSED, 30))],
  ['datagrams that nobody reads', 'UdpRcvbufErrors', [1, Math.ceil(212_992 / CHUNK_SIZE) * CHUNK_SIZE], (a) => a.ipv4(a.neighbour, VICTIM, PROTOCOL.UDP, a.udp(DATAGRAMS, a.below(1400)))],
  ['empty datagrams that nobody reads', 'UdpRcvbufErrors', NOTHING, (a) => a.ipv4(a.neighbour, VICTIM, PROTOCOL.UDP, a.udp(DATAGRAMS, 0))],
  ['datagrams that a firewall remembers', 'UdpRcvbufErrors', (free) => exactly(Math.min(FRAMES, Math.ceil((free - MEMORY / 8) / Cost.FLOW)) * Cost.FLOW), (a) => {
    const frame = a.ipv4([11, a.below(256), a.below(256), a.below(256)], VICTIM, PROTOCOL.UDP, a.udp(DATAGRAMS, 0));
    put16(frame, 34, a.port16());
    return frame;
  }],
  ['ARP requests of everybody', 'ArpInRequests', NOTHING, (a) => {
    const frame = new Uint8Array(42);
    put16(frame, 12, 0x0806);
    frame.set([0, 1, 8, 0, 6, 4, 0, 1, 2, a.below(256), a.below(256), a.below(256), a.below(256), a.below(256)], 14);
    frame.set(a.neighbour, 28);
    frame.set(VICTIM, 38);
    return frame;
  }],
  ['neighbour solicitations of everybody', 'Icmp6InNeighborSolicits', NOTHING, (a) => {
    const data = new Uint8Array(24);
    data.set(a.victim6);
    data.set([1, 1, 2, a.below(256), a.below(256), a.below(256), a.below(256), a.below(256)], 16);
    return a.ipv6(a.neighbour6, a.victim6, PROTOCOL.ICMPV6, a.icmp(135, 0, 0, data));
  }],
  ['echo requests whose answer finds no neighbour', 'Icmp6InEchos', exactly(WAIT6 * WAITING), (a) => a.ipv6(a.neighbour6, a.victim6, PROTOCOL.ICMPV6, a.icmp(128, 0, 1, new Uint8Array(100)))],
  ['packets too big, for every destination', 'Icmp6InPktTooBigs', NOTHING, (a) => {
    const sent = a.ipv6(a.victim6, a.neighbour6, PROTOCOL.UDP, a.udp(DATAGRAMS, 8));
    // Of a socket that there is.
    put16(sent, 54, DATAGRAMS);
    return a.ipv6(a.attacker6, a.victim6, PROTOCOL.ICMPV6, a.icmp(2, 0, 1280 + a.below(200), sent.subarray(14)));
  }],
  ['a stream ahead of its time, byte by byte', 'TcpExtTCPOFODrop', NOTHING, (a) =>
    a.ipv4(ATTACKER, VICTIM, PROTOCOL.TCP, a.tcp(a.port, a.seq + 2 * (1 + a.below(30_000)), a.ack, FLAG.ACK, 1))],
  ['resets beside the next byte', 'TcpExtTCPACKSkippedChallenge', NOTHING, (a) => a.ipv4(ATTACKER, VICTIM, PROTOCOL.TCP, a.tcp(a.port, a.seq + 1 + a.below(60_000), 0, FLAG.RST, 0))],
  ['queries for groups and sources', 'IpInDelivers', NOTHING, (a) => {
    const sources = a.below(300);
    const query = new Uint8Array(12 + 4 * sources);
    query.set([0x11, 1 + a.below(255), 0, 0, ...GROUP]);
    put16(query, 10, sources);
    for (let i = 0; i < sources; i++) put32(query, 12 + 4 * i, a.below(1 << 30));
    const frame = a.ipv4(ATTACKER, GROUP, PROTOCOL.IGMP, query);
    frame.set([1, 0, 0x5e, 1, 2, 3]);
    return frame;
  }],
];

/** Empties a packet socket into `look`. */
async function read(process: Process, fd: number, look: (frame: Uint8Array) => void): Promise<void> {
  const room = new Uint8Array(2000);
  for (;;) {
    const n = await process.recv(fd, room, Msg.DONTWAIT).catch(() => -1);
    if (n < 0) return;
    look(room.slice(0, n));
  }
}

/** The victim serves streams and has a datagram socket that nobody reads. */
async function serve(process: Process): Promise<number> {
  const listener = await process.socket(AF.INET6, SOCK.STREAM, 0);
  await process.bind(listener, sockaddrIn6('::', OPEN));
  await process.listen(listener, 4096);
  const datagrams = await process.socket(AF.INET6, SOCK.DGRAM, 0);
  await process.bind(datagrams, sockaddrIn6('::', DATAGRAMS));
  await process.setsockopt(datagrams, IPPROTO.IP, IP.ADD_MEMBERSHIP, ip_mreqn(GROUP.join('.'), '0.0.0.0', 2));
  return listener;
}

/** A program of the victim's does what it does. */
async function goesOn(host: Host): Promise<void> {
  const process = new Process(host, 'other');
  const [reading, writing] = await process.pipe();
  await process.write(writing, Uint8Array.of(7));
  equal(await process.read(reading, new Uint8Array(9)), 1);
  const server = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.bind(server, sockaddrIn('127.0.0.1', 0));
  await process.listen(server, 5);
  const client = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(client, await process.getsockname(server));
  const { fd } = await process.accept(server);
  await process.send(client, Uint8Array.of(1, 2, 3), 0);
  equal(await process.recv(fd, new Uint8Array(9), 0), 3);
  process.exit();
}

function nodeBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Fragments are counted by themselves, and not with the host's memory: they have limits of their own. */
function counted(what: string, { kernel, network }: Host): number {
  if (!what.startsWith('fragments')) return kernel.memory.usedBytes;
  return network.ipv4In.reassembly.memoryBytes + network.ipv6In.reassembly.memoryBytes;
}

for (const [what, noticed, peak, frame] of FLOODS) {
  test(`a flood of ${what}: ${FRAMES} frames`, { timeout: 600_000 }, (t) => simulate({ seed, eventLimit: 500_000_000 }, async (world) => {
    const [near, far] = [world.host('attacker'), world.host('victim', { memoryBytes: MEMORY })];
    world.cable(near, far, { delayUs: 10 });
    const [attacker, victim] = [new Process(near, 'attacker'), new Process(far, 'victim')];
    const listener = await serve(victim);
    if (what === 'datagrams that a firewall remembers') far.firewall.append('input', { state: ['new', 'established'], action: 'accept' });
    const sniffer = await attacker.socket(AF.PACKET, SOCK.RAW, 0x0300);
    const client = await attacker.socket(AF.INET, SOCK.STREAM, 0);
    await attacker.connect(client, sockaddrIn(VICTIM.join('.'), OPEN));
    await victim.accept(listener);
    await attacker.send(client, Uint8Array.of(1), 0);
    // Link-local addresses are nobody's before they are known to be unique.
    await world.sleep(3e6);
    let macs = new Uint8Array(12);
    let [port, seq, ack] = [0, 0, 0];
    await read(attacker, sniffer, (sent) => {
      const view = new DataView(sent.buffer);
      if (view.getUint16(12) !== 0x0800 || sent[23] !== PROTOCOL.TCP || view.getUint16(36) !== OPEN) return;
      macs = sent.slice(0, 12);
      [port, seq, ack] = [view.getUint16(34), view.getUint32(38), view.getUint32(42)];
    });
    await attacker.bind(sniffer, sockaddrLl({ protocol: 3, index: 2 }));
    const attack = new Attack({ victim6: await address6(victim), attacker6: await address6(attacker), port, seq: seq + 1, ack });
    const [hadBytes, node] = [counted(what, far), nodeBytes()];
    const [least, most] = typeof peak === 'function' ? peak(MEMORY - hadBytes) : peak;
    let peakBytes = 0;
    for (let i = 0; i < FRAMES; i++) {
      const made = frame(attack);
      made.set(macs.subarray(6), 6);
      if ((made[0] & 1) === 0) made.set(macs.subarray(0, 6));
      repairChecksums(made);
      await attacker.send(sniffer, made, 0);
      if (i % 50 !== 49) continue;
      await world.sleep(200);
      peakBytes = Math.max(peakBytes, counted(what, far) - hadBytes);
      await read(attacker, sniffer, () => {});
    }
    t.diagnostic(`the victim counts ${(peakBytes / MEGABYTE).toFixed(1)} MiB at most; Node has ${((nodeBytes() - node) / MEGABYTE).toFixed(1)} MiB more`);
    // What a firewall has no memory for goes no further.
    const reaching = what === 'datagrams that a firewall remembers' ? most / Cost.FLOW : FRAMES;
    ok((far.nstat()[noticed] ?? 0) > reaching / 3, `${noticed} is ${far.nstat()[noticed]}`);
    ok(peakBytes >= least && peakBytes <= most, `${peakBytes} bytes, and not ${least} to ${most}`);
    ok(nodeBytes() - node <= MOST_NODE_BYTES, 'Node');
    await goesOn(far);
    for (const host of [near, far]) for (const process of host.kernel.processes()) process.end(0);
    await world.sleep(7200e6);
    deepEqual(world.leftovers(), []);
  }));
}
