/** IPv6 input and output, ICMPv6, neighbour discovery, duplicate addresses, MLD: frame by frame, with explicit time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, pseudoHeaderSum6, sumView } from '../base/checksum.ts';
import { IpAddress } from '../base/inet-address.ts';
import { packetStatistics } from '../link/packet.ts';
import { NeighbourState } from './neighbour.ts';
import { completeIcmp6, type Ipv6Fields, ipv6Frame, pattern, PEER_MAC, type Probe, probe, sendFrom } from './testing.ts';

const PEER = '2001:db8::9';
const HOST = '2001:db8::1';
/** What EUI-64 makes of 02:00:00:00:00:01. */
const HOST_LOCAL = 'fe80::ff:fe00:1';
const SOLICITED = 'ff02::1:ff00:1';

interface Seen {
  readonly src: string;
  readonly dst: string;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payload: Uint8Array;
  readonly mac: string;
}

function packetOf(frame: Uint8Array | undefined): Seen {
  assert.ok(frame !== undefined, 'no frame');
  const view = new DataView(frame.buffer);
  assert.equal(view.getUint16(12), 0x86dd);
  assert.equal(view.getUint16(18), frame.length - 54, 'payload length');
  return {
    src: IpAddress.readV6(view, 22).toString(), dst: IpAddress.readV6(view, 38).toString(), nextHeader: view.getUint8(20),
    hopLimit: view.getUint8(21), payload: frame.slice(54), mac: Buffer.from(frame.subarray(0, 6)).toString('hex'),
  };
}

interface Message extends Seen {
  readonly type: number;
  readonly code: number;
  readonly rest: number;
  readonly data: Uint8Array;
}

/** An ICMPv6 message that was sent, its checksum verified; `extensions` bytes of headers stand before it. */
function icmpOf(frame: Uint8Array | undefined, extensions = 0): Message {
  const seen = packetOf(frame);
  const from = IpAddress.from(seen.src);
  const to = IpAddress.from(seen.dst);
  const message = seen.payload.slice(extensions);
  const view = new DataView(message.buffer);
  const pseudo = pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, 58, message.length);
  assert.equal(fold(sumView(view, 0, message.length, pseudo)), 0xffff, 'ICMPv6 checksum');
  return { ...seen, type: message[0] as number, code: message[1] as number, rest: view.getInt32(4), data: message.slice(8) };
}

function icmpFrame(type: number, code: number, rest: number, data: Uint8Array, fields: Ipv6Fields = {}): Uint8Array {
  const message = new Uint8Array(8 + data.length);
  message[0] = type;
  message[1] = code;
  new DataView(message.buffer).setInt32(4, rest);
  message.set(data, 8);
  return completeIcmp6(ipv6Frame(message, { nextHeader: 58, ...fields }));
}

/** A neighbour solicitation (135) or advertisement (136); `option` 1 source, 2 target, with the MAC's last byte. */
function ndFrame(type: number, target: string, flags: number, option: [number, number] | null, fields: Ipv6Fields = {}): Uint8Array {
  const data = new Uint8Array(option === null ? 16 : 24);
  data.set(IpAddress.from(target).toBytes6());
  if (option !== null) data.set([option[0], 1, 2, 0, 0, 0, 0, option[1]], 16);
  return icmpFrame(type, 0, flags << 24, data, { hopLimit: 255, ...fields });
}

function neighbour(t: Probe, address = PEER): { state: number; mac: number } | null {
  for (const entry of t.network.neighbours()) {
    if (entry.address.toString() === address) return { state: entry.stateNow, mac: entry.macLo };
  }
  return null;
}

/** A host that knows the peer's MAC for ever. */
function host(): Probe {
  const t = probe('ipv6');
  t.device.inject(ndFrame(135, HOST, 0, [1, PEER_MAC]));
  for (const entry of t.network.neighbours()) {
    entry.state = NeighbourState.Permanent;
    t.network.context.timers.disarm(entry);
  }
  t.take();
  return t;
}

