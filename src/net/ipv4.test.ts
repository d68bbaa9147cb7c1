/** IPv4 input and output, frame by frame: what is taken, what is answered, what is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumView, fold } from '../base/checksum.ts';
import { IpAddress } from '../base/inet-address.ts';
import { slabStatistics } from '../base/slab.ts';
import { packetStatistics, takePacket } from '../link/packet.ts';
import { NeighbourState } from './neighbour.ts';
import {
  arpFrame, icmpMessage, type Ipv4Fields, ipv4Frame, pattern, type Probe, probe, sendFrom,
} from './testing.ts';

const PEER = '192.0.2.9';

/** A host that knows the peer's MAC, for ever: no probes disturb the frames. */
function host(configure?: Parameters<typeof probe>[1]): Probe {
  const t = probe('ipv4', configure);
  t.device.inject(arpFrame({ operation: 1, senderIp: PEER, targetIp: '192.0.2.1' }));
  for (const entry of t.network.neighbours()) entry.state = NeighbourState.Permanent;
  t.take();
  return t;
}

interface Seen {
  readonly tos: number;
  readonly id: number;
  readonly fragment: number;
  readonly protocol: number;
  readonly src: string;
  readonly dst: string;
  readonly payload: Uint8Array;
}

/** An IPv4 packet that was sent, its header checksum verified. */
function packetOf(frame: Uint8Array | undefined): Seen {
  assert.ok(frame !== undefined, 'no frame');
  const view = new DataView(frame.buffer);
  assert.equal(view.getUint16(12), 0x0800);
  assert.equal(fold(sumView(view, 14, 34, 0)), 0xffff, 'header checksum');
  assert.equal(view.getUint16(16), frame.length - 14, 'total length');
  return {
    tos: view.getUint8(15), id: view.getUint16(18), fragment: view.getUint16(20), protocol: view.getUint8(23),
    src: IpAddress.fromV4(view.getInt32(26)).toString(), dst: IpAddress.fromV4(view.getInt32(30)).toString(),
    payload: frame.slice(34),
  };
}

/** An ICMP message that was sent, its checksum verified. */
function icmpOf(frame: Uint8Array | undefined): { type: number; code: number; rest: number; data: Uint8Array; seen: Seen } {
  const seen = packetOf(frame);
  assert.equal(seen.protocol, 1);
  const view = new DataView(seen.payload.buffer, seen.payload.byteOffset);
  assert.equal(fold(sumView(view, 0, seen.payload.length, 0)), 0xffff, 'ICMP checksum');
  return { type: view.getUint8(0), code: view.getUint8(1), rest: view.getInt32(4), data: seen.payload.slice(8), seen };
}

function counterOf(t: Probe, before: Record<string, number>): Record<string, number> {
  const after = t.network.counters.snapshot();
  const changed: Record<string, number> = {};
  for (const [name, value] of Object.entries(after)) {
    const difference = value - (before[name] ?? 0);
    if (difference !== 0 && !/InReceives|Octets|ECT|InMcastPkts|InBcastPkts/.test(name)) changed[name] = difference;
  }
  return changed;
}

/** What a frame changes in the counters. */
function counted(frame: Uint8Array): Record<string, number> {
  const t = host();
  const before = t.network.counters.snapshot();
  t.device.inject(frame);
  assert.equal(t.transport.udp.length, 0, 'not delivered');
  return counterOf(t, before);
}

