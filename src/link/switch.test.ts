import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { virtualLoop, whenIdle } from '../base/test-environment.ts';
import { Cable } from './cable.ts';
import type { Nic } from './nic.ts';
import { packetStatistics, takePacket } from './packet.ts';
import { frame, Receiver, tcpSegment } from './test-frames.ts';
import { Switch, type SwitchOptions } from './switch.ts';

class Segment {
  readonly loop: Loop = virtualLoop();
  readonly bridge: Switch;
  readonly cables: Cable[] = [];
  readonly stations: Nic[] = [];
  readonly receivers: Receiver[] = [];

  constructor(count: number, options: SwitchOptions = {}) {
    this.bridge = new Switch(this.loop, options);
    for (let i = 0; i < count; i++) {
      const cable = new Cable(this.loop, new SeededRandom(i), { delayUs: 5 });
      this.bridge.attach(cable.b);
      this.cables.push(cable);
      this.stations.push(cable.a);
      this.receivers.push(new Receiver(() => this.loop.now, cable.a));
    }
  }

  /** Sends a frame from station `from` with these addresses; returns who received it. */
  async send(from: number, source: number, to: number, toHi?: number): Promise<number[]> {
    const before = this.receivers.map(({ frames }) => frames.length);
    this.stations[from]?.transmit(frame(toHi === undefined ? { from: source, to } : { from: source, to, toHi }));
    await whenIdle(this.loop);
    return this.receivers.flatMap(({ frames }, i) => (frames.length > (before[i] as number) ? [i] : []));
  }

  /** Lets time pass. */
  wait(us: number): void {
    this.loop.environment.advanceTo(this.loop.now + us);
    this.loop.now += us;
  }
}

test('802.1D 7.7: an unknown destination goes to every other port, a known one to its own', async () => {
  const net = new Segment(4);
  deepEqual(await net.send(0, 100, 200), [1, 2, 3]);
  deepEqual(await net.send(2, 200, 100), [0], 'learnt from the first frame');
  deepEqual(await net.send(0, 100, 200), [2]);
  deepEqual(await net.send(1, 300, -1, 0xffff), [0, 2, 3], 'broadcast');
  deepEqual(await net.send(1, 300, 5, 0x3333), [0, 2, 3], 'multicast');
  deepEqual([net.bridge.statistics.forwarded, net.bridge.statistics.flooded], [2, 3]);
});

test('addresses that share their last four bytes are told apart', async () => {
  const net = new Segment(3);
  await net.send(0, 7, -1, 0xffff);
  const other = frame({ to: -1, toHi: 0xffff });
  other.view.setUint16(other.head + 6, 0x0600);
  other.view.setInt32(other.head + 8, 7);
  net.stations[1]?.transmit(other);
  await whenIdle(net.loop);
  equal(net.bridge.tableSize, 2);
  deepEqual(await net.send(2, 9, 7, 0x0200), [0]);
  deepEqual(await net.send(2, 9, 7, 0x0600), [1]);
});

test('a frame for a station on the port where it came from is filtered', async () => {
  const net = new Segment(3);
  await net.send(0, 1, -1, 0xffff);
  await net.send(0, 2, -1, 0xffff);
  deepEqual(await net.send(0, 1, 2), []);
  equal(net.bridge.statistics.filtered, 1);
});

test('a station that moves is followed', async () => {
  const net = new Segment(3);
  await net.send(0, 1, -1, 0xffff);
  await net.send(2, 1, -1, 0xffff);
  deepEqual(await net.send(1, 9, 1), [2]);
});

test('802.1D 7.9.2: an address not heard for the ageing time is forgotten', async () => {
  const net = new Segment(3, { ageingUs: 1e6 });
  await net.send(0, 1, -1, 0xffff);
  net.wait(900e3);
  deepEqual(await net.send(1, 9, 1), [0]);
  net.wait(200e3);
  deepEqual(await net.send(1, 9, 1), [0, 2], 'flooded again');
});