function counted(frame: Uint8Array): string[] {
  const t = host();
  const before = t.network.counters.snapshot();
  t.device.inject(frame);
  assert.equal(t.transport.udp.length, 0, 'not delivered');
  const after = t.network.counters.snapshot();
  return Object.keys(after).filter((name) => after[name] !== before[name] && !/InReceives|Octets|ECT/.test(name));
}

test('RFC 8200 3, RFC 4291 2.5: what is no packet for us is dropped and counted', () => {
  const version = ipv6Frame(pattern(20));
  version[14] = 0x50;
  assert.deepEqual(counted(version), ['Ip6InHdrErrors']);
  assert.deepEqual(counted(ipv6Frame(pattern(20)).slice(0, 60)), ['Ip6InTruncatedPkts']);
  assert.deepEqual(counted(ipv6Frame(pattern(20)).slice(0, 50)), ['Ip6InHdrErrors']);
  for (const src of ['ff02::1', '::1']) assert.deepEqual(counted(ipv6Frame(pattern(20), { src })), ['Ip6InHdrErrors'], src);
  for (const dst of ['::1', 'ff01::1', 'ff00::1']) assert.deepEqual(counted(ipv6Frame(pattern(20), { dst })), ['Ip6InHdrErrors'], dst);
  assert.deepEqual(counted(ipv6Frame(pattern(20), { dst: '2001:db8::2' })), ['Ip6InAddrErrors']);
  assert.deepEqual(counted(ipv6Frame(pattern(20), { dst: 'ff02::1:ff00:77' })), ['LinkInUnwantedGroup']);
});

test('padding is cut off; our groups are heard', () => {
  const t = host();
  const frame = new Uint8Array(90);
  frame.set(ipv6Frame(pattern(10)));
  t.device.inject(frame);
  assert.equal(t.transport.udp.pop()?.bytes.length, 10);
  t.device.inject(ipv6Frame(pattern(10), { dst: 'ff02::1', macHi: 0x3333, macLo: 1 }));
  assert.equal(t.transport.udp.pop()?.frameFor, 2);
  t.device.inject(ipv6Frame(pattern(10), { dst: HOST_LOCAL, src: 'fe80::9' }));
  assert.equal(t.transport.udp.length, 1);
});

test('RFC 4443 4.2: an echo comes back, from our own address when it was to a group', () => {
  const t = host();
  t.device.inject(icmpFrame(128, 0, 0x00050001, pattern(56)));
  const echo = icmpOf(t.take()[0]);
  assert.deepEqual([echo.type, echo.rest, echo.src, echo.dst], [129, 0x00050001, HOST, PEER]);
  assert.deepEqual([...echo.data], [...pattern(56)]);
  t.device.inject(icmpFrame(128, 0, 1, pattern(8), { dst: 'ff02::1', src: 'fe80::9', macHi: 0x3333, macLo: 1 }));
  const asked = icmpOf(t.take()[0]);
  assert.equal(asked.type, 135, 'the sender is not known yet');
  t.device.inject(ndFrame(136, 'fe80::9', 0x60, [2, PEER_MAC], { src: 'fe80::9', dst: HOST_LOCAL }));
  const fromGroup = icmpOf(t.take()[0]);
  assert.deepEqual([fromGroup.type, fromGroup.src, fromGroup.dst], [129, HOST_LOCAL, 'fe80::9']);
  const bad = icmpFrame(128, 0, 1, pattern(8));
  bad[60] = 0xee;
  t.device.inject(bad);
  assert.equal(t.take().length, 0);
  assert.equal(t.network.counters.get('Icmp6InCsumErrors'), 1);
});