test('RFC 1122 3.2.1: a bad version, length or checksum is dropped and counted', () => {
  const change = (at: number, value: number): Uint8Array => {
    const frame = ipv4Frame(pattern(20));
    frame[at] = value;
    return frame;
  };
  assert.deepEqual(counted(change(14, 0x55)), { IpInHdrErrors: 1 }, 'version 5');
  assert.deepEqual(counted(change(14, 0x44)), { IpInHdrErrors: 1 }, 'header of 16 bytes');
  assert.deepEqual(counted(change(17, 19)), { IpInHdrErrors: 1 }, 'total length below the header');
  assert.deepEqual(counted(change(17, 200)), { IpExtInTruncatedPkts: 1 }, 'total length beyond the frame');
  assert.deepEqual(counted(change(24, 0)), { IpInHdrErrors: 1, IpExtInCsumErrors: 1 });
  assert.deepEqual(counted(ipv4Frame(pattern(20)).slice(0, 30)), { IpInHdrErrors: 1 }, 'cut off in the header');
  assert.deepEqual(counted(new Uint8Array(13)), { LinkInTruncated: 1 });
  assert.deepEqual(counted(ipv4Frame(pattern(20), { macLo: 7 })), { LinkInOtherHost: 1 });
});

test('Ethernet padding is cut off', () => {
  const t = host();
  const frame = new Uint8Array(60);
  frame.set(ipv4Frame(pattern(10)));
  t.device.inject(frame);
  assert.deepEqual([...(t.transport.udp[0]?.bytes ?? [])], [...pattern(10)]);
});

test('RFC 1122 3.2.1.3: martians from a wire are dropped', () => {
  const martian = { IpInMartians: 1 };
  for (const src of ['127.0.0.1', '224.0.0.5', '255.255.255.255', '0.0.0.1', '0.0.0.0', '192.0.2.1']) {
    assert.deepEqual(counted(ipv4Frame(pattern(20), { src })), martian, `from ${src}`);
  }
  for (const dst of ['127.0.0.1', '0.0.0.0']) assert.deepEqual(counted(ipv4Frame(pattern(20), { dst })), martian, `to ${dst}`);
  assert.deepEqual(counted(ipv4Frame(pattern(20), { dst: '198.51.100.1' })), { IpInAddrErrors: 1 }, 'not ours');
  assert.deepEqual(counted(ipv4Frame(pattern(20), { dst: '239.1.2.3' })), { LinkInUnwantedGroup: 1 });
});

test('broadcasts and joined groups are taken, and marked as such', () => {
  const t = host();
  const group = IpAddress.from('239.1.2.3');
  t.network.joinGroup(t.device, group);
  const take = (dst: string, src = PEER): number | undefined => {
    t.device.inject(ipv4Frame(pattern(20), { dst, src, macHi: 0xffff, macLo: -1 }));
    return t.transport.udp.pop()?.frameFor;
  };
  assert.equal(take('192.0.2.255'), 1);
  assert.equal(take('255.255.255.255'), 1);
  assert.equal(take('255.255.255.255', '0.0.0.0'), 1, 'DHCP');
  t.device.inject(ipv4Frame(pattern(20), { dst: '239.1.2.3', macHi: 0x0100, macLo: 0x5e010203 }));
  assert.equal(t.transport.udp.pop()?.frameFor, 2);
  t.network.leaveGroup(t.device, group);
  t.device.inject(ipv4Frame(pattern(20), { dst: '239.1.2.3', macHi: 0x0100, macLo: 0x5e010203 }));
  assert.equal(t.transport.udp.length, 0);
  t.device.inject(ipv4Frame(pattern(20), { protocol: 6, macHi: 0xffff, macLo: -1 }));
  assert.equal(t.transport.tcp.length, 0, 'TCP does not listen to broadcast frames');
});

