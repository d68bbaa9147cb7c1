/** Addresses, routes, and the lookup of ways: what Linux's `ip route get` would say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../base/inet-address.ts';
import { takePacket } from '../link/packet.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Network } from './network.ts';
import { ipv4Frame, pattern, ProbeDevice, type Probe, probe, sendFrom } from './testing.ts';

const ip = (text: string): IpAddress => IpAddress.from(text);

function way(network: Network, to: string, from: string | null = null, bound: ProbeDevice | null = null): Destination | null {
  return network.lookup(ip(to), from === null ? null : ip(from), bound);
}

/** "kind device next-hop source", or the errno. */
function told(network: Network, to: string, from: string | null = null, bound: ProbeDevice | null = null): string {
  const found = way(network, to, from, bound);
  if (found === null) return `errno ${network.lookupErrno}`;
  const kind = Object.entries(DestinationKind).find(([, value]) => value === found.kind)?.[0];
  return `${kind} ${found.device.name} ${found.nextHop} ${found.source}`;
}

/** A second network card with 198.51.100.1/24 and 2001:db8:2::1/64. */
function second(t: Probe): ProbeDevice {
  const device = new ProbeDevice(t.loop, 'eth1');
  device.macHi = 0x0200;
  device.macLo = 2;
  t.network.attach(device);
  t.network.addAddress(device, ip('198.51.100.1'), 24);
  t.network.addAddress(device, ip('2001:db8:2::1'), 64);
  return device;
}

test('connected networks, a default route, and the longest prefix', () => {
  const t = probe();
  second(t);
  const { network } = t;
  assert.equal(told(network, '192.0.2.77'), 'Unicast eth0 192.0.2.77 192.0.2.1');
  assert.equal(told(network, '198.51.100.9'), 'Unicast eth1 198.51.100.9 198.51.100.1');
  assert.equal(told(network, '203.0.113.1'), 'errno 101');
  assert.equal(network.addRoute(ip('0.0.0.0'), 0, { gateway: ip('192.0.2.254') }), 0);
  assert.equal(network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('198.51.100.254') }), 0);
  assert.equal(told(network, '8.8.8.8'), 'Unicast eth0 192.0.2.254 192.0.2.1');
  assert.equal(told(network, '203.0.113.1'), 'Unicast eth1 198.51.100.254 198.51.100.1');
  assert.equal(network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('192.0.2.254') }), -17, 'EEXIST');
  assert.equal(network.addRoute(ip('203.0.113.0'), 24, { gateway: ip('192.0.2.254'), metric: 100 }), 0, 'a higher metric');
  assert.equal(told(network, '203.0.113.1'), 'Unicast eth1 198.51.100.254 198.51.100.1');
  assert.equal(network.deleteRoute(ip('203.0.113.0'), 24, { gateway: ip('198.51.100.254') }), 0);
  assert.equal(told(network, '203.0.113.1'), 'Unicast eth0 192.0.2.254 192.0.2.1');
  assert.equal(network.deleteRoute(ip('10.0.0.0'), 8), -3, 'ESRCH');
  assert.equal(network.addRoute(ip('10.0.0.0'), 8, { gateway: ip('172.16.0.1') }), -101, 'its gateway is behind another');
  assert.equal(network.addRoute(ip('10.0.0.0'), 8, { gateway: ip('192.0.2.1') }), 0, 'its gateway is this host: on the link');
  assert.equal(told(network, '10.1.2.3'), 'Unicast eth0 10.1.2.3 192.0.2.1');
  assert.equal(network.deleteRoute(ip('10.0.0.0'), 8), 0);
  assert.equal(network.addRoute(ip('10.0.0.0'), 8, {}), -19);
  assert.equal(network.addRoute(ip('10.0.0.0'), 33, { gateway: ip('192.0.2.254') }), -22);
});

