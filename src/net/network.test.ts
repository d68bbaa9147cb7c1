/** Two networks on a cable, explicit time: resolution, errors, fragments, duplicate addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostContext } from '../base/host-context.ts';
import { IpAddress } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Cable, type CableOptions } from '../link/cable.ts';
import { packetSum } from '../link/packet-checksum.ts';
import { type Packet, packetStatistics, takePacket } from '../link/packet.ts';
import { IcmpType, writeIcmpEcho } from '../wire/icmp.ts';
import { IpProto } from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { NeighbourState } from './neighbour.ts';
import { Network } from './network.ts';
import type { IcmpErrorReport, TransportInput } from './transport-input.ts';
import { BareTransport } from './testing.ts';

const A4 = IpAddress.from('192.0.2.1');
const B4 = IpAddress.from('192.0.2.2');
const A6 = IpAddress.from('2001:db8::1');
const B6 = IpAddress.from('2001:db8::2');

class Sink extends BareTransport implements TransportInput {
  datagrams: { length: number; bytes: Uint8Array }[] = [];
  errors: { errno: number; mtu: number; protocol: number }[] = [];
  refuse = false;
  network: Network | null = null;

  tcpInput(p: Packet): void {
    p.release();
  }

  udpInput(p: Packet): void {
    if (this.refuse) this.network?.sendIcmpError(p, IcmpErrorKind.PortUnreachable);
    else this.datagrams.push({ length: p.l4Len, bytes: p.toBytes() });
    p.release();
  }

  icmpError(report: IcmpErrorReport): void {
    this.errors.push({ errno: report.errno, mtu: report.mtuBytes, protocol: report.protocol });
  }
}

interface Bed {
  loop: Loop;
  cable: Cable;
  a: Network;
  b: Network;
  sinkA: Sink;
  sinkB: Sink;
  run(us: number): void;
}

function bed(options: CableOptions = {}, addresses = true): Bed {
  // Nobody's code waits for a turn here: the test moves the clock itself.
  const clock = new VirtualClock(new SeededRandom('net'), () => {});
  const loop = new Loop(clock);
  const cable = new Cable(loop, new SeededRandom('cable'), { delayUs: 100, ...options });
  const make = (name: string, mac: number, device: Cable['a'], four: IpAddress, six: IpAddress): [Network, Sink] => {
    const network = new Network(new HostContext(loop, new SeededRandom(name)));
    const sink = new Sink();
    sink.network = network;
    network.transport = sink;
    device.macHi = 0x0200;
    device.macLo = mac;
    network.attach(device);
    if (addresses) {
      network.addAddress(device, four, 24);
      network.addAddress(device, six, 64);
    }
    return [network, sink];
  };
  const [a, sinkA] = make('a', 1, cable.a, A4, A6);
  const [b, sinkB] = make('b', 2, cable.b, B4, B6);
  return {
    loop, cable, a, b, sinkA, sinkB,
    run: (us) => runUntil(loop, clock, loop.now + us),
  };
}

/** Runs the events up to `end` and leaves the clock there. */
function runUntil(loop: Loop, clock: VirtualClock, end: number): void {
  for (;;) {
    let next = Infinity;
    for (const source of loop.pending()) if (source.at < next) next = source.at;
    if (next > end) break;
    if (next > loop.now) {
      clock.advanceTo(next);
      loop.now = next;
    }
    loop.drain();
  }
  clock.advanceTo(end);
  loop.now = end;
}

function datagram(length: number): Packet {
  const p = takePacket();
  const at = p.put(length);
  for (let i = 0; i < length; i++) p.bytes[at + i] = i & 0xff;
  return p;
}

function send(network: Network, to: IpAddress, length: number, dontFragment = false): number {
  const way = network.lookup(to, null, null);
  assert.ok(way !== null);
  return network.output(datagram(length), way, way.source, to, IpProto.Udp, -1, 0, dontFragment);
}

test('RFC 826: the first packet waits for the answer, and goes out with it', () => {
  const t = bed();
  send(t.a, B4, 100);
  t.run(50);
  assert.equal(t.sinkB.datagrams.length, 0);
  t.run(1000);
  assert.equal(t.sinkB.datagrams.length, 1);
  assert.equal(t.sinkB.datagrams[0]?.length, 100);
  assert.equal(t.a.counters.get('ArpOutRequests'), 1);
  assert.equal(t.b.counters.get('ArpInRequests'), 1);
});

test('RFC 4862 5.4: an address is used one second after its test, and a second owner finds out', () => {
  const t = bed();
  assert.equal(t.a.isLocalAddress(A6), false);
  t.run(3e6);
  assert.equal(t.a.isLocalAddress(A6), true);
  t.b.addAddress(t.cable.b, A6, 64);
  t.run(3e6);
  assert.equal(t.b.isLocalAddress(A6), false);
  assert.equal(t.b.interfaceOf(t.cable.b)?.find(A6)?.dadFailed, true);
  assert.equal(t.a.isLocalAddress(A6), true);
});

