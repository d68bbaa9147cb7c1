import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import {
  completeIcmp6Checksum, Icmp6Code, Icmp6Header, Icmp6Quote, Icmp6Type, icmp6ChecksumOk, isIcmp6Error, writeIcmp6Echo,
  writeIcmp6Header,
} from './icmp6.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const header = new Icmp6Header();
const parse = header.parse.bind(header);
const quote = new Icmp6Quote();
const FIXED = '20010db8000000000000000000000001 20010db8000000000000000000000002';
/** UDP, as an error quotes it. */
const QUOTED = `60000000 04d8 11 40 ${FIXED} 00351f90 04d80000`;
const pseudo = (length: number): number => pseudoHeaderSum6(0xfe800000 | 0, 0, 0, 1, 0xfe800000 | 0, 0, 0, 2, 58, length);

test('RFC 4443 4.1: an echo request with its checksum over the pseudo-header', () => {
  const view = new DataView(new ArrayBuffer(12));
  view.setInt32(8, 0x61626364);
  writeIcmp6Echo(view, 0, Icmp6Type.Echo, 0x1234, 7, 12, pseudo(12));
  equal(icmp6ChecksumOk(view, 0, 12, pseudo(12)), true);
  equal(icmp6ChecksumOk(view, 0, 12, pseudo(13)), false);
  // 2 * fe80 + 1 + 2 + 58 + 12 (pseudo-header) + 8000 + 1234 + 7 + 6162 + 6364, folded and inverted.
  equal(shown(view, 0, 12), '8000' + 'abb2' + '12340007' + '61626364');
  equal(parse(view, 0, 12, 1400), true);
  deepEqual([header.type, header.code, header.checksum], [128, 0, 0xabb2]);
  deepEqual([header.id, header.sequence, header.dataAt, header.dataLen], [0x1234, 7, 8, 1392]);
});

test('packet too big carries an MTU of 32 bits, a parameter problem a pointer', () => {
  equal(parse(viewOf(hex('0200 0000 ffffffff')), 0, 8, 8), true);
  deepEqual([header.mtuBytes, header.pointer, header.id], [0xffffffff, 0, 0]);
  equal(parse(viewOf(hex('0401 0000 00000006')), 0, 8, 8), true);
  deepEqual([header.mtuBytes, header.pointer, header.code], [0, 6, Icmp6Code.ParameterNextHeader]);
});

test('RFC 4443 2.1: types below 128 are errors', () => {
  equal(isIcmp6Error(Icmp6Type.ParameterProblem), true);
  equal(isIcmp6Error(127), true);
  equal(isIcmp6Error(Icmp6Type.Echo), false);
  equal(isIcmp6Error(255), false);
});

test('the quoted packet: extension headers are stepped over', () => {
  const view = new DataView(new ArrayBuffer(56));
  new Uint8Array(view.buffer).set(hex(QUOTED), 8);
  writeIcmp6Header(view, 0, Icmp6Type.DestinationUnreachable, Icmp6Code.UnreachablePort, 0, 56, pseudo(56));
  equal(icmp6ChecksumOk(view, 0, 56, pseudo(56)), true);
  equal(parse(view, 0, 56, 56), true);
  equal(quote.parse(view, header.dataAt, 56), true);
  deepEqual([quote.protocol, quote.transportAt, quote.available, quote.isLaterFragment], [17, 48, 8, false]);
  deepEqual([quote.ip.srcA, quote.ip.srcD, quote.ip.dstD], [0x20010db8, 1, 2]);
  const fragment = (offset: string): Uint8Array => hex(`60000000 04d8 3c 40 ${FIXED} 2c00010400000000 1100${offset}00000001 00351f90`);
  equal(quote.parse(viewOf(fragment('0001')), 0, 60), true);
  deepEqual([quote.protocol, quote.transportAt, quote.available, quote.isLaterFragment], [17, 56, 4, false]);
  equal(quote.parse(viewOf(fragment('0009')), 0, 60), true);
  equal(quote.isLaterFragment, true);
  equal(quote.parse(viewOf(fragment('0001')), 0, 55), false, 'an extension header is cut off');
  equal(quote.parse(viewOf(hex(QUOTED)), 0, 40), true);
  deepEqual([quote.available, quote.isLaterFragment], [0, false]);
});

test('a checksum can be completed after the options', () => {
  const bytes = hex('8500ffff00000000 0101020000000001');
  completeIcmp6Checksum(viewOf(bytes), 0, 16, pseudo(16));
  equal(icmp6ChecksumOk(viewOf(bytes), 0, 16, pseudo(16)), true);
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, hex('8000 f7ff 0000 0000'));
  refusesTruncations((view, at, headEnd, len) => len >= 48 && quote.parse(view, at, headEnd), hex(QUOTED), 40);
});

test('mutations: the quoted transport header does not begin beyond the message', () => {
  let quotes = 0;
  const bytes = hex(`0200 0000 00000500 60000000 04d8 00 40 ${FIXED} 2c00010400000000 1100000100000001 00351f90 04d80000`);
  mutations('icmp6', bytes, 10000, parse, (view, _at, headEnd, len) => {
    equal(header.dataLen, len - 8);
    if (!quote.parse(view, header.dataAt, headEnd)) return;
    quotes++;
    equal(quote.available >= 0 && quote.transportAt + quote.available === headEnd, true);
  });
  equal(quotes > 1000, true, `${quotes} quotes`);
});