test('our own addresses are reached by the loopback', () => {
  const t = probe();
  const eth1 = second(t);
  const { network } = t;
  assert.equal(told(network, '192.0.2.1'), 'Local lo 192.0.2.1 192.0.2.1');
  assert.equal(told(network, '127.0.0.1'), 'Local lo 127.0.0.1 127.0.0.1');
  assert.equal(told(network, '127.1.2.3'), 'Local lo 127.1.2.3 127.0.0.1');
  assert.equal(told(network, '0.0.0.0'), 'Local lo 127.0.0.1 127.0.0.1');
  assert.equal(told(network, '2001:db8::1'), 'Local lo 2001:db8::1 2001:db8::1');
  assert.equal(told(network, '::'), 'Local lo ::1 ::1');
  assert.equal(way(network, '127.0.0.1')?.mtuBytes, 65535, 'IPv4 knows no longer packet');
  assert.equal(way(network, '::1')?.mtuBytes, 65536);
  assert.equal(told(network, '192.0.2.1', null, eth1), 'Unicast eth1 192.0.2.1 198.51.100.1', 'a device was named');
});

test('a source that was bound: it stays, or is ENETUNREACH when it is not ours, EINVAL when it is nobody\'s', () => {
  const t = probe();
  second(t);
  const { network } = t;
  assert.equal(told(network, '192.0.2.9', '198.51.100.1'), 'Unicast eth0 192.0.2.9 198.51.100.1', 'weak end system');
  // ip_route_output_key_hash_rcu.
  assert.equal(told(network, '192.0.2.9', '192.0.2.50'), 'errno 101');
  for (const from of ['224.0.0.1', '255.255.255.255', '0.0.0.0']) {
    assert.equal(told(network, '192.0.2.9', from), 'errno 22', from);
  }
  network.settings.ipNonlocalBind = 1;
  network.changed();
  assert.equal(told(network, '192.0.2.9', '192.0.2.50'), 'Unicast eth0 192.0.2.9 192.0.2.50');
});

test('broadcasts and groups', () => {
  const t = probe();
  const eth1 = second(t);
  const { network } = t;
  assert.equal(told(network, '192.0.2.255'), 'Broadcast eth0 192.0.2.255 192.0.2.1');
  assert.equal(told(network, '198.51.100.255'), 'Broadcast eth1 198.51.100.255 198.51.100.1');
  assert.equal(told(network, '255.255.255.255'), 'errno 101');
  assert.equal(told(network, '255.255.255.255', null, eth1), 'Broadcast eth1 255.255.255.255 198.51.100.1');
  assert.equal(told(network, '255.255.255.255', '198.51.100.1'), 'Broadcast eth1 255.255.255.255 198.51.100.1');
  assert.equal(told(network, '239.1.1.1'), 'errno 101');
  network.addRoute(ip('0.0.0.0'), 0, { gateway: ip('192.0.2.254') });
  assert.equal(told(network, '239.1.1.1'), 'Multicast eth0 239.1.1.1 192.0.2.1');
  assert.equal(told(network, 'ff02::5', null, eth1), `Multicast eth1 ff02::5 fe80::ff:fe00:2`);
  assert.equal(told(network, 'ff0e::5'), 'Multicast eth0 ff0e::5 2001:db8::1', 'RFC 6724: a source of the same scope');
});

test('IPv6: connected networks, routers, link-local destinations by their device', () => {
  const t = probe();
  const eth1 = second(t);
  const { network } = t;
  assert.equal(told(network, '2001:db8::9'), 'Unicast eth0 2001:db8::9 2001:db8::1');
  assert.equal(told(network, '2001:db8:3::9'), 'errno 101');
  assert.equal(network.addRoute(ip('::'), 0, { gateway: ip('fe80::fe'), device: t.device }), 0);
  assert.equal(told(network, '2001:db8:3::9'), 'Unicast eth0 fe80::fe 2001:db8::1');
  assert.equal(told(network, 'fe80::9', null, eth1), 'Unicast eth1 fe80::9 fe80::ff:fe00:2');
  assert.equal(told(network, 'fe80::9', 'fe80::ff:fe00:2'), 'Unicast eth1 fe80::9 fe80::ff:fe00:2');
  assert.equal(told(network, '2001:db8::9', '192.0.2.1'), 'errno 97', 'families do not mix');
});

