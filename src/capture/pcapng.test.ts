import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureError } from './capture-error.ts';
import { readCapture } from './capture-file.ts';
import { LinkType } from './capture-record.ts';
import type { CapturedPacket } from './capture-record.ts';
import { readPcapng } from './pcapng-reader.ts';
import { PcapngWriter, joinBlocks } from './pcapng-writer.ts';
import type { SectionOptions } from './pcapng-writer.ts';

function written(write: (writer: PcapngWriter) => void, options?: SectionOptions): Uint8Array {
  const blocks: Uint8Array[] = [];
  write(new PcapngWriter((block) => blocks.push(block), options));
  return joinBlocks(blocks);
}

/** Blocks by hand, in either byte order. */
class Blocks {
  private readonly little: boolean;
  private readonly parts: Uint8Array[] = [];

  constructor(little: boolean) {
    this.little = little;
  }

  u16(value: number): number[] {
    const bytes = [value & 0xff, (value >> 8) & 0xff];
    return this.little ? bytes : bytes.reverse();
  }

  u32(value: number): number[] {
    const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    return this.little ? bytes : bytes.reverse();
  }

  add(type: number, body: readonly number[]): this {
    const padded = [...body, ...new Array<number>((4 - (body.length % 4)) % 4).fill(0)];
    const total = this.u32(padded.length + 12);
    this.parts.push(Uint8Array.from([...this.u32(type), ...total, ...padded, ...total]));
    return this;
  }

  section(): this {
    return this.add(0x0a0d0d0a, [...this.u32(0x1a2b3c4d), ...this.u16(1), ...this.u16(0), ...new Array<number>(8).fill(255)]);
  }

  interface(linkType: number, snapLen: number, options: readonly number[] = []): this {
    return this.add(1, [...this.u16(linkType), 0, 0, ...this.u32(snapLen), ...options]);
  }

  packet(id: number, high: number, low: number, data: readonly number[]): this {
    const padding = new Array<number>((4 - (data.length % 4)) % 4).fill(0);
    const head = [id, high, low, data.length, data.length + 5].flatMap((value) => this.u32(value));
    return this.add(6, [...head, ...data, ...padding]);
  }

  file(): Uint8Array {
    return joinBlocks(this.parts);
  }
}

function packetsOf(file: Uint8Array): CapturedPacket[] {
  return [...readCapture(file)];
}

