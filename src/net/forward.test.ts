/** A host between two networks: what it sends on, how, and what it says about the rest (ip_forward, ip6_forward, ip_error). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, pseudoHeaderSum4, sumView } from '../base/checksum.ts';
import { IpAddress } from '../base/inet-address.ts';
import { packetStatistics } from '../link/packet.ts';
import { Ipv4Header, ipv4ChecksumOk } from '../wire/ipv4.ts';
import { RouteType } from './routes.ts';
import {
  completeIcmp6, icmpMessage, type Ipv4Fields, ipv4Frame, ipv6Frame, pattern, PEER_MAC, type RouterProbe, routerProbe,
  SEGMENT_HEADER, superSegment,
} from './testing.ts';

const ip = (text: string): IpAddress => IpAddress.from(text);
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const OUT4 = { dst: '198.51.100.9' } as const;
const OUT6 = { dst: '2001:db8:2::9' } as const;

function counter(t: RouterProbe, name: Parameters<RouterProbe['network']['counters']['get']>[0]): number {
  return t.network.counters.get(name);
}

/** "type code second-word" of the one ICMP error that went out on eth0, and from whom. */
function complaint(t: RouterProbe): string {
  const frames = t.take();
  assert.equal(frames.length, 1, 'one message');
  const v = view(frames[0] as Uint8Array);
  if (v.getUint16(12) === 0x0800) {
    const at = 14 + (v.getUint8(14) & 0xf) * 4;
    assert.equal(v.getUint8(23), 1, 'ICMP');
    return `${IpAddress.fromV4(v.getInt32(26))} ${v.getUint8(at)} ${v.getUint8(at + 1)} ${v.getUint32(at + 4)}`;
  }
  assert.equal(v.getUint8(20), 58, 'ICMPv6');
  return `${IpAddress.readV6(v, 22)} ${v.getUint8(54)} ${v.getUint8(55)} ${v.getUint32(58)}`;
}

function header(frame: Uint8Array): Ipv4Header {
  const parsed = new Ipv4Header();
  assert.ok(parsed.parse(view(frame), 14, frame.length, frame.length - 14));
  assert.ok(ipv4ChecksumOk(view(frame), 14, parsed.headerLen), 'header checksum');
  return parsed;
}

test('RFC 1812 5.3.1: one less to live, a right checksum, the next hop\'s address; payload as it was', () => {
  const t = routerProbe();
  for (const ttl of [64, 2, 255, 1 + 0x80]) {
    const frame = ipv4Frame(pattern(100), { ...OUT4, ttl, id: 0x1234 });
    t.device.inject(frame);
    const [sent] = t.takeSecond() as [Uint8Array];
    const { ttl: left, id, src, dst } = header(sent);
    assert.deepEqual([left, id, src, dst], [ttl - 1, 0x1234, ip('192.0.2.9').d, ip('198.51.100.9').d]);
    assert.deepEqual(sent.subarray(34), frame.subarray(34));
    assert.deepEqual([view(sent).getUint16(0), view(sent).getInt32(2), view(sent).getInt32(8)], [0x0200, PEER_MAC, 2]);
  }
  assert.equal(counter(t, 'IpForwDatagrams'), 4);
  assert.equal(counter(t, 'IpInDelivers'), 0);
  assert.equal(t.take().length, 0);
});

test('RFC 8200 3: likewise for IPv6', () => {
  const t = routerProbe();
  const frame = ipv6Frame(pattern(100), { ...OUT6, hopLimit: 2, trafficClass: 0x28 });
  t.device.inject(frame);
  const [sent] = t.takeSecond() as [Uint8Array];
  assert.equal(view(sent).getUint8(21), 1);
  frame[21] = 1;
  assert.deepEqual(sent.subarray(14), frame.subarray(14));
  assert.equal(counter(t, 'Ip6OutForwDatagrams'), 1);
});