test('RFC 8200 4: extension headers are stepped over; wrong ones are answered with their place', () => {
  const t = host();
  const destinationOptions = (type: number): number[] => [17, 0, type, 4, 0, 0, 0, 0];
  const send = (headers: number[], nextHeader: number, fields: Ipv6Fields = {}): void => {
    t.run(1e6);
    t.device.inject(ipv6Frame(Uint8Array.from([...headers, ...pattern(20)]), { nextHeader, ...fields }));
  };
  const delivered = (): boolean => t.transport.udp.pop() !== undefined;
  send(destinationOptions(1), 60);
  assert.ok(delivered(), 'padding');
  send(destinationOptions(0x3e), 60);
  assert.ok(delivered(), 'unknown, to be skipped');
  send([60, 0, 5, 2, 0, 0, 1, 0, ...destinationOptions(1)], 0);
  assert.ok(delivered(), 'router alert, then destination options');
  send([17, 0, 0, 0, 0, 0, 0, 0], 43);
  assert.ok(delivered(), 'routing header that is used up');
  assert.equal(t.take().length, 0);
  send(destinationOptions(0x7e), 60);
  assert.ok(!delivered());
  assert.equal(t.take().length, 0, 'unknown, to be dropped');
  const problem = (): number[] => {
    assert.ok(!delivered());
    const { type, code, rest } = icmpOf(t.take()[0]);
    return [type, code, rest];
  };
  send(destinationOptions(0xbe), 60);
  assert.deepEqual(problem(), [4, 2, 42]);
  send(destinationOptions(0xfe), 60);
  assert.deepEqual(problem(), [4, 2, 42]);
  send([17, 0, 0, 1, 0, 0, 0, 0], 43);
  assert.deepEqual(problem(), [4, 0, 42], 'segments left');
  send([0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0], 60);
  assert.deepEqual(problem(), [4, 1, 40], 'hop-by-hop behind another header');
  send([], 200);
  assert.deepEqual(problem(), [4, 1, 6], 'unknown next header');
  send([200, 0, 1, 4, 0, 0, 0, 0], 60);
  assert.deepEqual(problem(), [4, 1, 40], 'unknown next header behind another');
  send(destinationOptions(0xbe), 60, { dst: 'ff02::1', macHi: 0x3333, macLo: 1 });
  assert.deepEqual(problem(), [4, 2, 42], 'reported even to a group');
  send(destinationOptions(0xfe), 60, { dst: 'ff02::1', macHi: 0x3333, macLo: 1 });
  assert.equal(t.take().length, 0, 'not reported to a group');
  send([17, 200, 1, 4, 0, 0, 0, 0], 60);
  assert.equal(t.take().length, 0, 'header longer than the packet');
  send([], 59);
  assert.ok(!delivered());
  assert.equal(t.take().length, 0, 'no next header');
});

test('RFC 4443 2.4: errors quote up to 1,280 bytes; none about errors, groups or nobody', () => {
  const t = host();
  t.transport.answer = (p) => t.network.sendPortUnreachable(p);
  const frame = ipv6Frame(pattern(1400));
  t.device.inject(frame);
  const { type, code, data, src, dst } = icmpOf(t.take()[0]);
  assert.deepEqual([type, code, src, dst, data.length], [1, 4, HOST, PEER, 1280 - 48]);
  assert.deepEqual([...data], [...frame.slice(14, 14 + 1232)]);
  t.device.inject(ipv6Frame(pattern(20), { dst: 'ff02::1', macHi: 0x3333, macLo: 1 }));
  t.device.inject(ipv6Frame(pattern(20), { src: '::' }));
  assert.equal(t.transport.udp.length, 3);
  assert.equal(t.take().length, 0);
  // An option that must be reported, in front of an ICMPv6 error.
  t.device.inject(ipv6Frame(Uint8Array.from([58, 0, 0xbe, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0]), { nextHeader: 60 }));
  assert.equal(t.take().length, 0);
});