test('RFC 4861 7.2: a neighbour is solicited and answers', () => {
  const t = bed();
  t.run(3e6);
  send(t.a, B6, 64);
  t.run(1000);
  assert.equal(t.sinkB.datagrams.length, 1);
  const entry = [...t.a.neighbours()].find((n) => n.address.equals(B6));
  assert.equal(entry?.stateNow, NeighbourState.Reachable);
});

test('RFC 4861 7.3.3: three probes without an answer end in EHOSTUNREACH', () => {
  const t = bed();
  t.cable.set({ loss: 1 });
  send(t.a, B4, 40);
  t.run(2.9e6);
  assert.equal(t.sinkA.errors.length, 0);
  t.run(0.2e6);
  assert.deepEqual(t.sinkA.errors, [{ errno: 113, mtu: 0, protocol: 17 }]);
  assert.equal(t.a.counters.get('ArpOutRequests'), 3);
});

for (const [name, to] of [['RFC 791', B4], ['RFC 8200 4.5', B6]] as const) {
  test(`${name}: a long datagram goes in fragments and arrives whole`, () => {
    const t = bed();
    t.run(3e6);
    send(t.a, to, 8000);
    t.run(10000);
    assert.equal(t.sinkB.datagrams.length, 1);
    const { bytes } = t.sinkB.datagrams[0] as { bytes: Uint8Array };
    assert.equal(bytes.length, 8000);
    assert.ok(bytes.every((byte, i) => byte === (i & 0xff)));
    assert.equal(t.b.counters.get(to.isV4 ? 'IpReasmOKs' : 'Ip6ReasmOKs'), 1);
  });

  test(`${name}: fragments arrive in any order, twice, and lost ones time out`, () => {
    const t = bed();
    t.run(3e6);
    const before = packetStatistics.packetsInUse;
    t.cable.set({ jitterUs: 90, duplicate: 0.5 });
    send(t.a, to, 6000);
    t.run(10000);
    assert.equal(t.sinkB.datagrams[0]?.length, 6000);
    t.cable.set({ jitterUs: 0, duplicate: 0, loss: 0.5 });
    for (let i = 0; i < 20; i++) send(t.a, to, 6000);
    t.run(100_000);
    t.cable.set({ loss: 0 });
    t.run(70e6);
    assert.ok(t.b.counters.get(to.isV4 ? 'IpReasmTimeout' : 'Ip6ReasmTimeout') > 0);
    assert.equal(packetStatistics.packetsInUse, before);
  });
}

test('RFC 1122 3.2.2.1: a closed port is answered by ICMP, and the sender is told', () => {
  const t = bed();
  t.run(3e6);
  t.sinkB.refuse = true;
  send(t.a, B4, 64);
  send(t.a, B6, 64);
  t.run(10000);
  assert.deepEqual(t.sinkA.errors.map((error) => error.errno), [111, 111]);
});

test('icmp_ratelimit: six errors at once, then one a second', () => {
  const t = bed();
  t.run(3e6);
  t.sinkB.refuse = true;
  for (let i = 0; i < 20; i++) send(t.a, B4, 64);
  t.run(10000);
  assert.equal(t.sinkA.errors.length, 6);
  t.run(2e6);
  for (let i = 0; i < 20; i++) send(t.a, B4, 64);
  t.run(10000);
  assert.equal(t.sinkA.errors.length, 8);
  assert.equal(t.b.counters.get('IcmpOutRateLimitHost'), 32);
});

test('RFC 1191: longer than the path and not to be fragmented is EMSGSIZE', () => {
  const t = bed();
  assert.equal(send(t.a, B4, 1600, true), -90);
});

test('RFC 792: an echo is answered with its payload', () => {
  const t = bed();
  t.run(1000);
  const p = takePacket();
  const at = p.put(8 + 56);
  for (let i = 0; i < 56; i++) p.bytes[at + 8 + i] = i;
  writeIcmpEcho(p.view, at, IcmpType.Echo, 7, 1, p.headEnd);
  assert.equal(packetSum(p, at, 0), 0xffff);
  const way = t.a.lookup(B4, null, null);
  assert.ok(way !== null);
  t.a.output(p, way, way.source, B4, IpProto.Icmp, -1, 0, false);
  t.run(10000);
  assert.equal(t.b.counters.get('IcmpInEchos'), 1);
  assert.equal(t.a.counters.get('IcmpInEchoReps'), 1);
  assert.equal(t.a.counters.get('IcmpInCsumErrors'), 0);
});

test('an idle host has no timers but those of neighbours', () => {
  const t = bed();
  send(t.a, B4, 40);
  t.run(60e6);
  for (const network of [t.a, t.b]) {
    for (const timer of network.context.timers.queue) assert.equal(timer.constructor.name, 'Neighbour');
  }
});