test('a host that does not forward: dropped, and counted as an address error', () => {
  const t = routerProbe();
  t.network.settings.set('net.ipv4.conf.eth0.forwarding', 0);
  t.network.settings.set('net.ipv6.conf.all.forwarding', 0);
  t.device.inject(ipv4Frame(pattern(20), OUT4));
  t.device.inject(ipv6Frame(pattern(20), OUT6));
  t.second.inject(ipv4Frame(pattern(20), { src: '198.51.100.9', dst: '192.0.2.9', macLo: 2 }));
  assert.equal(t.takeSecond().length, 0);
  assert.equal(t.take().length, 1, 'eth1 still forwards IPv4');
  assert.deepEqual([counter(t, 'IpInAddrErrors'), counter(t, 'Ip6InAddrErrors')], [1, 1]);
});

test('no way: net unreachable; routes that refuse: host unreachable, filtered, silence (Linux 6.18 says the same)', () => {
  const t = routerProbe();
  const { network } = t;
  const four = (): void => t.device.inject(ipv4Frame(pattern(20), { dst: '203.0.113.9' }));
  const six = (): void => t.device.inject(ipv6Frame(pattern(20), { dst: '2001:db8:77::9' }));
  four();
  assert.equal(complaint(t), '192.0.2.1 3 0 0');
  six();
  assert.equal(complaint(t), '2001:db8::1 1 0 0');
  assert.deepEqual([counter(t, 'IpExtInNoRoutes'), counter(t, 'Ip6InNoRoutes')], [1, 1]);
  for (const [type, said4, said6] of [
    [RouteType.Unreachable, '192.0.2.1 3 1 0', '2001:db8::1 1 0 0'], [RouteType.Prohibit, '192.0.2.1 3 13 0', '2001:db8::1 1 1 0'],
    [RouteType.Blackhole, '', ''],
  ] as const) {
    network.addRoute(ip('203.0.113.0'), 24, { type });
    network.addRoute(ip('2001:db8:77::'), 64, { type });
    four();
    assert.equal(said4 === '' ? t.take().join() : complaint(t), said4);
    six();
    assert.equal(said6 === '' ? t.take().join() : complaint(t), said6);
    network.deleteRoute(ip('203.0.113.0'), 24, { type });
    network.deleteRoute(ip('2001:db8:77::'), 64, { type });
    t.run(2e6);
  }
  assert.equal(counter(t, 'IpInRefused'), 4);
  assert.equal(packetStatistics.packetsInUse, 0);
});

test('Linux ip6_pkt_discard: who knows no way says so though it forwards nothing; IPv4 does not', () => {
  const t = routerProbe();
  t.network.settings.set('net.ipv4.ip_forward', 0);
  t.network.settings.set('net.ipv6.conf.all.forwarding', 0);
  t.run(2e6);
  t.take();
  t.device.inject(ipv4Frame(pattern(20), { dst: '203.0.113.9' }));
  assert.equal(t.take().length, 0);
  t.device.inject(ipv6Frame(pattern(20), { dst: '2001:db8:77::9' }));
  assert.equal(complaint(t), '2001:db8::1 1 0 0');
});

test('RFC 1812 5.3.1, RFC 4443 3.3: the last hop is told with "time exceeded"', () => {
  const t = routerProbe();
  for (const left of [1, 0]) {
    t.device.inject(ipv4Frame(pattern(20), { ...OUT4, ttl: left }));
    assert.equal(complaint(t), '192.0.2.1 11 0 0');
    t.device.inject(ipv6Frame(pattern(20), { ...OUT6, hopLimit: left }));
    assert.equal(complaint(t), '2001:db8::1 3 0 0');
  }
  assert.deepEqual([counter(t, 'IpInHdrErrors'), counter(t, 'Ip6InHdrErrors'), counter(t, 'IpForwDatagrams')], [2, 2, 0]);
  assert.equal(t.takeSecond().length, 0);
});