test('icmp6_ratelimit: a wide prefix gets more: 250 ms between two errors on a /64', () => {
  const t = host();
  t.transport.answer = (p) => t.network.sendPortUnreachable(p);
  const flood = (): number => {
    for (let i = 0; i < 10; i++) t.device.inject(ipv6Frame(pattern(20)));
    return t.take().length;
  };
  assert.equal(flood(), 6);
  t.run(249_999);
  assert.equal(flood(), 0);
  t.run(1);
  assert.equal(flood(), 1);
  assert.equal(t.network.counters.get('Icmp6OutRateLimitHost'), 23);
});

test('Linux icmpv6_err_convert: what transports are told', () => {
  const t = host();
  const tell = (type: number, code: number, rest = 0, quotedSource = HOST): unknown => {
    const quoted = ipv6Frame(pattern(20), { src: quotedSource, dst: PEER, nextHeader: 6 }).slice(14);
    t.device.inject(icmpFrame(type, code, rest, quoted));
    const told = t.transport.errors.pop();
    return told === undefined ? null : [told.errno, told.fatal, told.mtu];
  };
  assert.deepEqual(tell(1, 0), [101, false, 0]);
  assert.deepEqual(tell(1, 1), [13, true, 0]);
  assert.deepEqual(tell(1, 3), [113, false, 0]);
  assert.deepEqual(tell(1, 4), [111, true, 0]);
  assert.deepEqual(tell(2, 0, 1300), [90, false, 1300]);
  assert.deepEqual(tell(3, 0), [113, false, 0]);
  assert.deepEqual(tell(4, 1), [71, true, 0]);
  assert.equal(tell(1, 4, 0, '2001:db8::77'), null, 'we never sent that');
});

// Fragments.

function fragment(from: number, to: number, more: boolean, id = 1, fields: Ipv6Fields = {}): Uint8Array {
  const header = [17, 0, from >> 8, (from & 0xf8) | (more ? 1 : 0), 0, 0, 0, id];
  return ipv6Frame(Uint8Array.from([...header, ...pattern(to - from, from)]), { nextHeader: 44, ...fields });
}

test('RFC 8200 4.5: fragments make a datagram in every order; an atomic one is whole', () => {
  const t = host();
  const before = packetStatistics.packetsInUse;
  const parts = [fragment(0, 800, true), fragment(800, 1600, true), fragment(1600, 1700, false)];
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
    for (const i of order) t.device.inject(parts[i] as Uint8Array);
    assert.deepEqual([...(t.transport.udp.pop()?.bytes ?? [])], [...pattern(1700)], order.join());
  }
  t.device.inject(fragment(0, 30, false));
  assert.equal(t.transport.udp.pop()?.bytes.length, 30);
  assert.equal(packetStatistics.packetsInUse, before);
  assert.equal(t.network.context.timers.queue.size, 0);
});

test('RFC 5722: an overlap ends the whole datagram', () => {
  const t = host();
  t.device.inject(fragment(0, 800, true));
  t.device.inject(fragment(400, 1200, true));
  t.device.inject(fragment(800, 1600, true));
  t.device.inject(fragment(1600, 1700, false));
  assert.equal(t.transport.udp.length, 0);
  assert.equal(t.network.counters.get('Ip6ReasmFails'), 1);
});

test('RFC 8200 4.5: odd lengths and ends beyond 65,535 are answered; a first fragment alone after 60 seconds', () => {
  const t = host();
  const before = packetStatistics.packetsInUse;
  t.device.inject(fragment(0, 801, true));
  let told = icmpOf(t.take()[0]);
  assert.deepEqual([told.type, told.code, told.rest], [4, 0, 4]);
  t.device.inject(fragment(65528, 65560, false));
  told = icmpOf(t.take()[0]);
  assert.deepEqual([told.type, told.code, told.rest], [4, 0, 42]);
  t.device.inject(fragment(0, 800, true, 5));
  t.device.inject(fragment(800, 1600, true, 6));
  t.run(59_999_999);
  assert.equal(t.take().length, 0);
  t.run(1);
  const frames = t.take();
  assert.equal(frames.length, 1);
  told = icmpOf(frames[0]);
  assert.deepEqual([told.type, told.code], [3, 1]);
  assert.deepEqual([...told.data.slice(0, 100)], [...fragment(0, 800, true, 5).slice(14, 114)]);
  assert.equal(packetStatistics.packetsInUse, before);
});

