/** ARP and the neighbour states: the test is the other host, with explicit time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../base/inet-address.ts';
import { packetStatistics } from '../link/packet.ts';
import { ArpPacket } from '../wire/arp.ts';
import { NeighbourState } from './neighbour.ts';
import { arpFrame, ipv4Frame, pattern, PEER_MAC, type Probe, probe, sendFrom } from './testing.ts';

const PEER = '192.0.2.9';

function arpOf(frame: Uint8Array | undefined): { operation: number; senderIp: string; targetIp: string; dst: string } {
  assert.ok(frame !== undefined, 'no frame');
  const view = new DataView(frame.buffer);
  assert.equal(view.getUint16(12), 0x0806, 'an ARP frame');
  const packet = new ArpPacket();
  assert.ok(packet.parse(view, 14, frame.length, frame.length - 14));
  return {
    operation: packet.operation,
    senderIp: IpAddress.fromV4(packet.senderIp).toString(),
    targetIp: IpAddress.fromV4(packet.targetIp).toString(),
    dst: Buffer.from(frame.subarray(0, 6)).toString('hex'),
  };
}

function state(t: Probe, address = PEER): number | null {
  for (const entry of t.network.neighbours()) if (entry.address.toString() === address) return entry.stateNow;
  return null;
}

function answer(t: Probe, mac = PEER_MAC): void {
  t.device.inject(arpFrame({ operation: 2, senderIp: PEER, targetIp: '192.0.2.1', senderMac: mac, unicast: true }));
}

/** A host that knows the peer. */
function resolved(): Probe {
  const t = probe();
  sendFrom(t.network, PEER, pattern(20));
  answer(t);
  assert.equal(state(t), NeighbourState.Reachable);
  t.take();
  return t;
}

test('RFC 826: a request to everybody, the waiting packets go to who answers, in order', () => {
  const t = probe();
  for (let i = 0; i < 3; i++) sendFrom(t.network, PEER, pattern(20, i));
  const asked = t.take();
  assert.equal(asked.length, 1);
  assert.deepEqual(arpOf(asked[0]), { operation: 1, senderIp: '192.0.2.1', targetIp: PEER, dst: 'ffffffffffff' });
  answer(t);
  const frames = t.take();
  assert.deepEqual(frames.map((frame) => frame[34]), [0, 1, 2]);
  assert.equal(Buffer.from(frames[0] as Uint8Array).subarray(0, 12).toString('hex'), '020000000099020000000001');
});

test('Linux: three requests a second apart, then EHOSTUNREACH for every waiting packet, then it is asked anew', () => {
  const t = probe();
  sendFrom(t.network, PEER, pattern(20));
  sendFrom(t.network, PEER, pattern(20));
  const start = t.loop.now;
  t.run(2_999_999);
  assert.deepEqual(t.device.sent.map((frame) => frame.at - start), [0, 1e6, 2e6]);
  assert.equal(t.transport.errors.length, 0);
  t.run(1);
  assert.equal(state(t), NeighbourState.Failed);
  const told = { errno: 113, fatal: false, mtu: 0, protocol: 17, local: '192.0.2.1', remote: PEER };
  assert.deepEqual(t.transport.errors, [told, told]);
  t.take();
  sendFrom(t.network, PEER, pattern(20));
  assert.equal(arpOf(t.take()[0]).operation, 1);
  assert.equal(state(t), NeighbourState.Incomplete);
});

test('unres_qlen_bytes: the oldest of too many waiting packets is dropped', () => {
  const t = probe();
  // Four buffers of the least size that Linux has, which these fit into.
  t.network.settings.neighUnresQlenBytes = 4 * 832;
  const before = packetStatistics.packetsInUse;
  for (let i = 0; i < 8; i++) sendFrom(t.network, PEER, pattern(200, i));
  assert.equal(t.network.counters.get('NeighUnresolvedDrops'), 4);
  assert.equal(packetStatistics.packetsInUse, before + 4);
  t.take();
  answer(t);
  assert.deepEqual(t.take().map((frame) => frame[34]), [4, 5, 6, 7]);
});