test('RFC 1191, RFC 8201: too long for the next link: its MTU is told', () => {
  const t = routerProbe();
  t.second.mtuBytes = 1300;
  t.device.inject(ipv4Frame(pattern(1281), { ...OUT4, fragment: 0x4000 }));
  assert.equal(complaint(t), '192.0.2.1 3 4 1300');
  t.device.inject(ipv6Frame(pattern(1261), OUT6));
  assert.equal(complaint(t), '2001:db8::1 2 0 1300');
  t.device.inject(ipv4Frame(pattern(1280), { ...OUT4, fragment: 0x4000 }));
  t.device.inject(ipv6Frame(pattern(1260), OUT6));
  assert.equal(t.takeSecond().length, 2, 'what just fits');
  assert.deepEqual([counter(t, 'IpFragFails'), counter(t, 'Ip6FragFails'), counter(t, 'Ip6InTooBigErrors')], [1, 1, 1]);
});

test('a path MTU that this host has learnt does not concern those it forwards for (ip_forward_use_pmtu 0)', () => {
  const t = routerProbe();
  t.network.setPathMtu(ip('198.51.100.9'), 1000);
  t.device.inject(ipv4Frame(pattern(1400), { ...OUT4, fragment: 0x4000 }));
  assert.equal(t.takeSecond().length, 1);
});

test('RFC 791 3.2: fragments of what may be fragmented, and of a fragment; the identification stays', () => {
  const t = routerProbe();
  t.second.mtuBytes = 576;
  for (const [word, firstOffset, lastMore] of [[0, 0, false], [0x2000 | 100, 800, true], [100, 800, false]] as const) {
    t.device.inject(ipv4Frame(pattern(1240), { ...OUT4, fragment: word, id: 77, ttl: 9 }));
    const sent = t.takeSecond();
    assert.deepEqual(sent.map((frame) => frame.length - 34), [552, 552, 136]);
    const parts = sent.map(header);
    assert.deepEqual(parts.map((part) => part.fragmentOffset), [firstOffset, firstOffset + 552, firstOffset + 1104]);
    assert.deepEqual(parts.map((part) => part.moreFragments), [true, true, lastMore]);
    assert.deepEqual(parts.map((part) => [part.id, part.ttl]), [[77, 8], [77, 8], [77, 8]]);
    assert.deepEqual(sent.flatMap((frame) => [...frame.subarray(34)]), [...pattern(1240)]);
  }
  assert.deepEqual([counter(t, 'IpFragOKs'), counter(t, 'IpFragCreates')], [3, 9]);
  t.second.mtuBytes = 68;
  t.device.inject(ipv4Frame(pattern(100), { ...OUT4, options: new Array<number>(40).fill(1) }));
  assert.deepEqual(t.takeSecond().map((frame) => frame.length), [82, 82, 82, 82, 82, 82, 82, 82, 82, 82, 82, 82, 78]);
  assert.equal(packetStatistics.packetsInUse, 0);
});

test('RFC 791: options without the copied flag are in the first fragment alone', () => {
  const t = routerProbe();
  t.second.mtuBytes = 600;
  const options = [7, 7, 8, 1, 2, 3, 4, 148, 4, 0, 0, 0];
  t.device.inject(ipv4Frame(pattern(800), { ...OUT4, options }));
  const sent = t.takeSecond();
  assert.equal(sent.length, 2);
  sent.forEach(header);
  assert.deepEqual([...(sent[0] as Uint8Array).subarray(34, 46)], options, 'a full record stays as it is');
  assert.deepEqual([...(sent[1] as Uint8Array).subarray(34, 46)], [1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0]);
});

