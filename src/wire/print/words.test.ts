import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTable } from './connections.ts';
import { Dissection, PAST_THE_END } from './dissection.ts';
import type { PrintOptions } from './dissection.ts';
import { printEthernet } from './ethernet.ts';
import { KNOWN_WORDS } from './known-words.test-data.ts';

const QUIET_WORDS: PrintOptions = {
  verbose: 0,
  quiet: false,
  linkHeader: false,
  absoluteSeq: false,
  dumpUnknown: true,
  names: null,
  interfaceName: null,
};

function words(hex: string, originalLength: number, options: Partial<PrintOptions>): string {
  const d = new Dissection({ ...QUIET_WORDS, ...options }, new ConnectionTable());
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  d.begin(bytes);
  try {
    printEthernet(d, 0, originalLength, bytes.length);
  } catch (thrown) {
    if (thrown !== PAST_THE_END) throw thrown;
    d.truncated();
  }
  return d.text;
}

for (const { name, linkHeader, originalLength, hex, text } of KNOWN_WORDS) {
  test(`${name}: the words of tcpdump`, () => {
    equal(words(hex, originalLength, linkHeader ? { linkHeader } : { verbose: 1 }), text);
  });
}

test('a packet cut anywhere is printed up to there, and never read beyond', () => {
  for (const { hex, originalLength } of KNOWN_WORDS) {
    for (let kept = 1; kept < hex.length / 2; kept++) {
      // The bytes after the cut exist in the buffer, as in a capture file, and must not show.
      const whole = Uint8Array.from(Buffer.from(hex, 'hex'));
      const other = whole.map((byte, i) => (i < kept ? byte : byte ^ 0xff));
      const cutWords = [whole, other].map((bytes) => {
        const d = new Dissection({ ...QUIET_WORDS, verbose: 2 }, new ConnectionTable());
        d.begin(bytes.subarray(0, kept));
        try {
          printEthernet(d, 0, originalLength, kept);
        } catch (thrown) {
          equal(thrown, PAST_THE_END);
        }
        return d.text;
      });
      equal(cutWords[0], cutWords[1]);
    }
  }
});

test('conversations: the oldest is forgotten once there are too many', () => {
  const table = new ConnectionTable();
  for (let i = 0; i <= 100_000; i++) table.remember(String(i), { seq: i, ack: 0 });
  equal(table.size, 100_000);
  equal(table.find('0'), undefined);
  equal(table.find('100000')?.seq, 100_000);
});

test('payload of a port that tcpdump decodes is left alone', () => {
  // 10.0.0.1.1000 > 10.0.0.2.53, twelve bytes: with a decoder for DNS this would be a question.
  const hex = '020000000002020000000001080045000028000100004011000a0a0000010a00000203e8003500140000' + '000101000001000000000000';
  ok(words(hex, 54, {}).endsWith('10.0.0.1.1000 > 10.0.0.2.53: UDP, length 12'));
});