test('what waits for addresses is charged to the host: one packet a neighbour where memory is short, none where it is out', () => {
  const t = probe();
  const { memory } = t.network.context;
  sendFrom(t.network, PEER, pattern(200, 0));
  // Beside the chunk that payload of the host is written into.
  const before = memory.usedBytes - 832;
  for (let i = 1; i < 8; i++) sendFrom(t.network, PEER, pattern(200, i));
  assert.equal(memory.usedBytes - before, 8 * 832);
  const rest = memory.totalBytes - memory.usedBytes - 2000;
  memory.hold(rest);
  sendFrom(t.network, PEER, pattern(200, 8));
  assert.equal(memory.usedBytes - before - rest, 832);
  memory.hold(2000 + 7 * 832);
  for (let i = 0; i < 8; i++) sendFrom(t.network, `192.0.2.${100 + i}`, pattern(200, i));
  assert.equal(memory.usedBytes - before - rest, 2000 + 8 * 832, 'nothing more than what waits already');
  assert.equal(t.network.counters.get('NeighUnresolvedDrops'), 8 + 8);
  t.take();
  answer(t);
  assert.equal(t.take().length, 1);
  memory.letGo(rest + 2000 + 7 * 832);
  assert.equal(memory.usedBytes, before);
});

test('RFC 4861 7.3.3: reachable, stale, delay, probe by unicast, failed', () => {
  const t = resolved();
  t.run(t.network.neighbours4.reachableUs - 1);
  assert.equal(state(t), NeighbourState.Reachable);
  t.run(2);
  assert.equal(state(t), NeighbourState.Stale);
  assert.equal(t.network.context.timers.queue.size, 0, 'a stale entry has no timer');
  sendFrom(t.network, PEER, pattern(20));
  assert.equal(t.take().length, 1, 'sent at once to the old address');
  assert.equal(state(t), NeighbourState.Delay);
  t.run(4_999_999);
  assert.equal(t.take().length, 0);
  t.run(1);
  assert.equal(state(t), NeighbourState.Probe);
  assert.equal(arpOf(t.take()[0]).dst, '020000000099');
  t.run(2e6);
  assert.equal(t.take().length, 2);
  t.run(1e6);
  assert.equal(state(t), NeighbourState.Failed);
  assert.equal(t.take().length, 0);
});

test('RFC 4861 7.3.1: progress of a connection confirms, and saves the probe', () => {
  const t = resolved();
  t.run(60e6);
  sendFrom(t.network, PEER, pattern(20));
  t.run(1e6);
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  assert.ok(way !== null);
  t.network.confirmNeighbour(way);
  t.run(4e6);
  assert.equal(state(t), NeighbourState.Reachable);
  t.take();
  t.run(20e6);
  assert.equal(t.take().length, 0);
});

test('a probe that is answered makes the entry reachable', () => {
  const t = resolved();
  t.run(60e6);
  sendFrom(t.network, PEER, pattern(20));
  t.run(5e6);
  assert.equal(state(t), NeighbourState.Probe);
  answer(t);
  assert.equal(state(t), NeighbourState.Reachable);
});

test('Linux LOCKTIME: of two answers at once the first counts, later ones replace it', () => {
  const t = resolved();
  answer(t, 0x55);
  sendFrom(t.network, PEER, pattern(20));
  assert.equal(t.take()[0]?.[5], PEER_MAC);
  t.run(1_000_001);
  answer(t, 0x55);
  sendFrom(t.network, PEER, pattern(20));
  assert.equal(t.take()[0]?.[5], 0x55);
});

test('RFC 5227: a probe is answered and leaves no entry; an announcement changes entries but makes none', () => {
  const t = probe();
  t.device.inject(arpFrame({ operation: 1, senderIp: '0.0.0.0', targetIp: '192.0.2.1' }));
  assert.deepEqual(arpOf(t.take()[0]), { operation: 2, senderIp: '192.0.2.1', targetIp: '0.0.0.0', dst: '020000000099' });
  t.device.inject(arpFrame({ operation: 1, senderIp: PEER, targetIp: PEER }));
  assert.equal(state(t), null);
  assert.equal(t.take().length, 0);
  const known = resolved();
  known.device.inject(arpFrame({ operation: 1, senderIp: PEER, targetIp: PEER, senderMac: 0x77 }));
  assert.equal(state(known), NeighbourState.Stale);
  sendFrom(known.network, PEER, pattern(20));
  assert.equal(known.take()[0]?.[5], 0x77);
});

