import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  completeIpv4Checksum, decrementIpv4Ttl, Ecn, IpProto, ipv4ChecksumOk, Ipv4Fragment, Ipv4Header, Ipv4OptionKind,
  Ipv4OptionWalker, isCopiedOption, rewriteIpv4Lengths, setIpv4Ecn, writeIpv4Header, writeIpv4HeaderWithOptions,
  writeIpv4RouterAlert,
} from './ipv4.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const header = new Ipv4Header();
const parse = header.parse.bind(header);
/** A UDP packet of 28 bytes. */
const PACKET = hex('4500 001c 1234 4000 4011 a499 c0000201 c0000202 0009 0009 0008 0000');
/** With record route (7 bytes), a NOP, a timestamp (8 bytes). */
const OPTIONS = hex('49000030 00000000 40010000 c0000201 c0000202 07070400000000 01 4408050000000000 0000000000000000 01020304');

test('RFC 791 3.1: every field', () => {
  equal(parse(viewOf(PACKET), 0, 28, 46), true, 'link padding may follow');
  deepEqual([header.headerLen, header.tos, header.totalLen, header.payloadLen, header.id], [20, 0, 28, 8, 0x1234]);
  deepEqual([header.dontFragment, header.moreFragments, header.fragmentOffset, header.isFragment], [true, false, 0, false]);
  deepEqual([header.ttl, header.protocol, header.checksum], [64, IpProto.Udp, 0xa499]);
  deepEqual([header.src >>> 0, header.dst >>> 0], [0xc0000201, 0xc0000202]);
  equal(ipv4ChecksumOk(viewOf(PACKET), 0, 20), true);
});

test('the writer makes the same bytes', () => {
  const view = new DataView(new ArrayBuffer(21));
  writeIpv4Header(view, 1, 28, 0, 0x1234, Ipv4Fragment.DontFragment, 64, IpProto.Udp, 0xc0000201 | 0, 0xc0000202 | 0);
  equal(shown(view, 1, 21), shown(viewOf(PACKET), 0, 20));
});

test('what is written is read back, with a good checksum', () => {
  const word16 = fc.nat(0xffff);
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 65535 }), fc.nat(255), word16, word16, fc.nat(255), fc.nat(255), fc.integer(), fc.integer(),
      (totalLen, tos, id, fragment, ttl, protocol, src, dst) => {
        const view = new DataView(new ArrayBuffer(20));
        writeIpv4Header(view, 0, totalLen, tos, id, fragment, ttl, protocol, src, dst);
        equal(ipv4ChecksumOk(view, 0, 20), true);
        equal(parse(view, 0, 20, totalLen), true);
        deepEqual([header.totalLen, header.tos, header.id, header.ttl, header.protocol], [totalLen, tos, id, ttl, protocol]);
        equal(header.fragmentOffset, (fragment & 0x1fff) * 8);
        deepEqual([header.dontFragment, header.moreFragments], [(fragment & 0x4000) !== 0, (fragment & 0x2000) !== 0]);
        deepEqual([header.src, header.dst], [src, dst]);
      },
    ),
  );
});

test('RFC 1122 3.2.1.1: wrong version, short header length and lengths that contradict each other are malformed', () => {
  const withBytes = (at: number, ...values: number[]): boolean => {
    const copy = PACKET.slice();
    copy.set(values, at);
    return parse(viewOf(copy), 0, 28, 28);
  };
  equal(withBytes(0, 0x45), true);
  equal(withBytes(0, 0x55), false, 'version 5');
  equal(withBytes(0, 0x65), false, 'version 6');
  equal(withBytes(0, 0x44), false, 'header of 16 bytes');
  equal(withBytes(0, 0x40), false, 'header of 0 bytes');
  equal(withBytes(0, 0x47), true, 'header of 28 bytes');
  equal(withBytes(0, 0x48), false, 'header beyond the packet');
  equal(withBytes(2, 0, 29), false, 'total length beyond the packet');
  equal(withBytes(2, 0, 19), false, 'total length within the header');
  equal(withBytes(2, 0, 20), true, 'no payload');
});

test('payload beyond the head counts for the total length', () => {
  const copy = PACKET.slice();
  copy[2] = 0x05;
  equal(parse(viewOf(copy), 0, 28, 0x051c), true);
  equal(header.payloadLen, 0x051c - 20);
  equal(parse(viewOf(copy), 0, 28, 0x051b), false);
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, PACKET.subarray(0, 28), 20);
  refusesTruncations(parse, hex('4500 0014 0000 0000 4006 0000 7f000001 7f000001'));
  refusesTruncations(parse, OPTIONS, 36);
});