test('record route and timestamps: a router adds the address by which the packet leaves, and the time', () => {
  const t = routerProbe();
  const through = (options: number[]): number[] => {
    t.device.inject(ipv4Frame(pattern(20), { ...OUT4, options }));
    const [sent] = t.takeSecond() as [Uint8Array];
    header(sent);
    return [...sent.subarray(34, 34 + options.length)];
  };
  const ours = [198, 51, 100, 1];
  const time = [...new Uint8Array(new Uint32Array([t.network.icmp.timestamp()]).buffer)].reverse();
  assert.deepEqual(through([7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [7, 11, 8, ...ours, 0, 0, 0, 0, 0]);
  assert.deepEqual(through([7, 11, 8, 1, 1, 1, 1, 0, 0, 0, 0, 0]), [7, 11, 12, 1, 1, 1, 1, ...ours, 0]);
  assert.deepEqual(through([68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [68, 12, 9, 0, ...time, 0, 0, 0, 0]);
  assert.deepEqual(through([68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]), [68, 12, 13, 1, ...ours, ...time]);
  assert.deepEqual(through([68, 12, 5, 3, 192, 0, 2, 1, 0, 0, 0, 0]), [68, 12, 13, 3, 192, 0, 2, 1, ...time]);
  assert.deepEqual(through([68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0]), [68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0]);
  assert.deepEqual(through([68, 8, 9, 0x20, 1, 2, 3, 4]), [68, 8, 9, 0x30, 1, 2, 3, 4], 'one more for whom there was no room');
});

test('ip_options_compile: pointers into nothing are answered with where they stand; source routes are dropped', () => {
  const t = routerProbe();
  const bad = (options: number[], at: number): void => {
    t.device.inject(ipv4Frame(pattern(20), { ...OUT4, options }));
    assert.equal(complaint(t), `192.0.2.1 12 0 ${(at << 24) >>> 0}`, options.join());
    t.run(1.1e6);
  };
  bad([7, 7, 3, 0, 0, 0, 0, 0], 22);
  bad([7, 7, 6, 0, 0, 0, 0, 0], 22);
  bad([7, 3, 4, 7, 3, 4, 0, 0], 23);
  bad([68, 8, 9, 0xf0, 0, 0, 0, 0], 23);
  bad([68, 8, 5, 1, 0, 0, 0, 0], 22);
  bad([68, 3, 5, 0], 21);
  t.device.inject(ipv4Frame(pattern(20), { ...OUT4, options: [131, 7, 4, 1, 2, 3, 4, 0] }));
  assert.equal(t.take().length + t.takeSecond().length, 0);
  assert.equal(counter(t, 'IpInHdrErrors'), 7);
});

test('a neighbour that does not answer: "host unreachable" and "address unreachable" to who sent the packet', () => {
  const t = routerProbe();
  t.device.inject(ipv4Frame(pattern(20), { dst: '198.51.100.77' }));
  t.run(3.5e6);
  assert.equal(complaint(t), '192.0.2.1 3 1 0');
  t.device.inject(ipv6Frame(pattern(20), { dst: '2001:db8:2::77' }));
  t.run(3.5e6);
  assert.equal(complaint(t), '2001:db8::1 1 3 0');
  t.second.mtuBytes = 576;
  t.run(2e6);
  t.device.inject(ipv4Frame(pattern(1000), { dst: '198.51.100.77' }));
  t.run(3.5e6);
  assert.equal(complaint(t), '192.0.2.1 3 1 0', 'of two fragments the first alone');
  assert.equal(t.transport.errors.length, 0);
  assert.equal(packetStatistics.packetsInUse, 0);
});

test('RFC 1812 5.3.4: what came as a broadcast of the link goes no further; nor do groups and martians', () => {
  const t = routerProbe();
  const all = { macHi: 0xffff, macLo: 0xffffffff };
  t.device.inject(ipv4Frame(pattern(20), { ...OUT4, ...all }));
  t.device.inject(ipv6Frame(pattern(20), { ...OUT6, ...all }));
  assert.equal(counter(t, 'IpInRefused'), 2);
  const cases: Ipv4Fields[] = [
    { dst: '239.1.1.1' }, { ...OUT4, src: '127.0.0.1' }, { ...OUT4, src: '224.0.0.1' }, { ...OUT4, src: '0.0.0.0' },
    { ...OUT4, src: '255.255.255.255' }, { ...OUT4, src: '192.0.2.1' }, { ...OUT4, src: '198.51.100.1' }, { dst: '127.0.0.1' }, { dst: '0.1.2.3' }, { dst: '255.255.255.255' },
  ];
  for (const fields of cases) t.device.inject(ipv4Frame(pattern(20), fields));
  assert.equal(t.take().length + t.takeSecond().length, 0);
  t.device.inject(ipv4Frame(pattern(20), { dst: '198.51.100.255' }));
  assert.equal(t.takeSecond().length, 0, 'a directed broadcast is for us (bc_forwarding 0)');
});

test('RFC 4291 2.5.6: link-local stays on its link; its sender hears "beyond scope"', () => {
  const t = routerProbe();
  const neighbour = t.network.neighbours6.get(t.device, ip('fe80::9'));
  neighbour?.update(true, 0x0200, PEER_MAC, 0x80, 2);
  t.device.inject(ipv6Frame(pattern(20), { ...OUT6, src: 'fe80::9' }));
  assert.match(complaint(t), /^fe80::ff:fe00:1 1 2 0$|^2001:db8::1 1 2 0$/);
  for (const fields of [{ dst: 'fe80::77' }, { ...OUT6, src: '::' }, { dst: 'ff0e::1' }]) t.device.inject(ipv6Frame(pattern(20), fields));
  assert.equal(t.take().length + t.takeSecond().length, 0);
  assert.equal(counter(t, 'Ip6InAddrErrors'), 3);
});

test('RFC 8200 4.3: hop-by-hop options are for routers too', () => {
  const t = routerProbe();
  const hopByHop = (kind: number): Uint8Array => Uint8Array.from([17, 0, kind, 2, 0, 0, 1, 0, ...pattern(20)]);
  t.device.inject(ipv6Frame(hopByHop(0x05), { ...OUT6, nextHeader: 0 }));
  t.device.inject(ipv6Frame(hopByHop(0x1e), { ...OUT6, nextHeader: 0 }));
  assert.equal(t.takeSecond().length, 2, 'router alert, and one that may be skipped');
  t.device.inject(ipv6Frame(hopByHop(0x5e), { ...OUT6, nextHeader: 0 }));
  assert.equal(t.takeSecond().length, 0);
  t.device.inject(ipv6Frame(hopByHop(0x9e), { ...OUT6, nextHeader: 0 }));
  assert.equal(complaint(t), '2001:db8::1 4 2 42');
});

test('rp_filter: 1 wants the way back where the packet came from, 2 any way back; the greater of all and the interface', () => {
  const t = routerProbe();
  const { settings } = t.network;
  const passes = (src: string, dst: string): boolean => {
    t.device.inject(ipv4Frame(pattern(20), { src, dst }));
    const udp = t.transport.udp.splice(0).length;
    return t.takeSecond().length + udp === 1;
  };
  for (const dst of ['198.51.100.9', '192.0.2.1', '192.0.2.255']) {
    const seen = (): boolean[] => ['192.0.2.77', '198.51.100.77', '203.0.113.1'].map((src) => passes(src, dst));
    settings.set('net.ipv4.conf.all.rp_filter', 0);
    settings.set('net.ipv4.conf.eth0.rp_filter', 0);
    assert.deepEqual(seen(), [true, true, true], `0, ${dst}`);
    settings.set('net.ipv4.conf.eth0.rp_filter', 1);
    assert.deepEqual(seen(), [true, false, false], `1, ${dst}`);
    settings.set('net.ipv4.conf.all.rp_filter', 2);
    assert.deepEqual(seen(), [true, true, false], `2, ${dst}`);
  }
  assert.equal(counter(t, 'TcpExtIPReversePathFilter'), 9);
});

test('accept_local: our own address from outside', () => {
  const t = routerProbe();
  const fields = { src: '198.51.100.1', dst: '192.0.2.1' };
  t.device.inject(ipv4Frame(pattern(20), fields));
  assert.deepEqual([t.transport.udp.length, counter(t, 'IpInMartians')], [0, 1]);
  t.network.settings.set('net.ipv4.conf.eth0.accept_local', 1);
  t.device.inject(ipv4Frame(pattern(20), fields));
  assert.equal(t.transport.udp.length, 1);
});

test('RFC 1812 5.2.7.2: who could go to the next hop directly is told so, less and less often; send_redirects 0', () => {
  const t = routerProbe();
  const { network } = t;
  network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('192.0.2.254') });
  network.neighbours4.get(t.device, ip('192.0.2.254'))?.update(true, 0x0200, 0x77, 0x80, 2);
  const frame = ipv4Frame(pattern(20), { dst: '203.0.113.9' });
  const redirects = (): number => {
    t.device.inject(frame);
    const sent = t.take();
    assert.equal(sent.filter((each) => view(each).getInt32(2) === 0x77).length, 1, 'it is sent on all the same');
    return sent.length - 1;
  };
  t.device.inject(frame);
  const [first] = t.take() as [Uint8Array];
  assert.deepEqual([view(first).getUint8(34), view(first).getUint8(35), view(first).getInt32(38)], [5, 1, ip('192.0.2.254').d]);
  assert.equal(redirects(), 0);
  t.run(50_000);
  assert.equal(redirects(), 1);
  for (let i = 0; i < 12; i++) {
    t.run(12e6);
    redirects();
  }
  assert.equal(counter(t, 'IcmpOutRedirects'), 9);
  t.run(21e6);
  assert.equal(redirects(), 1, 'after a silence it begins anew');
  t.run(21e6);
  for (const name of ['all', 'eth0']) network.settings.set(`net.ipv4.conf.${name}.send_redirects`, 0);
  assert.equal(redirects(), 0);
});

test('RFC 4861 8.2: likewise for IPv6, with the target\'s hardware address and the packet', () => {
  const t = routerProbe();
  const { network } = t;
  network.addRoute(ip('2001:db8:77::'), 64, { gateway: ip('fe80::fe'), device: t.device });
  network.neighbours6.get(t.device, ip('fe80::fe'))?.update(true, 0x0200, 0x77, 0x80, 2);
  const frame = ipv6Frame(pattern(20), { dst: '2001:db8:77::9' });
  t.device.inject(frame);
  const [message, onward] = t.take() as [Uint8Array, Uint8Array];
  const v = view(message);
  assert.deepEqual([IpAddress.readV6(v, 22).toString(), v.getUint8(21), v.getUint8(54)], ['fe80::ff:fe00:1', 255, 137]);
  assert.deepEqual([IpAddress.readV6(v, 62).toString(), IpAddress.readV6(v, 78).toString()], ['fe80::fe', '2001:db8:77::9']);
  assert.deepEqual([v.getUint16(94), v.getUint16(96), v.getInt32(98), v.getUint8(102), v.getUint8(103)], [0x0201, 0x0200, 0x77, 4, 8]);
  assert.deepEqual(message.subarray(110), frame.subarray(14, 14 + message.length - 110));
  const copy = message.slice();
  assert.deepEqual(completeIcmp6(copy), message, 'its checksum');
  assert.equal(view(onward).getUint8(21), 63);
});

test('a redirect heard: the next hop of that destination changes for five minutes; only our router may say so', () => {
  const t = routerProbe();
  const { network } = t;
  network.settings.set('net.ipv4.ip_forward', 0);
  network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('192.0.2.254') });
  const hop = (): string | undefined => network.lookup(ip('203.0.113.9'), null, null)?.nextHop.toString();
  const quoted = ipv4Frame(pattern(20), { src: '192.0.2.1', dst: '203.0.113.9' }).subarray(14);
  const tell = (src: string, gateway: string): void => {
    t.device.inject(ipv4Frame(icmpMessage(5, 1, ip(gateway).d, quoted), { src, protocol: 1 }));
  };
  tell('192.0.2.9', '192.0.2.253');
  assert.equal(hop(), '192.0.2.254', 'from somebody else');
  for (const gateway of ['224.0.0.1', '192.0.2.255', '192.0.2.1', '0.0.0.1']) tell('192.0.2.254', gateway);
  assert.equal(hop(), '192.0.2.254', 'no next hops');
  tell('192.0.2.254', '192.0.2.253');
  assert.equal(hop(), '192.0.2.253');
  assert.equal(network.lookup(ip('203.0.113.8'), null, null)?.nextHop.toString(), '192.0.2.254', 'another destination');
  t.run(301e6);
  assert.equal(hop(), '192.0.2.254', 'forgotten');
  for (const name of ['all', 'eth0']) network.settings.set(`net.ipv4.conf.${name}.accept_redirects`, 0);
  tell('192.0.2.254', '192.0.2.253');
  assert.equal(hop(), '192.0.2.254');
});

