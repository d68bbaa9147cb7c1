import { equal, deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, below } from '../base/random.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

test('text of every length of encoding agrees with the platform', () => {
  for (const text of ['', 'plain', 'é', '€', '🦀', 'a\u{10ffff}b', '\u0000', '\ud800x']) {
    deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
    equal(decodeUtf8(encodeUtf8(text), 0, encodeUtf8(text).length), new TextDecoder().decode(new TextEncoder().encode(text)));
  }
});

test('malformed bytes never throw, and well-formed neighbours survive', () => {
  const random = new SeededRandom('utf8');
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: below(random, 12) }, () => below(random, 256));
    decodeUtf8(bytes, 0, bytes.length);
  }
  const broken = Uint8Array.of(0x61, 0xc3, 0x62, 0xff, 0x63, 0xe2, 0x82);
  equal(decodeUtf8(broken, 0, broken.length), 'a\ufffdb\ufffdc\ufffd');
});