test('RFC 791 options: sound ones pass, source routes are refused, wrong ones answered with their offset', () => {
  const t = host();
  t.device.inject(ipv4Frame(pattern(20), { options: [7, 7, 4, 0, 0, 0, 0, 0] }));
  assert.equal(t.transport.udp.length, 1, 'record route');
  t.device.inject(ipv4Frame(pattern(20), { options: [131, 7, 4, 1, 2, 3, 4, 0] }));
  assert.equal(t.transport.udp.length, 1);
  assert.equal(t.take().length, 0, 'a source route is dropped in silence');
  const wrong: [number[], number][] = [
    [[7, 2, 0, 0], 21], [[7, 3, 3, 0], 22], [[68, 4, 4, 0], 22], [[148, 3, 0, 0], 21], [[7, 9, 4, 0], 20], [[200, 1, 0, 0], 20],
  ];
  for (const [options, pointer] of wrong) {
    // One each second: the answers are limited.
    t.run(1e6);
    t.device.inject(ipv4Frame(pattern(20), { options }));
    const { type, code, rest } = icmpOf(t.take()[0]);
    assert.deepEqual([type, code, rest >>> 24], [12, 0, pointer], options.join());
  }
  assert.equal(t.network.counters.get('IpInHdrErrors'), 1 + wrong.length);
});

test('RFC 792: an echo comes back with its payload and type of service; group echoes do not', () => {
  const t = host();
  const message = icmpMessage(8, 0, 0x00070001, pattern(3000));
  const asFrame = (fields: Ipv4Fields = {}): Uint8Array => ipv4Frame(message, { protocol: 1, ...fields });
  t.device.inject(ipv4Frame(icmpMessage(8, 0, 0x00070001, pattern(56)), { protocol: 1, tos: 0x48 }));
  const { type, rest, data, seen } = icmpOf(t.take()[0]);
  assert.deepEqual([type, rest, seen.src, seen.dst, seen.tos], [0, 0x00070001, '192.0.2.1', PEER, 0x48]);
  assert.deepEqual([...data], [...pattern(56)]);
  t.device.mtuBytes = 9000;
  t.network.deviceChanged(t.device);
  t.device.inject(asFrame());
  assert.equal(icmpOf(t.take()[0]).data.length, 3000);
  t.device.inject(asFrame({ dst: '192.0.2.255', macHi: 0xffff, macLo: -1 }));
  assert.equal(t.take().length, 0);
  t.network.settings.icmpEchoIgnoreBroadcasts = 0;
  t.device.inject(asFrame({ dst: '192.0.2.255', macHi: 0xffff, macLo: -1 }));
  assert.equal(icmpOf(t.take()[0]).seen.src, '192.0.2.1', 'answered from our own address');
  t.network.settings.icmpEchoIgnoreAll = 1;
  t.device.inject(asFrame());
  assert.equal(t.take().length, 0);
});

test('RFC 1071: an echo reply that is all zero has the checksum 0xffff; one whose sum is 0xffff has 0', () => {
  const checksumOfReply = (rest: number): number => {
    const t = host();
    t.device.inject(ipv4Frame(icmpMessage(8, 0, rest, new Uint8Array(0)), { protocol: 1 }));
    const frame = t.take()[0];
    assert.ok(frame !== undefined);
    const view = new DataView(frame.buffer, frame.byteOffset);
    // Ethernet 14, IPv4 20; then type, code, checksum.
    return view.getUint16(14 + 20 + 2);
  };
  assert.equal(checksumOfReply(0), 0xffff);
  assert.equal(checksumOfReply(0x0000ffff), 0);
  assert.equal(checksumOfReply(0x00070001), 0xfff7);
});

test('ICMP: a wrong checksum or a cut message is counted', () => {
  const message = icmpMessage(8, 0, 1, pattern(8));
  message[9] = 0xff;
  assert.deepEqual(counted(ipv4Frame(message, { protocol: 1 })), {
    IpInDelivers: 1, IcmpInMsgs: 1, IcmpInErrors: 1, IcmpInCsumErrors: 1,
  });
  const short = icmpMessage(8, 0, 1, pattern(0)).slice(0, 4);
  new DataView(short.buffer).setUint16(2, 0xf7ff);
  assert.deepEqual(counted(ipv4Frame(short, { protocol: 1 })), { IpInDelivers: 1, IcmpInMsgs: 1, IcmpInErrors: 1 });
});