function failure(file: Uint8Array): CaptureError {
  try {
    packetsOf(file);
  } catch (error) {
    if (error instanceof CaptureError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

test('a file is byte for byte what the format says', () => {
  const file = written((writer) => {
    const id = writer.addInterface({ linkType: LinkType.Ethernet });
    writer.packet(id, 4294967296 + 7, Uint8Array.of(1, 2, 3, 4, 5), 60, { direction: 'out' });
  });
  const hex = Buffer.from(file).toString('hex');
  const section = '0a0d0d0a200000004d3c2b1a01000000ffffffffffffffff0000000020000000';
  const description = '010000002000000001000000000000000900010006000000' + '0000000020000000';
  const packet =
    '0600000034000000' + '00000000' + '01000000' + '07000000' + '05000000' + '3c000000' + '0102030405000000' +
    '0200040002000000' + '00000000' + '34000000';
  equal(hex, section + description + packet);
});

test('what is written is read back: times, lengths, names, comments, directions', () => {
  const file = written(
    (writer) => {
      equal(writer.addInterface({ linkType: LinkType.Ethernet, name: 'eth0', description: 'the wire', snapLen: 96 }), 0);
      equal(writer.addInterface({ linkType: LinkType.Raw, name: 'tün1', resolution: 'ns' }), 1);
      writer.packet(1, 1_700_000_000_123_456, Uint8Array.of(1), 1, { nanoseconds: 789, comment: 'größer 🦀' });
      writer.names([{ address: Uint8Array.of(10, 0, 0, 1), names: ['a', 'alpha'] }]);
      writer.packet(0, 1_700_000_000_000_001, Uint8Array.of(2, 3, 4, 5), 1500, { direction: 'in' });
      writer.packet(0, 0, new Uint8Array(0), 0);
    },
    { application: 'a test', comment: 'one run', hardware: 'none', os: 'any' },
  );
  const [first, second, third] = packetsOf(file);
  equal(first.timeUs, 1_700_000_000_123_456);
  equal(first.nanoseconds, 789);
  deepEqual(first.comments, ['größer 🦀']);
  equal(first.direction, null);
  equal(first.interface.name, 'tün1');
  equal(first.interface.linkType, LinkType.Raw);
  equal(second.timeUs, 1_700_000_000_000_001);
  equal(second.nanoseconds, 0);
  equal(second.direction, 'in');
  equal(second.originalLength, 1500);
  deepEqual([...second.bytes], [2, 3, 4, 5]);
  deepEqual(second.interface, { linkType: 1, snapLen: 96, name: 'eth0', description: 'the wire', littleEndian: true });
  equal(third.bytes.length, 0);
});

test('the same calls give the same bytes, and a later write leaves earlier blocks alone', () => {
  const make = (): Uint8Array =>
    written((writer) => {
      writer.addInterface({ linkType: 1, name: 'x' });
      for (let i = 0; i < 50; i++) writer.packet(0, i * 1000, new Uint8Array(i * 90).fill(i));
    });
  deepEqual(make(), make());
  equal(packetsOf(make())[3].bytes[0], 3);
});

test('a packet of an interface that was not described is a mistake of the caller', () => {
  throws(() => written((writer) => writer.packet(0, 0, Uint8Array.of(1))), RangeError);
});

for (const little of [true, false]) {
  const order = little ? 'little-endian' : 'big-endian';
  test(`${order}: every time resolution and a time offset`, () => {
    const blocks = new Blocks(little);
    const resolution = (code: number): number[] => [...blocks.u16(9), ...blocks.u16(1), code, 0, 0, 0, ...blocks.u32(0)];
    const offset = [...blocks.u16(14), ...blocks.u16(8)];
    const hundred = little ? [...blocks.u32(100), ...blocks.u32(0)] : [...blocks.u32(0), ...blocks.u32(100)];
    blocks.section();
    blocks.interface(1, 0);
    blocks.interface(1, 0, resolution(0));
    blocks.interface(1, 0, resolution(9));
    blocks.interface(1, 0, resolution(0x80 | 10));
    blocks.interface(1, 0, [...offset, ...hundred, ...resolution(3)]);
    blocks.packet(0, 0, 1_500_000, [1]);
    blocks.packet(1, 0, 2, [1]);
    blocks.packet(2, 0, 1_234_567, [1]);
    blocks.packet(3, 0, 1024 + 512, [1]);
    blocks.packet(4, 0, 5250, [1]);
    const times = packetsOf(blocks.file()).map((packet) => [packet.timeUs, packet.nanoseconds]);
    deepEqual(times, [[1_500_000, 0], [2_000_000, 0], [1234, 567], [1_500_000, 0], [105_250_000, 0]]);
  });

  test(`${order}: simple and obsolete packets, unknown blocks, several sections`, () => {
    const blocks = new Blocks(little);
    blocks.section().interface(101, 3);
    blocks.add(3, [...blocks.u32(6), 1, 2, 3]);
    blocks.add(0x7777, [9, 9, 9, 9]);
    blocks.add(5, blocks.u32(0));
    const old = [...blocks.u16(0), ...blocks.u16(77), ...blocks.u32(0), ...blocks.u32(42), ...blocks.u32(2), ...blocks.u32(4)];
    blocks.add(2, [...old, 7, 8, 0, 0]);
    blocks.section().interface(1, 0).packet(0, 0, 5, [6, 6, 6]);
    const [simple, obsolete, other] = packetsOf(blocks.file());
    deepEqual([...simple.bytes], [1, 2, 3]);
    equal(simple.originalLength, 6);
    equal(simple.timeUs, 0);
    deepEqual([...obsolete.bytes], [7, 8]);
    equal(obsolete.timeUs, 42);
    equal(obsolete.originalLength, 4);
    equal(other.interface.linkType, 1);
    equal(other.originalLength, 8);
  });
}

test('sections may change the byte order', () => {
  const file = joinBlocks([
    new Blocks(true).section().interface(1, 0).packet(0, 0, 1, [1]).file(),
    new Blocks(false).section().interface(101, 0).packet(0, 0, 2, [2]).file(),
  ]);
  deepEqual(packetsOf(file).map((packet) => [packet.interface.linkType, packet.timeUs]), [[1, 1], [101, 2]]);
});

test('a damaged file names the place and the reason', () => {
  const good = (): Blocks => new Blocks(true).section().interface(1, 0);
  const whole = good().packet(0, 0, 1, [1, 2, 3]).file();
  equal(failure(new Uint8Array(0)).offset, 0);
  equal(failure(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)).message, 'capture file: neither pcap nor pcapng (at byte 0)');
  const cutShort = failure(whole.subarray(0, whole.length - 1));
  equal(cutShort.offset, 48);
  equal(cutShort.message, 'capture file: cut inside a block of 36 bytes: 35 left (at byte 48)');
  const noInterface = failure(good().packet(1, 0, 1, [1]).file());
  equal(noInterface.message, 'capture file: packet of interface 1, but the section describes 1 (at byte 56)');
  const patched = (at: number, value: number): Uint8Array => {
    const copy = whole.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  equal(failure(patched(48 + 4, 13)).message, 'capture file: block length 13 is not possible (at byte 52)');
  equal(failure(patched(48 + 4, 0xfffffff0)).offset, 48);
  equal(failure(patched(48 + 32, 40)).message, 'capture file: block length 36 is repeated as 40 (at byte 80)');
  equal(failure(patched(48 + 20, 0xffffffff)).message, 'capture file: packet of 4294967295 bytes in a block with room for 4 (at byte 68)');
  equal(failure(patched(12, 2)).message, 'capture file: pcapng version 2 is not known (at byte 12)');
  equal(failure(patched(8, 1)).message, 'capture file: section header without a byte-order mark (at byte 8)');
  equal(failure(new Blocks(true).interface(1, 0).file()).message, 'capture file: neither pcap nor pcapng (at byte 0)');
});

test('packets before the damage are still delivered', () => {
  const file = new Blocks(true).section().interface(1, 0).packet(0, 0, 1, [1]).packet(0, 0, 2, [2]).file();
  const reader = readPcapng(file.subarray(0, file.length - 2));
  equal(reader.next().value?.timeUs, 1);
  throws(() => reader.next(), CaptureError);
});

test('an option that runs over its block is refused', () => {
  const blocks = new Blocks(true).section();
  blocks.interface(1, 0, [...blocks.u16(2), ...blocks.u16(200), 1, 2, 3, 4]);
  equal(failure(blocks.file()).message, 'capture file: option 2 of 200 bytes runs over the end of its block (at byte 44)');
});

test('a time before 1970 is written as 0, and the file can be read', () => {
  for (const resolution of ['us', 'ns'] as const) {
    const blocks: Uint8Array[] = [];
    const writer = new PcapngWriter((block) => blocks.push(block));
    writer.addInterface({ linkType: LinkType.Ethernet, resolution });
    for (const time of [-1, -0.5, -1e15, NaN, 7]) writer.packet(0, time, Uint8Array.of(1), 1, { nanoseconds: time === 7 ? 0 : 999 });
    const times = [...readCapture(joinBlocks(blocks))].map((packet) => [packet.timeUs, packet.nanoseconds]);
    deepEqual(times, [[0, 0], [0, 0], [0, 0], [0, 0], [7, 0]]);
  }
});
