import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArraySource } from './byte-source.ts';

test('numbers are read in network order; words are signed', () => {
  const source = new ByteArraySource(Uint8Array.of(0xff, 0x01, 0x80, 0x00, 0x7f));
  equal(source.length, 5);
  equal(source.byteAt(0), 0xff);
  equal(source.uint16At(0), 0xff01);
  equal(source.int32At(0), 0xff018000 | 0);
  equal(source.int32At(1), 0x0180007f);
});

test('the bytes may be replaced', () => {
  const source = new ByteArraySource();
  equal(source.length, 0);
  source.bytes = Uint8Array.of(7);
  equal(source.byteAt(0), 7);
});