test('RFC 792: a timestamp request is answered with the time of day', () => {
  const t = host();
  const data = new Uint8Array(12);
  data.set([1, 2, 3, 4]);
  t.device.inject(ipv4Frame(icmpMessage(13, 0, 0x00010002, data), { protocol: 1 }));
  const answer = icmpOf(t.take()[0]);
  const view = new DataView(answer.data.buffer);
  assert.deepEqual([answer.type, answer.rest, answer.data.length, view.getInt32(0)], [14, 0x00010002, 12, 0x01020304]);
  // Virtual time began at midnight and stands at three seconds.
  assert.deepEqual([view.getInt32(4), view.getInt32(8)], [3000, 3000]);
});

test('RFC 1122 3.2.2.1: protocol unreachable quotes the packet, up to 576 bytes in all', () => {
  const t = host();
  const frame = ipv4Frame(pattern(1000), { protocol: 200, tos: 0x10, id: 77 });
  t.device.inject(frame);
  const { type, code, rest, data, seen } = icmpOf(t.take()[0]);
  assert.deepEqual([type, code, rest, seen.tos, seen.dst], [3, 2, 0, 0xd0, PEER]);
  assert.deepEqual([...data], [...frame.slice(14, 14 + 576 - 28)]);
  assert.equal(t.network.counters.get('IpInUnknownProtos'), 1);
});

test('RFC 1122 3.2.2: no error about groups, later fragments, errors, or to impossible senders', () => {
  const t = host();
  t.transport.answer = (p) => t.network.sendPortUnreachable(p);
  t.device.inject(ipv4Frame(pattern(20), { dst: '192.0.2.255' }));
  t.device.inject(ipv4Frame(pattern(20), { macHi: 0xffff, macLo: -1 }));
  t.device.inject(ipv4Frame(pattern(20), { dst: '224.0.0.1', macHi: 0x0100, macLo: 0x5e000001 }));
  assert.equal(t.transport.udp.length, 3, 'they were delivered');
  assert.equal(t.take().length, 0, 'and not answered');
  // An option that is wrong, in an ICMP error.
  t.device.inject(ipv4Frame(icmpMessage(3, 3, 0, pattern(28)), { protocol: 1, options: [7, 2, 0, 0] }));
  t.device.inject(ipv4Frame(pattern(20), { options: [7, 2, 0, 0], fragment: 5 }));
  assert.equal(t.take().length, 0);
  t.device.inject(ipv4Frame(icmpMessage(8, 0, 0, pattern(28)), { protocol: 1, options: [7, 2, 0, 0] }));
  assert.equal(t.take().length, 1, 'an echo request is no error');
});

test('icmp_ratelimit, icmp_ratemask, icmp_msgs_per_sec: Linux buckets', () => {
  const t = host();
  t.transport.answer = (p) => t.network.sendPortUnreachable(p);
  const flood = (n: number, src = PEER): number => {
    for (let i = 0; i < n; i++) t.device.inject(ipv4Frame(pattern(20), { src }));
    return t.take().filter((frame) => frame[12] === 8 && frame[13] === 0).length;
  };
  assert.equal(flood(20), 6, 'a burst of six');
  t.run(999_999);
  assert.equal(flood(20), 0);
  t.run(1);
  assert.equal(flood(20), 1, 'then one each second');
  t.run(60e6);
  assert.equal(flood(20), 6, 'no more than six are saved up');
  assert.equal(t.network.counters.get('IcmpOutRateLimitHost'), 14 + 20 + 19 + 14);
  // Others: 50 credits for the whole host, of which a message takes 0 to 2.
  t.run(60e6);
  let sent = 0;
  for (let i = 0; i < 200; i++) {
    const before = t.network.counters.get('IcmpOutMsgs');
    flood(1, `192.0.2.${20 + i}`);
    sent += t.network.counters.get('IcmpOutMsgs') - before;
  }
  assert.ok(sent >= 25 && sent < 100, `${sent} messages of 200`);
  assert.equal(t.network.counters.get('IcmpOutRateLimitGlobal'), 200 - sent);
  t.network.settings.icmpRatemask = 0;
  assert.equal(flood(20), 20, 'without the mask there is no limit');
});