test('a reassembled packet goes on with the headers behind its fragment header', () => {
  const t = host();
  // Destination options in front of the fragment header, and in the fragmented part.
  const first = [44, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 1, 0, 0, 0, 9, 200, 0, 1, 4, 0, 0, 0, 0, ...pattern(40)];
  const second = [44, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 48, 0, 0, 0, 9, ...pattern(12)];
  t.device.inject(ipv6Frame(Uint8Array.from(second), { nextHeader: 60 }));
  t.device.inject(ipv6Frame(Uint8Array.from(first), { nextHeader: 60 }));
  const { type, code, rest, data } = icmpOf(t.take()[0]);
  assert.deepEqual([type, code, rest], [4, 1, 48], 'the unknown protocol 200, named by the second options header');
  // The quoted packet has no fragment header any more.
  assert.equal(data.length, 40 + 8 + 8 + 40 + 12);
  assert.deepEqual([data[6], data[40], data[48]], [60, 60, 200]);
});

test('RFC 8200 5: a long datagram is fragmented by us, and only when it may be', () => {
  const t = host();
  assert.equal(sendFrom(t.network, PEER, pattern(3100)), 0);
  const parts = t.take().map(packetOf);
  const heads = parts.map((part) => [part.nextHeader, part.payload[0], ((part.payload[2] as number) << 8) | (part.payload[3] as number)]);
  assert.deepEqual(heads, [[44, 17, 1], [44, 17, 1448 | 1], [44, 17, 2896]]);
  assert.deepEqual(parts.flatMap((part) => [...part.payload.slice(8)]), [...pattern(3100)]);
  assert.equal(sendFrom(t.network, PEER, pattern(3100), 17, true), -90);
  t.network.setPathMtu(IpAddress.from(PEER), 1000);
  assert.equal(t.network.lookup(IpAddress.from(PEER), null, null)?.mtuBytes, 1280, 'RFC 8201: never below 1280');
});

// Neighbour discovery.

test('Linux ip6_fragment: an MTU without room for eight bytes of a fragment is EMSGSIZE, and no endless loop', () => {
  const t = host();
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  assert.ok(way !== null);
  for (const mtu of [55, 48, 0, -1]) {
    way.mtuBytes = mtu;
    assert.equal(sendFrom(t.network, PEER, pattern(3000)), -90, `MTU ${mtu}`);
  }
  assert.deepEqual(t.take(), []);
});

test('RFC 4861 7.2.2: solicited by its group, then by unicast; hop limit 255, source address option', () => {
  const t = probe();
  sendFrom(t.network, PEER, pattern(20));
  const asked = icmpOf(t.take()[0]);
  assert.deepEqual([asked.type, asked.src, asked.dst, asked.hopLimit, asked.mac], [135, HOST, 'ff02::1:ff00:9', 255, '3333ff000009']);
  assert.deepEqual([...asked.data], [...IpAddress.from(PEER).toBytes6(), 1, 1, 2, 0, 0, 0, 0, 1]);
  t.device.inject(ndFrame(136, PEER, 0x60, [2, PEER_MAC]));
  assert.equal(packetOf(t.take()[0]).mac, '020000000099');
  assert.deepEqual(neighbour(t), { state: NeighbourState.Reachable, mac: PEER_MAC });
  t.run(60e6);
  sendFrom(t.network, PEER, pattern(20));
  t.take();
  t.run(5e6);
  const again = icmpOf(t.take()[0]);
  assert.deepEqual([again.type, again.dst, again.mac], [135, PEER, '020000000099']);
});

