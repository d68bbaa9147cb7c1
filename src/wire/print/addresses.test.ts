import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { bitNames, hex, ipv6Text, macText, visibleByte } from './addresses.ts';

function spelled(groups: string): string {
  return ipv6Text(Uint8Array.from(Buffer.from(groups.replaceAll(' ', ''), 'hex')), 0);
}

test('RFC 5952: the longest run of zero groups is left out, the first of equals, never a single one', () => {
  equal(spelled('2001 0db8 0000 0000 0000 0000 0000 0001'), '2001:db8::1');
  equal(spelled('2001 0db8 0000 0000 0001 0000 0000 0001'), '2001:db8::1:0:0:1');
  equal(spelled('2001 0000 0000 0001 0000 0000 0000 0001'), '2001:0:0:1::1');
  equal(spelled('2001 0db8 0000 0001 0001 0001 0001 0001'), '2001:db8:0:1:1:1:1:1');
  equal(spelled('fe80 0000 0000 0000 0000 0000 0000 0000'), 'fe80::');
});

test('addresses that hold an IPv4 address are spelled with it, unless all but the last group is zero', () => {
  equal(spelled('0000 0000 0000 0000 0000 ffff c000 0201'), '::ffff:192.0.2.1');
  equal(spelled('0000 0000 0000 0000 0000 0000 c000 0201'), '::192.0.2.1');
  equal(spelled('0000 0000 0000 0000 0000 0000 0000 0001'), '::1');
  equal(spelled('0000 0000 0000 0000 0000 0000 0000 0000'), '::');
  equal(spelled('0000 0000 0000 0000 0000 0001 c000 0201'), '::1:c000:201');
});

test('the small spellings', () => {
  equal(macText(Uint8Array.of(0, 1, 0xab), 0, 3), '00:01:ab');
  equal(hex(0xab, 4), '00ab');
  equal(visibleByte(0x41), 'A');
  equal(visibleByte(0x00), '^@');
  equal(visibleByte(0x7f), '^?');
  equal(visibleByte(0xc1), 'M-A');
  equal(visibleByte(0x8d), 'M-^M');
  equal(bitNames([[1, 'a'], [2, 'b']], 3, 'none', ', '), 'a, b');
  equal(bitNames([[1, 'a'], [2, 'b']], 4, 'none', ', '), 'none');
});