test('a full table learns nothing more until old entries have aged; traffic still flows', async () => {
  const net = new Segment(2, { tableLimit: 10, ageingUs: 1e6 });
  for (let source = 1; source <= 30; source++) await net.send(0, source, -1, 0xffff);
  equal(net.bridge.tableSize, 10);
  equal(net.bridge.statistics.notLearnt, 20);
  deepEqual(await net.send(1, 99, 25), [0], 'flooded');
  net.wait(2e6);
  await net.send(1, 99, -1, 0xffff);
  equal(net.bridge.tableSize, 1, 'the old ones made room');
});

test('4,096 stations are learnt, and no more; what goes to the others is flooded', async () => {
  const net = new Segment(3);
  for (let source = 1; source <= 4100; source++) await net.send(0, source, -1, 0xffff);
  equal(net.bridge.tableSize, 4096);
  equal(net.bridge.statistics.notLearnt, 4);
  deepEqual(await net.send(0, 1, 4096), [], 'on the port where it came from');
  deepEqual(await net.send(0, 1, 4097), [1, 2]);
});

test('a group address as source is not learnt', async () => {
  const net = new Segment(3);
  const p = frame({ to: -1, toHi: 0xffff });
  p.view.setUint16(p.head + 6, 0x0300);
  net.stations[0]?.transmit(p);
  await whenIdle(net.loop);
  equal(net.bridge.tableSize, 0);
});

test('802.1D table 7-10: reserved group addresses stay on their segment', async () => {
  const net = new Segment(3);
  deepEqual(await net.send(0, 1, 0xc2000000 | 0, 0x0180), []);
  deepEqual(await net.send(0, 1, 0xc200000f | 0, 0x0180), []);
  deepEqual(await net.send(0, 1, 0xc2000010 | 0, 0x0180), [1, 2]);
});

test('a port whose cable is cut forgets its stations', async () => {
  const net = new Segment(3);
  await net.send(0, 1, -1, 0xffff);
  net.cables[0]?.cut();
  equal(net.bridge.tableSize, 0);
  deepEqual(await net.send(1, 9, 1), [2]);
  net.cables[0]?.mend();
  deepEqual(await net.send(1, 9, 1), [0, 2]);
});

test('flooded copies have heads of their own', async () => {
  const net = new Segment(4);
  for (const receiver of net.receivers) {
    receiver.look = (p) => {
      equal(p.view.getUint8(p.head + 20), 0x55, 'nobody wrote into this copy');
      p.view.setUint8(p.head + 20, 0xee);
    };
  }
  const p = frame({ to: -1, toHi: 0xffff, length: 64 });
  p.pull(40);
  p.view.setUint8(p.head + 20, 0x55);
  net.stations[0]?.transmit(p);
  await whenIdle(net.loop);
  equal(net.receivers.filter(({ frames }) => frames.length === 1).length, 3);
});

test('super-segments cross a switch whole where cables are perfect, and are cut where one is not', async () => {
  const net = new Segment(3);
  net.cables[2]?.set({ loss: 1e-9 });
  await net.send(1, 2, -1, 0xffff);
  net.stations[0]?.transmit(tcpSegment(new Uint8Array(5000), 1460));
  await whenIdle(net.loop);
  deepEqual(net.receivers[1]?.frames.map(({ bytes }) => bytes.length), [5054]);
  await net.send(2, 2, -1, 0xffff);
  net.stations[0]?.transmit(tcpSegment(new Uint8Array(5000), 1460));
  await whenIdle(net.loop);
  deepEqual(net.receivers[2]?.frames.slice(-4).map(({ bytes }) => bytes.length), [1514, 1514, 1514, 674]);
});

test('a runt is dropped and counted, and no packet is lost sight of', async () => {
  const net = new Segment(2);
  const inUse = packetStatistics.packetsInUse;
  const runt = takePacket();
  runt.put(13);
  net.stations[0]?.transmit(runt);
  await whenIdle(net.loop);
  equal(net.bridge.statistics.malformed, 1);
  const alone = new Segment(1);
  await alone.send(0, 1, 2);
  equal(packetStatistics.packetsInUse, inUse);
});

test('a device has one network: attaching it twice throws', () => {
  const net = new Segment(1);
  throws(() => net.bridge.attach(net.cables[0]?.b as Nic), /attached already/);
});