test('RFC 4861 8.3: likewise for IPv6; a router takes none', () => {
  const t = routerProbe();
  const { network } = t;
  network.settings.set('net.ipv6.conf.all.forwarding', 0);
  network.addRoute(ip('2001:db8:77::'), 64, { gateway: ip('fe80::fe'), device: t.device });
  const hop = (): string | undefined => network.lookup(ip('2001:db8:77::9'), null, null)?.nextHop.toString();
  const tell = (target: string): void => {
    const addresses = [...ip(target).toBytes6(), ...ip('2001:db8:77::9').toBytes6()];
    const message = Uint8Array.from([137, 0, 0, 0, 0, 0, 0, 0, ...addresses, 2, 1, 2, 0, 0, 0, 0, 0x55]);
    t.device.inject(completeIcmp6(ipv6Frame(message, { src: 'fe80::fe', dst: 'fe80::ff:fe00:1', nextHeader: 58, hopLimit: 255 })));
  };
  tell('fe80::fd');
  assert.equal(hop(), 'fe80::fd');
  assert.equal(network.neighbours6.find(t.device, 0xfe800000 | 0, 0, 0, 0xfd)?.macLo, 0x55);
  t.run(301e6);
  assert.equal(hop(), 'fe80::fe');
  tell('2001:db8:77::9');
  assert.equal(hop(), '2001:db8:77::9', 'it is on the link');
  t.run(301e6);
  network.settings.set('net.ipv6.conf.all.forwarding', 1);
  tell('fe80::fd');
  assert.equal(hop(), 'fe80::fe');
});