test('Linux icmp_err_convert: what transports are told', () => {
  const t = host();
  const quoted = ipv4Frame(pattern(20), { src: '192.0.2.1', dst: PEER, protocol: 6 }).slice(14, 14 + 28);
  const tell = (type: number, code: number, rest = 0): unknown => {
    t.device.inject(ipv4Frame(icmpMessage(type, code, rest, quoted), { protocol: 1 }));
    const told = t.transport.errors.pop();
    return told === undefined ? null : [told.errno, told.fatal, told.mtu];
  };
  assert.deepEqual(tell(3, 0), [101, false, 0]);
  assert.deepEqual(tell(3, 1), [113, false, 0]);
  assert.deepEqual(tell(3, 2), [92, true, 0]);
  assert.deepEqual(tell(3, 3), [111, true, 0]);
  assert.deepEqual(tell(3, 4, 1400), [90, false, 1400]);
  assert.deepEqual(tell(3, 13), [113, true, 0]);
  assert.equal(tell(3, 16), null, 'no such code');
  assert.deepEqual(tell(11, 0), [113, false, 0]);
  assert.equal(tell(11, 1), null, 'reassembly time');
  assert.deepEqual(tell(12, 0), [71, true, 0]);
  assert.equal(tell(5, 1), null, 'redirects');
  assert.equal(tell(4, 0), null, 'source quench');
  t.device.inject(ipv4Frame(icmpMessage(3, 3, 0, quoted.slice(0, 27)), { protocol: 1 }));
  assert.equal(t.transport.errors.length, 0, 'seven bytes are not enough');
  assert.equal(t.network.counters.get('IcmpInErrors'), 1);
  const foreign = ipv4Frame(pattern(20), { src: '192.0.2.50', dst: PEER }).slice(14, 42);
  t.device.inject(ipv4Frame(icmpMessage(3, 3, 0, foreign), { protocol: 1 }));
  assert.equal(t.transport.errors.length, 0, 'we never sent that');
});

// Fragments.

const MORE = 0x2000;

/** Fragment [from, to) of a datagram of bytes that tell their place. */
function fragment(from: number, to: number, more: boolean, fields: Ipv4Fields = {}): Uint8Array {
  return ipv4Frame(pattern(to - from, from), { ...fields, fragment: (more ? MORE : 0) | (from / 8) });
}

test('RFC 791: fragments make a datagram in every order, with repetitions', () => {
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
  const t = host();
  const before = packetStatistics.packetsInUse;
  for (const [n, order] of orders.entries()) {
    const parts = [fragment(0, 800, true, { id: n }), fragment(800, 1600, true, { id: n }), fragment(1600, 1700, false, { id: n })];
    for (const i of order) {
      t.device.inject(parts[i] as Uint8Array);
      if (i !== order[2]) t.device.inject(parts[i] as Uint8Array);
    }
    assert.deepEqual([...(t.transport.udp.pop()?.bytes ?? [])], [...pattern(1700)], order.join());
  }
  assert.equal(t.network.counters.get('IpReasmOKs'), 6);
  assert.equal(t.network.context.timers.queue.size, 0);
  assert.equal(t.network.ipv4In.reassembly.memory, 0);
  assert.equal(packetStatistics.packetsInUse, before);
});

