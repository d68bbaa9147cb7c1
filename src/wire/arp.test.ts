import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ArpOperation, ArpPacket, writeArp } from './arp.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const packet = new ArpPacket();
const parse = packet.parse.bind(packet);
const REQUEST = hex('0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202');

test('RFC 826: a request is read, and written the same', () => {
  equal(parse(viewOf(REQUEST), 0, 28, 46), true, 'padding may follow');
  equal(packet.operation, ArpOperation.Request);
  deepEqual([packet.senderMacHi, packet.senderMacLo, packet.senderIp >>> 0], [0x0200, 1, 0xc0000201]);
  deepEqual([packet.targetMacHi, packet.targetMacLo, packet.targetIp >>> 0], [0, 0, 0xc0000202]);
  const view = new DataView(new ArrayBuffer(30));
  writeArp(view, 1, ArpOperation.Request, 0x0200, 1, 0xc0000201 | 0, 0, 0, 0xc0000202 | 0);
  equal(shown(view, 1, 29), shown(viewOf(REQUEST), 0, 28));
});

test('other hardware, protocols and address lengths are refused; IEEE 802 counts as Ethernet', () => {
  const withByte = (at: number, value: number): boolean => {
    const copy = REQUEST.slice();
    copy[at] = value;
    return parse(viewOf(copy), 0, 28, 28);
  };
  equal(withByte(1, 6), true);
  equal(withByte(1, 7), false);
  equal(withByte(0, 1), false);
  equal(withByte(2, 0x86), false);
  equal(withByte(4, 8), false);
  equal(withByte(5, 16), false);
});

test('every truncation is refused, never thrown at; mutations are not thrown at either', () => {
  refusesTruncations(parse, REQUEST);
  const { taken, refused } = mutations('arp', REQUEST, 5000, parse);
  equal(taken > 500 && refused > 500, true);
});