test('Linux: three solicitations without an answer are EHOSTUNREACH', () => {
  const t = probe();
  sendFrom(t.network, PEER, pattern(20));
  t.run(3e6);
  assert.equal(t.take().length, 3);
  assert.deepEqual(t.transport.errors.map((error) => [error.errno, error.remote]), [[113, PEER]]);
});

test('RFC 4861 7.1: messages that were forwarded, or are malformed, are not heard', () => {
  const t = probe();
  t.device.inject(ndFrame(135, HOST, 0, [1, PEER_MAC], { hopLimit: 254 }));
  t.device.inject(ndFrame(135, 'ff02::5', 0, [1, PEER_MAC]));
  t.device.inject(ndFrame(135, HOST, 0, [1, PEER_MAC], { src: '::', dst: SOLICITED, macHi: 0x3333, macLo: 0xff000001 | 0 }));
  t.device.inject(ndFrame(135, HOST, 0, null, { src: '::' }));
  const zeroOption = ndFrame(135, HOST, 0, [1, PEER_MAC]);
  zeroOption[79] = 0;
  t.device.inject(completeIcmp6(zeroOption));
  assert.equal(t.network.counters.get('NdInMalformed'), 5);
  assert.equal(t.take().length, 0);
  assert.equal(neighbour(t), null);
});

test('RFC 4861 7.2.3: a solicitation is answered; override only for who asked everybody', () => {
  const t = probe();
  t.device.inject(ndFrame(135, HOST, 0, [1, PEER_MAC], { dst: SOLICITED, macHi: 0x3333, macLo: 0xff000001 | 0 }));
  let answer = icmpOf(t.take()[0]);
  assert.deepEqual([answer.type, answer.rest >>> 24, answer.dst, answer.hopLimit, answer.mac], [136, 0x60, PEER, 255, '020000000099']);
  assert.deepEqual([...answer.data.slice(16)], [2, 1, 2, 0, 0, 0, 0, 1]);
  assert.deepEqual(neighbour(t), { state: NeighbourState.Delay, mac: PEER_MAC }, 'stale, and in use by the answer');
  t.device.inject(ndFrame(135, HOST, 0, null));
  answer = icmpOf(t.take()[0]);
  assert.deepEqual([answer.rest >>> 24, answer.data.length], [0x40, 16]);
  t.device.inject(ndFrame(135, '2001:db8::5', 0, [1, PEER_MAC]));
  assert.equal(t.take().length, 0, 'not ours');
});

test('RFC 4861 7.2.5: advertisements: unsolicited ones make no entry, override decides about another address', () => {
  const t = probe();
  t.device.inject(ndFrame(136, PEER, 0x20, [2, PEER_MAC], { dst: 'ff02::1', macHi: 0x3333, macLo: 1 }));
  assert.equal(neighbour(t), null);
  sendFrom(t.network, PEER, pattern(20));
  t.device.inject(ndFrame(136, PEER, 0x60, [2, PEER_MAC]));
  assert.deepEqual(neighbour(t), { state: NeighbourState.Reachable, mac: PEER_MAC });
  t.device.inject(ndFrame(136, PEER, 0x40, [2, 0x55]));
  assert.deepEqual(neighbour(t), { state: NeighbourState.Stale, mac: PEER_MAC }, 'doubtful now');
  t.device.inject(ndFrame(136, PEER, 0x40, [2, 0x55]));
  assert.deepEqual(neighbour(t), { state: NeighbourState.Stale, mac: PEER_MAC });
  t.device.inject(ndFrame(136, PEER, 0x20, [2, 0x55]));
  assert.deepEqual(neighbour(t), { state: NeighbourState.Stale, mac: 0x55 });
  t.device.inject(ndFrame(136, PEER, 0x40, null));
  assert.deepEqual(neighbour(t), { state: NeighbourState.Reachable, mac: 0x55 }, 'a sign of life');
});