test('Linux: an overlap ends the whole datagram, bytes that are there already are ignored', () => {
  for (const [from, to, more] of [[400, 1200, true], [792, 808, true], [8, 1700, false], [1592, 1608, true]] as const) {
    const t = host();
    t.device.inject(fragment(0, 800, true));
    t.device.inject(fragment(1600, 1700, false));
    t.device.inject(fragment(from, to, more));
    t.device.inject(fragment(800, 1600, true));
    assert.equal(t.transport.udp.length, 0, `${from} to ${to}`);
    assert.equal(t.network.counters.get('IpReasmFails'), 1);
  }
  const t = host();
  t.device.inject(fragment(0, 800, true));
  t.device.inject(fragment(800, 1600, true));
  t.device.inject(fragment(400, 1200, true));
  t.device.inject(fragment(1600, 1700, false));
  assert.equal(t.transport.udp.length, 1, 'the middle of two that are there');
});

test('a second end, or bytes behind the end, end the datagram; so does one beyond 65,535', () => {
  for (const second of [fragment(1600, 1708, false), fragment(1704, 1800, true), fragment(800, 900, false)]) {
    const t = host();
    t.device.inject(fragment(1600, 1700, false));
    t.device.inject(second);
    assert.equal(t.network.counters.get('IpReasmFails'), 1);
    assert.equal(t.network.ipv4In.reassembly.size, 0);
  }
  const t = host();
  t.device.inject(fragment(65528, 65600, false));
  assert.equal(t.network.counters.get('IpReasmFails'), 1);
});

test('ipfrag_time: after 30 seconds the sender of a first fragment is told, of others not', () => {
  const t = host();
  const before = packetStatistics.packetsInUse;
  t.device.inject(fragment(0, 800, true, { id: 1 }));
  t.device.inject(fragment(800, 1600, true, { id: 2 }));
  t.run(29_999_999);
  assert.equal(t.take().length, 0);
  t.run(1);
  const frames = t.take();
  assert.equal(frames.length, 1);
  const { type, code, data } = icmpOf(frames[0]);
  assert.deepEqual([type, code], [11, 1]);
  assert.deepEqual([...data.slice(0, 60)], [...fragment(0, 800, true, { id: 1 }).slice(14, 74)]);
  assert.equal(t.network.counters.get('IpReasmTimeout'), 2);
  t.run(10e6);
  assert.equal(packetStatistics.packetsInUse, before);
});

test('ipfrag_high_thresh: above the limit every fragment is refused, until the old ones time out', () => {
  const t = host();
  t.network.settings.ipfragHighThresh = 20_000;
  for (let id = 0; id < 100; id++) t.device.inject(fragment(0, 800, true, { id }));
  assert.ok(t.network.ipv4In.reassembly.memory < 22_000);
  const { size } = t.network.ipv4In.reassembly;
  assert.ok(size < 20, `${size}`);
  t.device.inject(fragment(800, 900, false, { id: 0 }));
  assert.equal(t.transport.udp.length, 0);
  t.run(31e6);
  assert.equal(t.network.ipv4In.reassembly.memory, 0);
  t.device.inject(fragment(0, 800, true, { id: 0 }));
  t.device.inject(fragment(800, 900, false, { id: 0 }));
  assert.equal(t.transport.udp.length, 1);
});

test('ipfrag_max_dist: a datagram that 64 other fragments of its sender overtook is given up', () => {
  for (const others of [63, 64]) {
    const t = host();
    t.device.inject(fragment(0, 800, true, { id: 1 }));
    for (let i = 0; i < others; i++) t.device.inject(fragment(0, 800, true, { id: 100 + i }));
    t.device.inject(fragment(800, 900, false, { id: 1 }));
    assert.equal(t.transport.udp.length, others === 63 ? 1 : 0, `${others} others`);
  }
});

test('RFC 3168 5.3: congestion marks of fragments, and senders that mix', () => {
  const t = host();
  t.device.inject(fragment(0, 800, true, { id: 1, tos: 2 }));
  t.device.inject(fragment(800, 900, false, { id: 1, tos: 3 }));
  assert.equal(t.transport.udp.pop()?.tos, 3);
  t.device.inject(fragment(0, 800, true, { id: 2, tos: 0 }));
  t.device.inject(fragment(800, 900, false, { id: 2, tos: 3 }));
  assert.equal(t.transport.udp.length, 0);
});

