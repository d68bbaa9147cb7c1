import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold, pseudoHeaderSum4, pseudoHeaderSum6, sumBytes, sumView } from '../base/checksum.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';
import { UdpHeader, writeUdpHeader } from './udp.ts';

const header = new UdpHeader();
const parse = header.parse.bind(header);
const parse6 = header.parse6.bind(header);
const DATAGRAM = hex('1f90 0035 0010 beef 0102030405060708');

test('RFC 768: every field', () => {
  equal(parse(viewOf(DATAGRAM), 0, 16, 18), true, 'padding may follow');
  deepEqual([header.srcPort, header.dstPort, header.dataLen, header.checksum], [8080, 53, 8, 0xbeef]);
});

test('RFC 768 Length: shorter than the header or longer than the packet is malformed', () => {
  for (const bad of [0, 7, 17, 0xffff]) {
    const copy = DATAGRAM.slice();
    viewOf(copy).setUint16(4, bad);
    equal(parse(viewOf(copy), 0, 16, 16), false, `length ${bad}`);
    equal(parse6(viewOf(copy), 0, 16, 16), bad === 0, `length ${bad} over IPv6`);
  }
});

test('RFC 2675 4: over IPv6 a length of zero means the rest of the packet', () => {
  const copy = DATAGRAM.slice();
  viewOf(copy).setUint16(4, 0);
  equal(parse6(viewOf(copy), 0, 16, 70000), true);
  equal(header.dataLen, 69992);
  equal(parse6(viewOf(copy.subarray(0, 7)), 0, 7, 7), false);
});

test('every truncation of a datagram is refused, never thrown at', () => {
  refusesTruncations(parse, DATAGRAM, 8);
  refusesTruncations(parse6, DATAGRAM, 8);
  for (let cut = 8; cut < 16; cut++) equal(parse(viewOf(DATAGRAM), 0, cut, cut), false, `${cut} bytes`);
});

test('data beyond the head counts', () => {
  equal(parse(viewOf(DATAGRAM.subarray(0, 8)), 0, 8, 16), true);
  equal(header.dataLen, 8);
});

test('what is written is read back, and its checksum verifies', () => {
  fc.assert(
    fc.property(fc.nat(65535), fc.nat(65535), fc.uint8Array({ maxLength: 100 }), fc.integer(), fc.integer(), (src, dst, data, a, b) => {
      const view = new DataView(new ArrayBuffer(8));
      const four = pseudoHeaderSum4(a, b, 17, 8 + data.length);
      const six = pseudoHeaderSum6(a, 1, 2, 3, 4, 5, 6, b, 17, 8 + data.length);
      const sum = sumBytes(data, 0, data.length, 0);
      for (const pseudo of [four, six]) {
        writeUdpHeader(view, 0, src, dst, data.length, pseudo, sum);
        equal(fold(sumView(view, 0, 8, pseudo + sum)), 0xffff);
        equal(parse(view, 0, 8, 8 + data.length), true);
        deepEqual([header.srcPort, header.dstPort, header.dataLen], [src, dst, data.length]);
        equal(header.checksum !== 0, true, 'zero would mean that there is none');
        writeUdpHeader(view, 0, src, dst, data.length, pseudo, -1);
        equal(view.getUint16(6), fold(pseudo), 'partial: the folded pseudo-header, not inverted');
      }
    }),
  );
});

test('RFC 768: a checksum that comes out as zero is sent as all ones', () => {
  const view = new DataView(new ArrayBuffer(8));
  writeUdpHeader(view, 0, 0, 0, 0, 0xffff - 8, 0);
  equal(shown(view, 0, 8), '000000000008ffff');
});

test('mutations: data never begins or ends beyond the packet', () => {
  const { refused } = mutations('udp', DATAGRAM, 5000, parse, (_view, _at, _headEnd, len) => {
    equal(header.dataLen >= 0 && header.dataLen + 8 <= len, true);
  });
  equal(refused > 500, true);
});