/** A host whose addresses are tested. */
function testing(seed = 'dad'): Probe {
  const t = probe(seed);
  t.network.settings.ipv6AcceptDad = 1;
  return t;
}

const NEW = IpAddress.from('2001:db8::42');
const NEW_GROUP: Ipv6Fields = { src: '::', dst: 'ff02::1:ff00:42', macHi: 0x3333, macLo: 0xff000042 | 0 };

function flags(t: Probe): [boolean, boolean] {
  const entry = t.network.interfaceOf(t.device)?.find(NEW);
  assert.ok(entry !== undefined && entry !== null);
  return [entry.tentative, entry.dadFailed];
}

test('RFC 4862 5.4, RFC 7527: one solicitation from :: with a nonce, a second of silence, then the address is ours', () => {
  const t = testing();
  t.network.addAddress(t.device, NEW, 64);
  assert.equal(t.network.isLocalAddress(NEW), false);
  t.device.inject(ipv6Frame(pattern(20), { dst: NEW.toString() }));
  assert.equal(t.transport.udp.length, 0, 'a tentative address receives nothing');
  t.run(1e6);
  const asked = t.take().filter((frame) => frame[20] === 58).map((frame) => icmpOf(frame));
  assert.equal(asked.length, 1);
  assert.deepEqual([asked[0]?.src, asked[0]?.dst, asked[0]?.data[16], asked[0]?.data[17]], ['::', 'ff02::1:ff00:42', 14, 1]);
  t.run(1e6);
  assert.deepEqual(flags(t), [false, false]);
  assert.equal(t.network.isLocalAddress(NEW), true);
  assert.equal(t.take().filter((frame) => frame[20] === 58).length, 0);
});

test('RFC 4862 5.4.3, 5.4.4: somebody has the address, or wants it at the same time', () => {
  const has = testing();
  has.network.addAddress(has.device, NEW, 64);
  has.device.inject(ndFrame(136, NEW.toString(), 0x20, [2, PEER_MAC], { dst: 'ff02::1', macHi: 0x3333, macLo: 1 }));
  assert.deepEqual(flags(has), [true, true]);
  has.run(5e6);
  assert.equal(has.network.isLocalAddress(NEW), false);
  const wants = testing();
  wants.network.addAddress(wants.device, NEW, 64);
  wants.device.inject(ndFrame(135, NEW.toString(), 0, null, NEW_GROUP));
  assert.deepEqual(flags(wants), [true, true]);
  const asks = testing();
  asks.network.addAddress(asks.device, NEW, 64);
  asks.device.inject(ndFrame(135, NEW.toString(), 0, [1, PEER_MAC], { ...NEW_GROUP, src: PEER }));
  assert.deepEqual(flags(asks), [true, false], 'who only looks for it does not hinder');
  assert.equal(asks.take().filter((frame) => frame[54] === 136).length, 0, 'and gets no answer yet');
});

test('RFC 7527: our own solicitation, sent back by the link, is no duplicate', () => {
  const t = testing();
  t.network.addAddress(t.device, NEW, 64);
  t.run(1e6);
  const own = t.take().find((frame) => frame[54] === 135);
  assert.ok(own !== undefined);
  t.device.inject(own);
  assert.deepEqual(flags(t), [true, false]);
  t.run(1e6);
  assert.deepEqual(flags(t), [false, false]);
});

test('RFC 4862 5.4.3: a test of our address by another is answered to all nodes', () => {
  const t = probe();
  t.device.inject(ndFrame(135, HOST, 0, null, { src: '::', dst: SOLICITED, macHi: 0x3333, macLo: 0xff000001 | 0 }));
  const answer = icmpOf(t.take()[0]);
  assert.deepEqual([answer.type, answer.rest >>> 24, answer.dst, answer.mac], [136, 0x20, 'ff02::1', '333300000001']);
});

// MLD.