test('an error about a reassembled datagram quotes the header of the whole', () => {
  const t = host();
  t.device.inject(fragment(0, 800, true, { protocol: 200 }));
  t.device.inject(fragment(800, 900, false, { protocol: 200 }));
  const { data } = icmpOf(t.take()[0]);
  const view = new DataView(data.buffer);
  assert.deepEqual([view.getUint16(2), view.getUint16(6)], [920, 0]);
  assert.equal(fold(sumView(view, 0, 20, 0)), 0xffff);
});

// Output.

test('RFC 791: a long datagram goes in fragments of one identification, multiples of eight', () => {
  const t = host();
  const chunks = slabStatistics.rangesInUse;
  assert.equal(sendFrom(t.network, PEER, pattern(3100)), 0);
  const parts = t.take().map(packetOf);
  assert.deepEqual(parts.map((part) => part.fragment), [MORE, MORE | 185, 370]);
  assert.deepEqual(parts.map((part) => part.payload.length), [1480, 1480, 140]);
  assert.equal(new Set(parts.map((part) => part.id)).size, 1);
  const whole = parts.flatMap((part) => [...part.payload]);
  assert.deepEqual(whole, [...pattern(3100)]);
  assert.equal(t.network.counters.get('IpFragCreates'), 3);
  assert.equal(t.network.counters.get('IpFragOKs'), 1);
  assert.equal(slabStatistics.rangesInUse, chunks);
  assert.equal(sendFrom(t.network, PEER, pattern(3100), 17, true), -90, 'EMSGSIZE');
  assert.equal(sendFrom(t.network, PEER, pattern(65516), 17), -90, 'longer than IPv4 allows');
  assert.equal(sendFrom(t.network, PEER, pattern(65515), 17), 0);
});

test('the owner of a fragmented datagram gets its memory back once, when the last fragment has gone', () => {
  const t = host();
  let back = 0;
  const p = takePacket();
  p.put(40);
  p.addBytes(pattern(4000), 0, 4000, t.network.context.writer);
  p.owner = { released: (truesize) => { back += truesize; } };
  p.truesize = 5000;
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  assert.ok(way !== null);
  t.network.output(p, way, way.source, way.to, 17, -1, 0, false);
  assert.equal(back, 5000);
});

test('an MTU without room for eight bytes of a fragment is EMSGSIZE, and no endless loop', () => {
  const t = host();
  const packets = packetStatistics.packetsInUse;
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  assert.ok(way !== null);
  for (const mtu of [27, 20, 0, -1, NaN]) {
    way.mtuBytes = mtu;
    const p = takePacket();
    p.bytes.set(pattern(64), p.put(64));
    // Nothing is longer than NaN.
    const expected = Number.isNaN(mtu) ? 0 : -90;
    assert.equal(t.network.output(p, way, way.source, way.to, 17, -1, 0, false), expected, `MTU ${mtu}`);
  }
  assert.equal(t.take().length, 1);
  assert.equal(packetStatistics.packetsInUse, packets);
});

test('a device whose MTU is nonsense still ends every send', () => {
  for (const mtu of [0, -5, 67, NaN, Infinity, 68.5]) {
    const t = host();
    t.device.mtuBytes = mtu;
    t.network.changed();
    const way = t.network.lookup(IpAddress.from(PEER), null, null);
    if (!(mtu >= 68)) assert.equal(way?.mtuBytes, 68);
    for (const to of [PEER, '2001:db8::9', '224.0.0.9']) sendFrom(t.network, to, pattern(3000));
    t.run(10e6);
  }
});

