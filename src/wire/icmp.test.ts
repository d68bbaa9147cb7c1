import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sumBytes, swapSum } from '../base/checksum.ts';
import {
  IcmpCode, IcmpHeader, IcmpQuote, IcmpType, icmpChecksumOk, icmpSequence, isIcmpError, writeIcmpEcho, writeIcmpHeader,
} from './icmp.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const header = new IcmpHeader();
const parse = header.parse.bind(header);
/** UDP from 192.0.2.1:53 to 192.0.2.2:8080, as an error quotes it. */
const QUOTED = '45000540 12344000 40110000 c0000201 c0000202 00351f90 052c0000';

test('RFC 792: an echo request, its checksum over data in the head and beyond it', () => {
  const view = new DataView(new ArrayBuffer(12));
  view.setInt32(8, 0x61626364);
  writeIcmpEcho(view, 0, IcmpType.Echo, 0x1234, 7, 12);
  equal(shown(view, 0, 12), '0800' + '20fe' + '12340007' + '61626364');
  equal(icmpChecksumOk(view, 0, 12), true);
  equal(icmpSequence(view, 0), 7);
  equal(parse(view, 0, 12, 1472), true);
  deepEqual([header.type, header.code, header.checksum], [IcmpType.Echo, 0, 0x20fe]);
  deepEqual([header.id, header.sequence, header.dataAt, header.dataLen], [0x1234, 7, 8, 1464]);
});

test('ranges beyond an odd head count with their bytes swapped', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (head, beyond) => {
      const whole = new Uint8Array(8 + head.length + beyond.length);
      whole.set(head, 8);
      whole.set(beyond, 8 + head.length);
      const sum = sumBytes(beyond, 0, beyond.length, 0);
      const rangesSum = (head.length & 1) === 1 ? swapSum(sum) : sum;
      writeIcmpEcho(viewOf(whole), 0, IcmpType.EchoReply, 1, 2, 8 + head.length, rangesSum);
      equal(icmpChecksumOk(viewOf(whole), 0, whole.length), true);
      equal(icmpChecksumOk(viewOf(whole), 0, 8 + head.length, rangesSum), true);
      whole[0] ^= 1;
      equal(icmpChecksumOk(viewOf(whole), 0, whole.length), false);
    }),
  );
});

test('RFC 1191 4: fragmentation needed carries the MTU; other errors carry none', () => {
  const bytes = hex(`0304 0000 000005aa ${QUOTED}`);
  equal(parse(viewOf(bytes), 0, 36, 36), true);
  equal(header.mtuBytes, 1450);
  deepEqual([header.id, header.sequence], [0, 0]);
  bytes[1] = IcmpCode.UnreachablePort;
  equal(parse(viewOf(bytes), 0, 36, 36), true);
  equal(header.mtuBytes, 0);
});

test('redirect carries a router, a parameter problem a pointer', () => {
  equal(parse(viewOf(hex(`0501 0000 c00002fe ${QUOTED}`)), 0, 36, 36), true);
  deepEqual([header.gateway >>> 0, header.pointer], [0xc00002fe, 0]);
  equal(parse(viewOf(hex(`0c00 0000 14000000 ${QUOTED}`)), 0, 36, 36), true);
  deepEqual([header.gateway, header.pointer], [0, 20]);
});

test('RFC 1122 3.2.2: which types are errors', () => {
  const errors = [];
  for (let type = 0; type < 256; type++) if (isIcmpError(type)) errors.push(type);
  deepEqual(errors, [3, 4, 5, 11, 12]);
});

test('the quoted packet: header, options, the first bytes of its transport', () => {
  const quote = new IcmpQuote();
  const view = new DataView(new ArrayBuffer(36));
  new Uint8Array(view.buffer).set(hex(QUOTED), 8);
  writeIcmpHeader(view, 0, IcmpType.DestinationUnreachable, IcmpCode.UnreachablePort, 0, 36);
  equal(parse(view, 0, 36, 36), true);
  equal(quote.parse(view, header.dataAt, 36), true);
  deepEqual([quote.ip.src >>> 0, quote.ip.dst >>> 0, quote.ip.protocol, quote.ip.totalLen], [0xc0000201, 0xc0000202, 17, 1344]);
  deepEqual([quote.transportAt, quote.available, view.getUint16(quote.transportAt)], [28, 8, 53]);
  const withOptions = hex(`46000540 12344000 40110000 c0000201 c0000202 94040000 00351f90 052c0000 01`);
  equal(quote.parse(viewOf(withOptions), 0, 33), true);
  deepEqual([quote.transportAt, quote.available], [24, 9]);
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, hex('0800 f7ff 0000 0000'));
  const quote = new IcmpQuote();
  refusesTruncations((view, at, headEnd, len) => len >= 28 && quote.parse(view, at, headEnd), hex(QUOTED));
  equal(quote.parse(viewOf(hex(QUOTED)), 0, 27), false, 'less than 8 bytes of the transport header');
});

test('mutations: the quoted transport header lies inside the message', () => {
  const quote = new IcmpQuote();
  let quotes = 0;
  mutations('icmp', hex(`0304 0000 000005aa ${QUOTED} 0102030405060708`), 10000, parse, (view, _at, headEnd, len) => {
    equal(header.dataLen, len - 8);
    if (!quote.parse(view, header.dataAt, headEnd)) return;
    quotes++;
    equal(quote.available >= 8 && quote.transportAt + quote.available === headEnd, true);
  });
  equal(quotes > 1000, true, `${quotes} quotes`);
});
