/**
 * What every Device keeps to, as a suite. device.test.ts runs it on the devices of src/link; a device that needs the
 * machine (TAP) runs it from its own test.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/link/device.ts';
import { type Packet, packetStatistics } from '../../src/link/packet.ts';
import { frame, Receiver } from '../../src/link/test-frames.ts';
import { ETHERNET_HEADER_LEN } from '../../src/wire/ethernet.ts';

export interface DeviceUnderTest {
  readonly device: Device;
  /** Bytes of the frames that left, in order, once everything has come to rest. */
  sent(): Promise<Uint8Array[]>;
  /** Makes a frame arrive at the device and waits until it has. */
  arrive(p: Packet): Promise<void>;
  /** What the device itself puts in front of `input`, where it is a network already (a switch's port). */
  readonly ownInput?: boolean;
  now(): number;
  close(): Promise<void> | void;
}

/** Linux's loopback counts IP packets, without the Ethernet header that nobody needs there. */
function uncounted(device: Device): number {
  return device.isLoopback ? ETHERNET_HEADER_LEN : 0;
}

export function testDevice(name: string, make: () => DeviceUnderTest | Promise<DeviceUnderTest>, skip: string | false = false): void {
  const check = (what: string, body: (t: DeviceUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, { skip }, async () => {
      const bed = await make();
      try {
        await body(bed);
      } finally {
        await bed.close();
      }
    });
  };

  check('a frame leaves as it was given, in order, and is counted', async ({ device, sent }) => {
    const frames = [60, 61, 700, 1514].map((length, number) => frame({ length, number, to: -1, toHi: 0xffff }));
    const expected = frames.map((p) => p.toBytes());
    for (const p of frames) device.transmit(p);
    deepEqual(await sent(), expected);
    equal(device.statistics.txPackets, 4);
    equal(device.statistics.txBytes, 60 + 61 + 700 + 1514 - 4 * uncounted(device));
  });

  check('transmit only enqueues: nothing arrives anywhere inside it', async ({ device, sent }) => {
    let inside = true;
    const received = device.tap;
    device.tap = { frame: (_device, _p, outgoing) => ok(outgoing || !inside, 'arrived inside transmit') };
    device.transmit(frame({ to: -1, toHi: 0xffff }));
    inside = false;
    equal((await sent()).length, 1);
    device.tap = received;
  });

  check('a frame that arrives is handed up with its device and head at the Ethernet header', async (bed) => {
    if (bed.ownInput) return;
    const { device } = bed;
    const receiver = new Receiver(() => bed.now(), device);
    let seen: Device | null = null;
    receiver.look = (p) => {
      seen = p.device;
    };
    const p = frame({ length: 200, number: 3, to: -1, toHi: 0xffff });
    const expected = p.toBytes();
    await bed.arrive(p);
    equal(seen, device);
    deepEqual(receiver.frames.map(({ bytes }) => bytes), [expected]);
    equal(device.statistics.rxPackets, 1);
    equal(device.statistics.rxBytes, 200 - uncounted(device));
  });

  check('a device that is down neither sends nor receives; frames are dropped, counted and freed', async (bed) => {
    const { device } = bed;
    const inUse = packetStatistics.packetsInUse;
    const receiver = bed.ownInput ? null : new Receiver(() => bed.now(), device);
    device.up = false;
    device.transmit(frame({ to: -1, toHi: 0xffff }));
    equal(device.statistics.txDropped, 1);
    equal(device.statistics.txPackets, 0);
    if (!device.isLoopback) {
      await bed.arrive(frame({ to: -1, toHi: 0xffff }));
      equal(device.statistics.rxDropped, 1);
    }
    equal((await bed.sent()).length, 0);
    if (receiver !== null) equal(receiver.frames.length, 0);
    equal(packetStatistics.packetsInUse, inUse);
    device.up = true;
  });

  check('without carrier nothing is sent', async ({ device, sent }) => {
    device.carrier = false;
    device.transmit(frame({ to: -1, toHi: 0xffff }));
    equal(device.statistics.txDropped, 1);
    equal((await sent()).length, 0);
    device.carrier = true;
  });

  check('a frame nobody is there to take is dropped, counted and freed', async (bed) => {
    const { device } = bed;
    const inUse = packetStatistics.packetsInUse;
    device.input = null;
    await bed.arrive(frame({ to: -1, toHi: 0xffff }));
    equal(device.statistics.rxDropped, 1);
    equal(packetStatistics.packetsInUse, inUse);
  });

  check('the tap sees a frame before it leaves and before it is handed up', async (bed) => {
    const { device } = bed;
    if (!bed.ownInput) new Receiver(() => bed.now(), device);
    const seen: string[] = [];
    device.tap = { frame: (tapped, p, outgoing) => seen.push(`${tapped === device} ${p.length} ${outgoing ? 'out' : 'in'}`) };
    device.transmit(frame({ length: 80, to: -1, toHi: 0xffff }));
    deepEqual(seen, ['true 80 out']);
    await bed.sent();
    if (device.isLoopback) {
      deepEqual(seen, ['true 80 out', 'true 80 in']);
    } else {
      await bed.arrive(frame({ length: 90, to: -1, toHi: 0xffff }));
      deepEqual(seen, ['true 80 out', 'true 90 in']);
    }
    device.tap = null;
  });

  check('the owner of a frame is told once that its memory is free', async ({ device, sent }) => {
    const told: number[] = [];
    for (const up of [true, false]) {
      device.up = up;
      const p = frame({ to: -1, toHi: 0xffff });
      p.owner = { released: (truesize) => told.push(truesize) };
      p.truesize = up ? 1 : 2;
      device.transmit(p);
    }
    device.up = true;
    await sent();
    deepEqual(told.sort(), [1, 2]);
  });

  check('its properties make sense', async ({ device }) => {
    ok(device.name.length > 0);
    ok(device.mtuBytes >= 1280, 'IPv6 needs 1,280 bytes');
    ok(device.gsoMaxBytes === 0 || device.gsoMaxBytes >= device.mtuBytes);
    equal(device.macHi & 0x0100, 0, 'the address is no group');
    equal(device.isLoopback, device.macHi === 0 && device.macLo === 0);
  });
}