test('RFC 1191: a smaller path MTU is learnt in place, has a floor, and expires', () => {
  const t = host();
  t.network.addRoute(IpAddress.from('0.0.0.0'), 0, { gateway: IpAddress.from(PEER) });
  const far = IpAddress.from('203.0.113.5');
  const way = t.network.lookup(far, null, null);
  const bound = t.network.lookup(far, IpAddress.from('192.0.2.1'), null);
  assert.ok(way !== null && bound !== null && way !== bound);
  assert.equal(way.mtuBytes, 1500);
  t.network.setPathMtu(far, 1400);
  assert.deepEqual([way.mtuBytes, bound.mtuBytes], [1400, 1400]);
  t.network.setPathMtu(far, 1450);
  assert.equal(way.mtuBytes, 1400, 'it never grows by an ICMP error');
  assert.equal(sendFrom(t.network, '203.0.113.5', pattern(1400), 17, true), -90);
  assert.equal(sendFrom(t.network, '203.0.113.5', pattern(1380), 17, true), 0);
  assert.equal(t.network.lookup(IpAddress.from('203.0.113.6'), null, null)?.mtuBytes, 1500, 'other hosts');
  t.run(300e6);
  t.network.setPathMtu(far, 100);
  assert.deepEqual([way.mtuBytes, way.mtuLocked], [552, true], 'min_pmtu');
  t.take();
  assert.equal(sendFrom(t.network, '203.0.113.5', pattern(1000), 17, true), 0, 'a locked MTU: fragments, DF off');
  const parts = t.take().map(packetOf);
  assert.deepEqual(parts.map((part) => part.fragment), [MORE, 66]);
  t.network.changed();
  assert.equal(t.network.lookup(far, null, null)?.mtuBytes, 552, 'a new destination knows');
  t.run(600e6);
  const later = t.network.lookup(far, null, null);
  sendFrom(t.network, '203.0.113.5', pattern(20));
  assert.deepEqual([later?.mtuBytes, later?.mtuLocked], [1500, false]);
});

test('RFC 1191: "fragmentation needed" about a datagram is believed, about TCP left to TCP', () => {
  const t = host();
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  for (const [protocol, mtu] of [[6, 1500], [17, 1300]] as const) {
    const quoted = ipv4Frame(pattern(20), { src: '192.0.2.1', dst: PEER, protocol }).slice(14, 42);
    t.device.inject(ipv4Frame(icmpMessage(3, 4, 1300, quoted), { protocol: 1 }));
    assert.equal(way?.mtuBytes, mtu);
  }
  assert.deepEqual(t.transport.errors.map((error) => error.mtu), [1300, 1300]);
});

test('a broadcast of ours is heard by ourselves too, a group only when we joined it', () => {
  const t = host();
  const groupHeard = (): number => {
    sendFrom(t.network, '239.9.9.9', pattern(20));
    t.run(1);
    return t.transport.udp.splice(0).length;
  };
  t.network.addRoute(IpAddress.from('224.0.0.0'), 4, { device: t.device });
  sendFrom(t.network, '192.0.2.255', pattern(20));
  assert.equal(t.transport.udp.length, 0, 'not inside the call');
  t.run(1);
  assert.equal(t.transport.udp.splice(0).length, 1);
  assert.equal(Buffer.from(t.take()[0] as Uint8Array).subarray(0, 6).toString('hex'), 'ffffffffffff');
  assert.equal(groupHeard(), 0);
  assert.equal(Buffer.from(t.take()[0] as Uint8Array).subarray(0, 6).toString('hex'), '01005e090909');
  t.network.joinGroup(t.device, IpAddress.from('239.9.9.9'));
  assert.equal(groupHeard(), 1);
});

test('127.0.0.1 goes by the loopback, and comes in there', () => {
  const t = host();
  sendFrom(t.network, '127.0.0.1', pattern(3000));
  sendFrom(t.network, '192.0.2.1', pattern(3000));
  t.run(1);
  assert.deepEqual(t.transport.udp.map((seen) => seen.bytes.length), [3000, 3000]);
  assert.equal(t.take().length, 0);
  assert.equal(t.network.loopback.statistics.txPackets, 2);
});