/** Groups and record types of the MLDv2 reports among the frames. */
function reports(t: Probe): { from: string; records: [string, number][] }[] {
  const found: { from: string; records: [string, number][] }[] = [];
  for (const frame of t.take()) {
    if (frame[20] !== 0 || frame[62] !== 143) continue;
    const message = icmpOf(frame, 8);
    assert.deepEqual([message.dst, message.hopLimit, message.mac], ['ff02::16', 1, '333300000016']);
    assert.deepEqual([...message.payload.slice(0, 8)], [58, 0, 5, 2, 0, 0, 1, 0], 'router alert');
    const view = new DataView(message.data.buffer);
    const records: [string, number][] = [];
    for (let at = 0; at < message.data.length; at += 20) {
      records.push([IpAddress.readV6(view, at + 4).toString(), view.getUint8(at)]);
    }
    assert.equal(records.length, message.rest & 0xffff);
    found.push({ from: message.src, records });
  }
  return found;
}

const GROUP = 'ff15::7';

test('RFC 3810 6.1: joining and leaving are reported twice', () => {
  const t = probe();
  t.network.joinGroup(t.device, IpAddress.from(GROUP));
  t.network.joinGroup(t.device, IpAddress.from(GROUP));
  t.run(2e6);
  assert.deepEqual(reports(t), [1, 2].map(() => ({ from: HOST_LOCAL, records: [[GROUP, 4]] })));
  t.network.leaveGroup(t.device, IpAddress.from(GROUP));
  t.run(2e6);
  assert.equal(reports(t).length, 0, 'somebody else still listens');
  t.network.leaveGroup(t.device, IpAddress.from(GROUP));
  t.run(2e6);
  assert.deepEqual(reports(t), [1, 2].map(() => ({ from: HOST_LOCAL, records: [[GROUP, 3]] })));
  assert.equal(t.network.leaveGroup(t.device, IpAddress.from(GROUP)), -99);
  assert.equal(t.network.context.timers.queue.size, 0);
});

function queryFrame(maxResponse: number, group: string, version: 1 | 2, fields: Ipv6Fields = {}): Uint8Array {
  const data = new Uint8Array(version === 1 ? 16 : 20);
  data.set(IpAddress.from(group).toBytes6());
  const all: Ipv6Fields = { src: 'fe80::9', dst: 'ff02::1', macHi: 0x3333, macLo: 1, hopLimit: 1 };
  return icmpFrame(130, 0, maxResponse << 16, data, { ...all, ...fields });
}

test('RFC 3810 6.2: a query is answered within its time; one for a group by that group', () => {
  const t = probe();
  t.device.inject(queryFrame(5000, '::', 2));
  t.run(5e6);
  const [answer, ...more] = reports(t);
  assert.equal(more.length, 0);
  // Both addresses of the host end in the same 24 bits.
  assert.deepEqual(answer, { from: HOST_LOCAL, records: [[SOLICITED, 2]] });
  t.network.joinGroup(t.device, IpAddress.from(GROUP));
  t.run(3e6);
  t.take();
  t.device.inject(queryFrame(1000, GROUP, 2));
  t.device.inject(queryFrame(1000, 'ff15::99', 2));
  t.run(1e6);
  assert.deepEqual(reports(t), [{ from: HOST_LOCAL, records: [[GROUP, 2]] }]);
  t.device.inject(queryFrame(1000, '::', 2, { src: PEER }));
  t.device.inject(queryFrame(1000, '::', 2, { hopLimit: 2 }));
  t.run(1e6);
  assert.equal(reports(t).length, 0, 'not from this link');
});

test('RFC 2710 4: a querier of version 1 is answered in version 1', () => {
  const t = probe();
  t.device.inject(queryFrame(1000, '::', 1));
  t.run(1e6);
  const answer = icmpOf(t.take()[0], 8);
  assert.deepEqual([answer.type, answer.dst, IpAddress.fromBytes(answer.data).toString()], [131, SOLICITED, SOLICITED]);
});
