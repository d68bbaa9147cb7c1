/**
 * Hostile capture files and hostile packets: the readers answer with packets or with a CaptureError, never with
 * another exception and never with more memory than the file has; the printer always answers with text.
 */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, below } from '../../src/base/random.ts';
import { CaptureError } from '../../src/capture/capture-error.ts';
import { readCapture } from '../../src/capture/capture-file.ts';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import type { TcpdumpOptions } from '../../src/capture/tcpdump-printer.ts';
import { generatePackets } from '../tools/packet-generator.ts';
import { isFull, seed } from '../results.ts';

const LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147];
const PRINTERS: readonly TcpdumpOptions[] = [
  {},
  { verbose: 3, linkHeader: true, dump: 'X' },
  { verbose: 1, quiet: true, dump: 'A' },
  { verbose: 2, absoluteSeq: true, dump: 'xx', time: 'since-previous', number: true },
];

function samples(): Uint8Array[] {
  const random = new SeededRandom(`samples ${seed}`);
  const data = (): Uint8Array => Uint8Array.from({ length: below(random, 40) }, () => below(random, 256));
  const collected = (write: (sink: (bytes: Uint8Array) => void) => void): Uint8Array => {
    const blocks: Uint8Array[] = [];
    write((block) => blocks.push(block));
    return joinBlocks(blocks);
  };
  return [
    collected((sink) => {
      const writer = new PcapngWriter(sink, { application: 'fuzz', comment: 'ä' });
      writer.addInterface({ linkType: 1, name: 'eth0' });
      writer.addInterface({ linkType: 113, resolution: 'ns', snapLen: 40 });
      writer.names([{ address: Uint8Array.of(10, 0, 0, 1), names: ['a'] }]);
      for (let i = 0; i < 6; i++) writer.packet(i & 1, i * 1e6, data(), 100, { comment: `packet ${i}`, direction: 'in' });
    }),
    collected((sink) => {
      const writer = new PcapWriter(sink, { linkType: 1, resolution: 'ns' });
      for (let i = 0; i < 6; i++) writer.packet(i * 1e6, data(), 100);
    }),
    collected((sink) => {
      const writer = new PcapWriter(sink, { linkType: 101, bigEndian: true });
      for (let i = 0; i < 6; i++) writer.packet(i * 1e6, data(), 100);
    }),
  ];
}

/** Reads it all; anything but a CaptureError fails the test. Returns whether the file was sound. */
function isSound(file: Uint8Array): boolean {
  let held = 0;
  try {
    for (const packet of readCapture(file)) {
      held += packet.bytes.length;
      ok(packet.bytes.buffer === file.buffer, 'a packet is a view into the file');
      ok(Number.isSafeInteger(packet.timeUs), `time ${packet.timeUs}`);
    }
    return true;
  } catch (error) {
    ok(error instanceof CaptureError, String(error));
    ok(error.offset >= 0 && error.offset <= file.length, error.message);
    return false;
  } finally {
    ok(held <= file.length);
  }
}

test('capture files cut at every offset', () => {
  for (const file of samples()) {
    ok(isSound(file));
    let refused = 0;
    for (let cut = 0; cut < file.length; cut++) if (!isSound(file.subarray(0, cut))) refused++;
    // Only a cut between blocks or records leaves a sound file.
    ok(refused > file.length - 20, `${refused} of ${file.length} cuts refused`);
  }
});

test('capture files spliced, overwritten and doubled', { timeout: 120_000 }, (t) => {
  const random = new SeededRandom(`mutations ${seed}`);
  const rounds = isFull ? 400_000 : 40_000;
  const files = samples();
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const file = files[below(random, files.length)];
    const other = files[below(random, files.length)];
    let mutated: Uint8Array;
    switch (below(random, 4)) {
      case 0: {
        mutated = file.slice();
        for (let i = below(random, 4); i >= 0; i--) mutated[below(random, mutated.length)] = below(random, 256);
        break;
      }
      case 1: {
        // Length fields are where the damage is worst.
        mutated = file.slice();
        const at = below(random, mutated.length >> 2) * 4;
        const value = [0, 0xffffffff, 0x7fffffff, 12, below(random, 256)][below(random, 5)];
        if (at + 4 <= mutated.length) new DataView(mutated.buffer).setUint32(at, value, below(random, 2) === 0);
        break;
      }
      case 2:
        mutated = joinBlocks([file.subarray(0, below(random, file.length)), other.subarray(below(random, other.length))]);
        break;
      default:
        mutated = joinBlocks([file, other]);
    }
    if (!isSound(mutated)) refused++;
  }
  t.diagnostic(`${refused} of ${rounds} refused`);
  ok(refused > rounds / 10, `${refused} of ${rounds} refused`);
});

test('the printer prints anything', { timeout: 300_000 }, () => {
  const random = new SeededRandom(`packets ${seed}`);
  const rounds = isFull ? 1_000_000 : 60_000;
  const sound = generatePackets(`fuzz ${seed}`, 3000).map((packet) => ({ ...packet, bytes: Uint8Array.from(packet.bytes) }));
  const printers = PRINTERS.map((options) => new TcpdumpPrinter(options));
  let words = 0;
  for (let round = 0; round < rounds; round++) {
    const printer = printers[below(random, printers.length)];
    let linkType = LINK_TYPES[below(random, LINK_TYPES.length)];
    let bytes: Uint8Array;
    if (below(random, 4) === 0) {
      bytes = Uint8Array.from({ length: below(random, 200) }, () => below(random, 256));
    } else {
      const base = sound[below(random, sound.length)];
      bytes = base.bytes.slice(0, 1 + below(random, base.bytes.length));
      if (below(random, 8) !== 0) linkType = base.linkType;
      for (let i = below(random, 6); i > 0; i--) bytes[below(random, bytes.length)] = below(random, 256);
    }
    const length = bytes.length + [0, 0, below(random, 100), -1][below(random, 4)];
    const text = printer.format(linkType, round * 1000, bytes, Math.max(0, length));
    words += text.length;
  }
  ok(words > rounds * 10);
});