test('RFC 6724 5: sources: the same address, scope, device, label, longest prefix', () => {
  const t = probe();
  second(t);
  const { network, device } = t;
  network.addRoute(ip('::'), 0, { gateway: ip('fe80::fe'), device });
  network.addAddress(device, ip('2001:db8:ffff::1'), 64);
  network.addAddress(device, ip('fd00::1'), 64);
  assert.equal(way(network, '2001:db8:ffff::5')?.source.toString(), '2001:db8:ffff::1', 'rule 8');
  assert.equal(way(network, 'fd00:1::5')?.source.toString(), 'fd00::1', 'rule 6');
  assert.equal(way(network, '2001:db8:2::5', null, device)?.source.toString().startsWith('2001:db8:'), true, 'rule 5');
  assert.notEqual(way(network, '2001:db8:2::5', null, device)?.source.toString(), '2001:db8:2::1', 'rule 5');
  assert.equal(way(network, 'fe80::5', null, device)?.source.toString(), 'fe80::ff:fe00:1', 'rule 2');
});

test('an address without a usable source is EADDRNOTAVAIL', () => {
  const t = probe();
  t.network.settings.ipv6AcceptDad = 1;
  const device = new ProbeDevice(t.loop, 'eth1');
  device.macHi = 0x0200;
  device.macLo = 3;
  t.network.attach(device);
  t.network.removeAddress(t.device, ip('2001:db8::1'));
  t.network.addRoute(ip('2001:db8:9::'), 64, { device });
  assert.equal(told(t.network, '2001:db8:9::1'), 'errno 99');
  t.run(2e6);
  assert.equal(told(t.network, '2001:db8:9::1'), 'Unicast eth1 2001:db8:9::1 fe80::ff:fe00:3', 'then link-local it is');
});

test('addresses: EEXIST, EINVAL, ENODEV; what goes with them when they go', () => {
  const t = probe();
  const { network, device } = t;
  const stranger = new ProbeDevice(t.loop, 'eth9');
  assert.equal(network.addAddress(device, ip('192.0.2.1'), 24), -17);
  assert.equal(network.addAddress(device, ip('192.0.2.7'), 33), -22);
  assert.equal(network.addAddress(device, ip('224.0.0.1'), 32), -22);
  assert.equal(network.addAddress(device, ip('0.0.0.0'), 8), -22);
  for (const text of ['255.255.255.255', '127.0.0.2', '::1', 'ff02::1', '::']) {
    assert.equal(network.addAddress(device, ip(text), 24), -22, text);
  }
  assert.equal(network.addAddress(network.loopback, ip('127.0.0.2'), 8), 0);
  network.removeAddress(network.loopback, ip('127.0.0.2'));
  assert.equal(network.addAddress(stranger, ip('192.0.2.7'), 24), -19);
  assert.equal(network.removeAddress(device, ip('192.0.2.7')), -99);
  network.addAddress(device, ip('192.0.2.2'), 24);
  assert.equal(network.isLocalAddress(ip('192.0.2.2')), true);
  const before = way(network, '192.0.2.9');
  assert.equal(network.removeAddress(device, ip('192.0.2.1')), 0);
  assert.notEqual(before?.generation, network.generation, 'who holds a destination looks again');
  assert.equal(network.isLocalAddress(ip('192.0.2.1')), false);
  assert.equal(network.isLocalAddress(ip('127.9.9.9')), true);
  assert.equal(network.isLocalAddress(ip('::1')), true);
  network.removeAddress(device, ip('192.0.2.2'));
  assert.equal(told(network, '192.0.2.9'), 'errno 101');
  network.removeAddress(device, ip('2001:db8::1'));
  assert.equal(told(network, '2001:db8::9'), 'errno 101');
});

test('of two addresses on a network the one that stays keeps its route', () => {
  const t = probe();
  const { network, device } = t;
  network.addAddress(device, ip('192.0.2.2'), 24);
  network.addAddress(device, ip('2001:db8::2'), 64);
  network.removeAddress(device, ip('192.0.2.1'));
  network.removeAddress(device, ip('2001:db8::1'));
  assert.equal(told(network, '192.0.2.9'), 'Unicast eth0 192.0.2.9 192.0.2.2');
  assert.equal(told(network, '2001:db8::9'), 'Unicast eth0 2001:db8::9 2001:db8::2');
});