test('RFC 4291 2.7.1: an IPv6 router listens to the groups of all routers', () => {
  const t = routerProbe();
  const groups = (): string[] =>
    (t.network.interfaceOf(t.device)?.groups ?? []).map(({ group }) => group.toString()).filter((text) => text.endsWith('::2'));
  assert.deepEqual(groups(), ['ff01::2', 'ff02::2', 'ff05::2']);
  t.network.settings.set('net.ipv6.conf.all.forwarding', 0);
  assert.deepEqual(groups(), []);
});

// Super-segments.

/** Sequence numbers and payload lengths of full TCP segments, whose checksums must be right. */
function segments(frames: Uint8Array[], isV4: boolean): [number, number][] {
  const at = isV4 ? 34 : 54;
  return frames.map((frame) => {
    const v = view(frame);
    const length = frame.length - at;
    const pseudo = isV4 ? pseudoHeaderSum4(v.getInt32(26), v.getInt32(30), 6, length)
      : sumView(v, 22, 54, 0) + 6 + length;
    assert.equal(fold(sumView(v, at, frame.length, pseudo)), 0xffff, 'TCP checksum');
    if (isV4) header(frame);
    return [v.getUint32(at + 4) - 5000, length - SEGMENT_HEADER];
  });
}

for (const isV4 of [true, false]) {
  const family = isV4 ? 'IPv4' : 'IPv6';
  const l4 = isV4 ? 34 : 54;
  test(`a super-segment leaves whole where it can, else in pieces (${family})`, () => {
    const t = routerProbe();
    const inject = (linear: number): void => t.device.injectSegment(superSegment(isV4, 3500), linear, l4, 1400, t.network.context.writer);
    t.second.gsoMaxBytes = 65536;
    // As TAP splits it: right behind the headers, or within TCP's.
    for (const linear of [l4 + SEGMENT_HEADER, l4 + 12]) {
      inject(linear);
      assert.deepEqual(t.takeSecond().map((frame) => frame.length), [l4 + SEGMENT_HEADER + 3500]);
    }
    t.second.gsoMaxBytes = 0;
    t.second.checksumOffload = false;
    for (const linear of [l4 + SEGMENT_HEADER, l4 + 12]) {
      inject(linear);
      assert.deepEqual(segments(t.takeSecond(), isV4), [[0, 1400], [1400, 1400], [2800, 700]]);
    }
    t.second.mtuBytes = 1400;
    inject(l4 + SEGMENT_HEADER);
    assert.equal(complaint(t), isV4 ? '192.0.2.1 3 4 1400' : '2001:db8::1 2 0 1400');
    assert.equal(t.takeSecond().length, 0);
    assert.equal(packetStatistics.packetsInUse, 0);
  });
}

