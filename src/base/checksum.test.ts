import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ChecksumAccumulator, finish, fold, pseudoHeaderSum4, pseudoHeaderSum6, sumBytes, sumView, swapSum, updateChecksum,
  updateChecksum32, wordSum,
} from './checksum.ts';

/** RFC 1071 word by word, with exact integers: the definition, to compare with. */
function definition(bytes: Uint8Array): number {
  let sum = 0n;
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt((bytes[i] << 8) | (bytes[i + 1] ?? 0));
  while (sum > 0xffffn) sum = (sum >> 16n) + (sum & 0xffffn);
  return Number(sum);
}

const someBytes = fc.uint8Array({ minLength: 0, maxLength: 300 });

test('RFC 1071 section 3: the worked example', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  equal(fold(sumBytes(bytes, 0, 8, 0)), 0xddf2);
  equal(finish(sumBytes(bytes, 0, 8, 0)), 0x220d);
});

test('sumBytes and sumView agree with the definition at every offset and length', () => {
  fc.assert(
    fc.property(someBytes, fc.nat(20), (bytes, offset) => {
      // The range lies somewhere inside a larger buffer, behind an odd byteOffset or an even one.
      const memory = new Uint8Array(bytes.length + 40).fill(0xa5);
      memory.set(bytes, offset + 7);
      const part = memory.subarray(offset, offset + bytes.length + 9);
      const expected = definition(bytes);
      equal(fold(sumBytes(part, 7, 7 + bytes.length, 0)), expected);
      equal(fold(sumView(new DataView(memory.buffer), offset + 7, offset + 7 + bytes.length, 0)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('64 KiB and 128 KiB of ones do not overflow the counters', () => {
  const bytes = new Uint8Array(131072).fill(0xff);
  const view = new DataView(bytes.buffer);
  for (const length of [65535, 65536, 131071, 131072]) {
    equal(fold(sumView(view, 0, length, 0)), definition(bytes.subarray(0, length)), `${length} bytes`);
  }
  const sum = sumView(view, 0, 131072, 0);
  ok(sum > 0 && sum < 2 ** 30, 'the sum is a small integer');
});

test('several ranges of any length sum to the whole, with ChecksumAccumulator and with swapSum', () => {
  fc.assert(
    fc.property(fc.array(someBytes, { maxLength: 6 }), fc.boolean(), (parts, asViews) => {
      const whole = Uint8Array.from(parts.flatMap((part) => [...part]));
      const accumulator = new ChecksumAccumulator();
      accumulator.reset(0);
      for (const part of parts) {
        if (asViews) accumulator.addView(new DataView(part.buffer, part.byteOffset, part.length), 0, part.length);
        else accumulator.addBytes(part, 0, part.length);
      }
      equal(accumulator.folded(), definition(whole));
      equal(accumulator.finish(), ~definition(whole) & 0xffff);
      if (parts.length < 2) return;
      const first = parts[0].length;
      const rest = sumBytes(whole, first, whole.length, 0);
      equal(fold(sumBytes(whole, 0, first, 0) + ((first & 1) === 1 ? swapSum(rest) : rest)), definition(whole));
    }),
  );
});

test('an accumulator starts anew after an odd message', () => {
  const accumulator = new ChecksumAccumulator();
  accumulator.reset(0);
  accumulator.addBytes(Uint8Array.of(1), 0, 1);
  accumulator.reset(0x1000);
  accumulator.addBytes(Uint8Array.of(0x12, 0x34), 0, 2);
  equal(accumulator.folded(), 0x2234);
});

test('a range in a buffer seen before and one in a new buffer are read from their own memory', () => {
  const one = new Uint8Array(100).fill(1);
  const two = new Uint8Array(100).fill(2);
  for (const bytes of [one, two, one, two]) {
    equal(fold(sumBytes(bytes, 0, 100, 0)), definition(bytes));
  }
});

test('RFC 9293 3.1, RFC 8200 8.1: pseudo-header sums equal the sums of the bytes they stand for', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(255), fc.nat(131071), (addresses, protocol, length) => {
      const view = new DataView(addresses.buffer, addresses.byteOffset, 32);
      const w = (i: number): number => view.getInt32(4 * i);
      const tail = new DataView(new ArrayBuffer(8));
      tail.setUint32(0, length);
      tail.setUint32(4, protocol);
      const tailBytes = new Uint8Array(tail.buffer);
      const six = Uint8Array.from([...addresses, ...tailBytes]);
      equal(fold(pseudoHeaderSum6(w(0), w(1), w(2), w(3), w(4), w(5), w(6), w(7), protocol, length)), definition(six));
      const four = Uint8Array.from([...addresses.subarray(0, 8), ...tailBytes]);
      equal(fold(pseudoHeaderSum4(w(0), w(1), protocol, length)), definition(four));
    }),
  );
});

test('RFC 1624: a field updated in place equals one computed anew', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(8), fc.integer(), (bytes, word, value) => {
      // A header is never all zero: the equality of +0 and -0 in one's complement would show otherwise.
      bytes[0] = 0x45;
      const view = new DataView(bytes.buffer, bytes.byteOffset, 20);
      const before = finish(sumView(view, 0, 20, 0));
      const at = 2 + 2 * word;
      const old16 = view.getUint16(at);
      view.setUint16(at, value);
      const after = finish(sumView(view, 0, 20, 0));
      equal(updateChecksum(before, old16, value), after);
      const old32 = view.getInt32(16);
      view.setInt32(16, value);
      equal(updateChecksum32(after, old32, value), finish(sumView(view, 0, 20, 0)));
    }),
  );
});

test('RFC 1624 section 4: the example that equation 2 gets wrong', () => {
  equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

test('wordSum adds both halves, of negative words too', () => {
  equal(wordSum(0x12345678), 0x1234 + 0x5678);
  equal(wordSum(-1), 0x1fffe);
});