test('interfaces: loopback is 1, flags and indices as Linux; a device that left and came back', () => {
  const t = probe();
  const { network, device } = t;
  const rows = (): unknown[] => network.interfaces().map((entry) => [entry.index, entry.name, entry.flags]);
  assert.deepEqual(rows(), [[1, 'lo', 0x49], [2, 'eth0', 0x1043]]);
  assert.equal(network.deviceAt(2), device);
  assert.equal(network.attach(device), 2, 'attached already');
  device.carrier = false;
  network.deviceChanged(device);
  assert.deepEqual(rows()[1], [2, 'eth0', 0x1003]);
  device.carrier = true;
  network.detach(device);
  assert.equal(network.deviceAt(2), null);
  assert.equal(told(network, '192.0.2.9'), 'errno 101');
  assert.equal(network.attach(device), 3);
  network.addAddress(device, ip('192.0.2.1'), 24);
  assert.equal(told(network, '192.0.2.9'), 'Unicast eth0 192.0.2.9 192.0.2.1');
});

test('more destinations than the cache takes: all still work, and learn their path MTU', () => {
  const t = probe();
  const { network } = t;
  network.addAddress(t.device, ip('10.0.0.1'), 8);
  const [first, second] = [way(network, '10.1.0.0'), way(network, '10.1.0.1')] as [Destination, Destination];
  const before = network.generation;
  for (let i = 0; i < 5000; i++) assert.ok(network.lookup(IpAddress.fromV4(0x0a010000 + i), null, null) !== null);
  assert.equal(network.generation, before, 'nobody else has to look again');
  assert.notEqual(way(network, '10.1.0.0'), first, 'the first was forgotten, and is as good as before for who keeps it');
  network.setPathMtu(ip('10.1.0.0'), 1300);
  assert.equal(way(network, '10.1.0.0')?.mtuBytes, 1300);
  assert.equal(way(network, '10.1.0.1')?.mtuBytes, 1500);
  network.refreshPathMtu(first);
  network.refreshPathMtu(second);
  assert.deepEqual([first.mtuBytes, second.mtuBytes], [1300, 1500]);
  network.setPathMtu(ip('10.1.0.0'), 1200);
  const p = takePacket();
  p.addBytes(pattern(1250), 0, 1250, network.context.writer);
  assert.equal(network.output(p, first, first.source, first.to, 17, -1, 0, true), -90, 'output looks by itself');
  assert.equal(first.mtuBytes, 1200);
});

test('a full cache lets the destination go that was asked for least recently', () => {
  const t = probe();
  const { network } = t;
  network.addAddress(t.device, ip('10.0.0.1'), 8);
  const kept = ['10.1.0.7', '10.2.0.7'].map((to) => way(network, to));
  for (let i = 0; i < 20_000; i++) {
    network.lookup(IpAddress.fromV4(0x0a100000 + i), null, null);
    if (i % 500 === 0) assert.deepEqual(['10.1.0.7', '10.2.0.7'].map((to) => way(network, to)), kept);
  }
});

test('802.1Q: a priority tag means nothing to a host, another VLAN is not its own', () => {
  const t = probe();
  const tagged = (vlan: number): Uint8Array => {
    const plain = ipv4Frame(pattern(20));
    return Uint8Array.from([...plain.slice(0, 12), 0x81, 0, vlan >> 8, vlan & 255, ...plain.slice(12)]);
  };
  t.device.inject(tagged(0xe000));
  assert.equal(t.transport.udp.length, 1);
  t.device.inject(tagged(5));
  assert.equal(t.transport.udp.length, 1);
  assert.equal(t.network.counters.get('LinkInUnknownProtocol'), 1);
});

test('a way out through a device that is down is ENETUNREACH', () => {
  const t = probe();
  t.device.up = false;
  t.network.deviceChanged(t.device);
  assert.equal(sendFrom(t.network, '192.0.2.9', pattern(20)), -101);
});