for (const isV4 of [true, false]) {
  test(`a partial checksum of one packet is completed for a device that does not, wherever its field lies (${isV4 ? 'IPv4' : 'IPv6'})`, () => {
    const t = routerProbe();
    const l4 = isV4 ? 34 : 54;
    t.second.checksumOffload = false;
    for (const linear of [l4 + SEGMENT_HEADER, l4 + 17, l4 + 12]) {
      t.device.injectSegment(superSegment(isV4, 1001), linear, l4, 0, t.network.context.writer);
      assert.deepEqual(segments(t.takeSecond(), isV4), [[0, 1001]]);
    }
  });
}

test('a super-segment that may be fragmented: pieces of its own size, each in fragments (ip_finish_output_gso)', () => {
  const t = routerProbe();
  t.second.mtuBytes = 1000;
  t.device.injectSegment(superSegment(true, 2800, 0), 66, 34, 1400, t.network.context.writer);
  const sent = t.takeSecond();
  const parts = sent.map(header);
  assert.deepEqual(parts.map(({ id, fragmentOffset, moreFragments }) => [id, fragmentOffset, moreFragments]), [
    [500, 0, true], [500, 976, false], [501, 0, true], [501, 976, false],
  ]);
  assert.deepEqual(parts.map(({ totalLen }) => totalLen), [996, 476, 996, 476]);
  const whole = new Uint8Array(34 + SEGMENT_HEADER + 1400);
  whole.set(sent[0] as Uint8Array);
  whole.set((sent[1] as Uint8Array).subarray(34), 34 + 976);
  const v = view(whole);
  assert.equal(fold(sumView(v, 34, whole.length, pseudoHeaderSum4(v.getInt32(26), v.getInt32(30), 6, SEGMENT_HEADER + 1400))), 0xffff);
});

test('what is forwarded is looked up once for a pair of addresses; changes of routes and settings count at once', () => {
  const t = routerProbe();
  const frame = ipv4Frame(pattern(20), { dst: '203.0.113.9' });
  t.network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('198.51.100.9') });
  t.device.inject(frame);
  assert.equal(t.takeSecond().length, 1);
  t.network.addRoute(ip('203.0.113.9'), 32, { type: RouteType.Prohibit });
  t.device.inject(frame);
  assert.equal(complaint(t), '192.0.2.1 3 13 0');
  t.network.deleteRoute(ip('203.0.113.9'), 32);
  t.device.inject(frame);
  assert.equal(t.takeSecond().length, 1);
  t.network.settings.set('net.ipv4.ip_forward', 0);
  t.device.inject(frame);
  assert.equal(t.takeSecond().length, 0);
});