test('a quoted packet may end behind its header', () => {
  const quoted = hex('4500 05dc 1234 4000 4011 0000 c0000201 c0000202');
  equal(parse(viewOf(quoted), 0, 20, 20), false);
  equal(header.parseQuoted(viewOf(quoted), 0, 20), true);
  equal(header.totalLen, 1500);
  for (let cut = 0; cut < 20; cut++) equal(header.parseQuoted(viewOf(quoted.subarray(0, cut)), 0, cut), false);
});

test('one wrong bit anywhere breaks the checksum', () => {
  for (let bit = 0; bit < 160; bit++) {
    const copy = PACKET.slice(0, 20);
    copy[bit >> 3] ^= 1 << (bit & 7);
    equal(ipv4ChecksumOk(viewOf(copy), 0, 20), false, `bit ${bit}`);
  }
});

test('RFC 1624: what is changed on the way keeps a good checksum', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.nat(0xffff), fc.integer({ min: 1, max: 255 }), fc.nat(255), (src, dst, id, ttl, tos) => {
      const view = new DataView(new ArrayBuffer(20));
      writeIpv4Header(view, 0, 1500, tos, id, 0, ttl, IpProto.Tcp, src, dst);
      equal(decrementIpv4Ttl(view, 0), ttl - 1);
      equal(ipv4ChecksumOk(view, 0, 20), true, 'time to live');
      setIpv4Ecn(view, 0, Ecn.CongestionExperienced);
      equal(ipv4ChecksumOk(view, 0, 20), true, 'ECN');
      rewriteIpv4Lengths(view, 0, 20, 576, id ^ 1, Ipv4Fragment.MoreFragments | 5);
      equal(ipv4ChecksumOk(view, 0, 20), true, 'lengths');
      equal(parse(view, 0, 20, 576), true);
      deepEqual([header.ttl, header.tos, header.totalLen, header.id], [ttl - 1, tos | 3, 576, id ^ 1]);
      deepEqual([header.moreFragments, header.fragmentOffset], [true, 40]);
    }),
  );
});

test('RFC 791 3.1: options are walked, padding and NOPs stepped over', () => {
  const walker = new Ipv4OptionWalker();
  const view = viewOf(OPTIONS);
  equal(parse(view, 0, OPTIONS.length, OPTIONS.length), true);
  walker.begin(0, 36);
  equal(walker.next(view), true);
  deepEqual([walker.kind, walker.at, walker.length], [Ipv4OptionKind.RecordRoute, 20, 7]);
  equal(walker.next(view), true);
  deepEqual([walker.kind, walker.at, walker.length], [Ipv4OptionKind.Timestamp, 28, 8]);
  equal(walker.next(view), false);
  equal(walker.malformedAt, 0);
});

test('options of impossible length stop the walk and say where', () => {
  const walker = new Ipv4OptionWalker();
  for (const [options, found, malformedAt] of [
    ['07000000', 0, 20], ['07010000', 0, 20], ['07050000', 0, 20], ['01010107', 0, 23], ['94040000 8303', 1, 24],
    ['00070000', 0, 0], ['01010101', 0, 0],
  ] as const) {
    const bytes = hex('00'.repeat(20) + options);
    const view = viewOf(bytes);
    walker.begin(0, bytes.length);
    let count = 0;
    while (walker.next(view)) count++;
    deepEqual([count, walker.malformedAt], [found, malformedAt], options);
  }
});

test('mutations: header and options stay inside the head', () => {
  const walker = new Ipv4OptionWalker();
  const { refused } = mutations('ipv4', OPTIONS, 20000, parse, (view, at, headEnd, len) => {
    equal(at + header.headerLen <= headEnd && header.totalLen <= len && header.payloadLen >= 0, true);
    walker.begin(at, header.headerLen);
    for (let count = 0; walker.next(view); count++) {
      equal(walker.length >= 2 && walker.at + walker.length <= at + header.headerLen && count < 20, true);
    }
  });
  equal(refused > 1000, true);
});

test('RFC 2113: a header with the router alert option', () => {
  const view = new DataView(new ArrayBuffer(32));
  writeIpv4RouterAlert(view, 20);
  writeIpv4HeaderWithOptions(view, 0, 24, 32, 0xc0, 0, Ipv4Fragment.DontFragment, 1, IpProto.Igmp, 0, 0xe0000016 | 0);
  equal(shown(view, 20, 24), '94040000');
  equal(parse(view, 0, 32, 32), true);
  deepEqual([header.headerLen, header.totalLen, header.ttl], [24, 32, 1]);
  equal(ipv4ChecksumOk(view, 0, 24), true);
  view.setUint8(8, 2);
  equal(ipv4ChecksumOk(view, 0, 24), false);
  completeIpv4Checksum(view, 0, 24);
  equal(ipv4ChecksumOk(view, 0, 24), true);
  equal(isCopiedOption(Ipv4OptionKind.RouterAlert), true);
  equal(isCopiedOption(Ipv4OptionKind.RecordRoute), false);
});