test('a request for our address is answered and remembered as stale; others are not answered', () => {
  const t = probe();
  t.device.inject(arpFrame({ operation: 1, senderIp: PEER, targetIp: '192.0.2.77' }));
  assert.equal(t.take().length, 0);
  assert.equal(state(t), null);
  t.device.inject(arpFrame({ operation: 1, senderIp: PEER, targetIp: '192.0.2.1' }));
  assert.deepEqual(arpOf(t.take()[0]), { operation: 2, senderIp: '192.0.2.1', targetIp: PEER, dst: '020000000099' });
  assert.equal(state(t), NeighbourState.Stale);
  // Somebody with our own address, or an impossible one, learns nothing.
  for (const senderIp of ['192.0.2.1', '127.0.0.1', '224.0.0.1', '255.255.255.255']) {
    t.device.inject(arpFrame({ operation: 1, senderIp, targetIp: '192.0.2.1' }));
  }
  assert.equal(t.take().length, 0);
});

test('gc_thresh3: a full table drops stale entries before it refuses new ones', () => {
  const t = probe();
  t.network.settings.neighGcThresh3 = 20;
  for (let i = 0; i < 40; i++) {
    t.device.inject(arpFrame({ operation: 1, senderIp: `192.0.2.${100 + i}`, targetIp: '192.0.2.1', senderMac: i }));
  }
  assert.equal(t.network.neighbours4.size, 20);
  assert.equal(sendFrom(t.network, PEER, pattern(20)), -105, 'ENOBUFS: all entries are young');
  t.run(6e6);
  assert.equal(sendFrom(t.network, PEER, pattern(20)), 0);
  assert.ok(t.network.neighbours4.size < 20);
});

test('a device that goes down takes its neighbours with it; a cached destination finds the new entry', () => {
  const t = resolved();
  const way = t.network.lookup(IpAddress.from(PEER), null, null);
  t.device.up = false;
  t.network.deviceChanged(t.device);
  assert.equal(state(t), null);
  assert.equal(way?.neighbour?.dead, true);
  assert.equal(sendFrom(t.network, PEER, pattern(20)), -101, 'ENETUNREACH');
  t.device.up = true;
  t.network.deviceChanged(t.device);
  sendFrom(t.network, PEER, pattern(20));
  assert.equal(arpOf(t.take()[0]).operation, 1);
});

test('no packet is left behind when entries fail, or their device goes', () => {
  const before = packetStatistics.packetsInUse;
  const t = probe();
  for (let i = 0; i < 5; i++) sendFrom(t.network, `192.0.2.${20 + i}`, pattern(2000));
  t.run(10e6);
  for (let i = 0; i < 5; i++) sendFrom(t.network, `192.0.2.${20 + i}`, pattern(2000));
  t.network.detach(t.device);
  assert.equal(packetStatistics.packetsInUse, before);
  assert.equal(t.network.context.timers.queue.size, 0);
  t.device.inject(ipv4Frame(pattern(20)));
  assert.equal(t.device.statistics.rxDropped, 1, 'no host is behind the device');
});

test('hash flooding: no choice of words fills one bucket of the table', () => {
  const choices: Record<string, (i: number) => string> = {
    c: (i) => `2001:db8::${i.toString(16)}:0:9`,
    d: (i) => `2001:db8::${i.toString(16)}`,
    'high half of d': (i) => `2001:db8::${i.toString(16)}:1`,
    'c and d alike': (i) => `2001:db8::${i.toString(16)}:0:${i.toString(16)}`,
    'what the old sum took for the same': (i) => `2001:db8::${(i & 0x3ff).toString(16)}:${(i & 0x3ff).toString(16)}`,
  };
  for (const [name, address] of Object.entries(choices)) {
    const t = probe(`flood ${name}`);
    const table = t.network.neighbours6;
    for (let i = 1; i <= 1000; i++) table.get(t.device, IpAddress.from(address(i)));
    assert.equal(table.size, 1000, name);
    assert.ok(table.longest <= 48, `${name}: ${table.longest} in one bucket`);
  }
});
