import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureError } from './capture-error.ts';
import { readCapture } from './capture-file.ts';
import { LinkType } from './capture-record.ts';
import { PcapWriter } from './pcap.ts';
import type { PcapOptions } from './pcap.ts';
import { joinBlocks } from './pcapng-writer.ts';

function written(options: PcapOptions, write: (writer: PcapWriter) => void): Uint8Array {
  const blocks: Uint8Array[] = [];
  write(new PcapWriter((block) => blocks.push(block), options));
  return joinBlocks(blocks);
}

for (const bigEndian of [false, true]) {
  for (const resolution of ['us', 'ns'] as const) {
    test(`${bigEndian ? 'big' : 'little'}-endian, ${resolution}: what is written is read back`, () => {
      const file = written({ linkType: LinkType.LinuxSll2, bigEndian, resolution, snapLen: 70 }, (writer) => {
        writer.packet(1_700_000_000_123_456, Uint8Array.of(1, 2, 3), 9, 789);
        writer.packet(5, new Uint8Array(0), 0);
      });
      const [first, second] = [...readCapture(file)];
      equal(first.timeUs, 1_700_000_000_123_456);
      equal(first.nanoseconds, resolution === 'ns' ? 789 : 0);
      deepEqual([...first.bytes], [1, 2, 3]);
      equal(first.originalLength, 9);
      deepEqual(first.interface, { linkType: 276, snapLen: 70, name: '', description: '', littleEndian: !bigEndian });
      equal(second.timeUs, 5);
    });
  }
}

test('the header is byte for byte what the format says', () => {
  const file = written({ linkType: 1 }, (writer) => writer.packet(1_000_002, Uint8Array.of(0xaa), 60));
  equal(
    Buffer.from(file).toString('hex'),
    'd4c3b2a1020004000000000000000000' + '0000040001000000' + '0100000002000000010000003c000000aa',
  );
});

test('the upper bits of the link type say something else', () => {
  const file = written({ linkType: 1 }, (writer) => writer.packet(0, Uint8Array.of(1)));
  new DataView(file.buffer).setUint32(20, 0x14000001, true);
  equal([...readCapture(file)][0].interface.linkType, 1);
});

test('a damaged file names the place and the reason', () => {
  const file = written({ linkType: 1 }, (writer) => {
    writer.packet(1, Uint8Array.of(1, 2, 3));
    writer.packet(2, Uint8Array.of(4, 5, 6));
  });
  const failure = (bytes: Uint8Array): string => {
    try {
      for (const packet of readCapture(bytes)) equal(packet.bytes.length, 3);
    } catch (error) {
      if (error instanceof CaptureError) return error.message;
      throw error;
    }
    return '';
  };
  equal(failure(file), '');
  equal(failure(file.subarray(0, 10)), 'capture file: cut inside the file header: 10 bytes (at byte 0)');
  equal(failure(file.subarray(0, 50)), 'capture file: cut inside a record header: 7 bytes left (at byte 43)');
  equal(failure(file.subarray(0, 61)), 'capture file: packet of 3 bytes, but 2 are left (at byte 51)');
  const huge = file.slice();
  new DataView(huge.buffer).setUint32(24 + 8, 0xffffffff, true);
  equal(failure(huge), 'capture file: packet of 4294967295 bytes, but 22 are left (at byte 32)');
  const old = file.slice();
  old[4] = 1;
  equal(failure(old), 'capture file: pcap version 1 is not known (at byte 4)');
});

test('a time before 1970 is written as 0', () => {
  for (const resolution of ['us', 'ns'] as const) {
    const blocks: Uint8Array[] = [];
    const writer = new PcapWriter((block) => blocks.push(block), { linkType: LinkType.Ethernet, resolution });
    for (const time of [-1, -1e15, NaN, 7]) writer.packet(time, Uint8Array.of(1), 1, time === 7 ? 0 : 999);
    const times = [...readCapture(joinBlocks(blocks))].map((packet) => [packet.timeUs, packet.nanoseconds]);
    deepEqual(times, [[0, 0], [0, 0], [0, 0], [7, 0]]);
  }
});
