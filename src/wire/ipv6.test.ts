import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decrementIpv6HopLimit, IpProto, Ipv6ExtensionWalker, Ipv6FragmentHeader, Ipv6Header, Ipv6OptionKind, Ipv6OptionWalker,
  Ipv6UnknownOption, setIpv6Ecn, setIpv6NextHeader, setIpv6PayloadLen, unknownOptionAction, writeIpv6FragmentHeader,
  writeIpv6Header, writeIpv6RouterAlert,
} from './ipv6.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const header = new Ipv6Header();
const parse = header.parse.bind(header);
const walker = new Ipv6ExtensionWalker();
const FIXED = '20010db8000000000000000000000001 20010db8000000000000000000000002';

/** The chain that a walk finds: kinds, then the upper protocol or what ended it. */
function chain(bytes: Uint8Array, headEnd = bytes.length): string {
  const view = viewOf(bytes);
  const found: string[] = [];
  walker.begin(view, 0, headEnd);
  while (walker.next(view)) found.push(`${walker.kind}@${walker.at}+${walker.length}`);
  found.push(walker.malformed ? 'malformed' : `${walker.protocol}@${walker.payloadAt}`);
  return found.join(' ');
}

function packet(nextHeader: string, rest: string): Uint8Array {
  return hex(`60000000 ${(rest.replace(/\s/g, '').length / 2).toString(16).padStart(4, '0')} ${nextHeader} 40 ${FIXED} ${rest}`);
}

test('RFC 8200 3: every field is read as it was written', () => {
  const words = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer());
  fc.assert(
    fc.property(fc.nat(65535), fc.nat(255), fc.nat(0xfffff), fc.nat(255), fc.nat(255), words, words, (len, tc, flow, next, hops, s, d) => {
      const view = new DataView(new ArrayBuffer(41));
      writeIpv6Header(view, 1, len, tc, flow, next, hops, ...s, ...d);
      equal(parse(view, 1, 41, 40 + len), true);
      deepEqual([header.payloadLen, header.trafficClass, header.flowLabel, header.nextHeader, header.hopLimit], [len, tc, flow, next, hops]);
      deepEqual([header.srcA, header.srcB, header.srcC, header.srcD], s);
      deepEqual([header.dstA, header.dstB, header.dstC, header.dstD], d);
      setIpv6Ecn(view, 1, 3);
      setIpv6PayloadLen(view, 1, 7);
      setIpv6NextHeader(view, 1, 17);
      equal(decrementIpv6HopLimit(view, 1), (hops + 255) & 255);
      equal(parse(view, 1, 41, 47), true);
      deepEqual([header.trafficClass, header.flowLabel, header.payloadLen, header.nextHeader], [tc | 3, flow, 7, 17]);
      equal(header.hopLimit, (hops + 255) & 255);
    }),
  );
});

test('the bytes of a header are those of the RFC', () => {
  const view = new DataView(new ArrayBuffer(40));
  writeIpv6Header(view, 0, 0x14, 0xb8, 0xabcde, IpProto.Tcp, 64, 0x20010db8, 0, 0, 1, 0x20010db8, 0, 0, 2);
  equal(shown(view, 0, 40), `6b8abcde00140640${FIXED.replace(' ', '')}`);
});

test('wrong version, and a payload longer than the packet, are malformed; padding is not', () => {
  const bytes = packet('11', '0009000900080000');
  equal(parse(viewOf(bytes), 0, 48, 48), true);
  equal(parse(viewOf(bytes), 0, 48, 60), true);
  equal(parse(viewOf(bytes), 0, 48, 47), false);
  equal(header.parseQuoted(viewOf(bytes), 0, 40), true);
  bytes[0] = 0x45;
  equal(parse(viewOf(bytes), 0, 48, 48), false);
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, packet('3b', ''));
  const fragment = new Ipv6FragmentHeader();
  refusesTruncations(fragment.parse.bind(fragment), hex('0600fff9 12345678'));
});

test('RFC 8200 4.1: extension headers are walked in order', () => {
  equal(chain(packet('06', '00'.repeat(20))), '6@40');
  equal(
    chain(packet('00', '2b00050200000100 3c02040000000000 0000000000000000 0000000000000000 1100010400000000 0009000900080000')),
    '0@40+8 43@48+24 60@72+8 17@80',
  );
  equal(walker.nextHeaderAt, 72, 'a parameter problem would point at the last next header field');
  equal(walker.segmentsLeft, 0);
  equal(walker.routingType, 4);
  equal(chain(packet('33', '0604000000000000 0000000000000000 0000000000000000 0000')), '51@40+24 6@64', 'AH counts words');
  equal(chain(packet('3b', '01020304')), '59@40', 'no next header: what follows is ignored');
  equal(chain(packet('2c', '0600000100000001 0102')), '44@40+8 6@48', 'first fragment');
});

test('behind the header of a later fragment nothing is walked', () => {
  equal(chain(packet('2c', '3c00000900000001 ffffffffffffffff')), '44@40+8 60@48');
});

test('a chain that is cut off is malformed', () => {
  const bytes = packet('00', '2b00050200000100 0602000000000000 0000000000000000 0000000000000000');
  equal(chain(bytes), '0@40+8 43@48+24 6@72');
  for (let end = 40; end < 48; end++) equal(chain(bytes.subarray(0, end)), 'malformed', `${end}`);
  for (let end = 48; end < 72; end++) equal(chain(bytes.subarray(0, end)), '0@40+8 malformed', `${end}`);
  equal(chain(packet('3c', '06ff000000000000')), 'malformed', 'length beyond the packet');
  equal(chain(packet('33', '06ff000000000000')), 'malformed', 'AH length beyond the packet');
});

test('RFC 8200 4.2: options are walked, padding is stepped over, unknown ones say what to do', () => {
  const options = new Ipv6OptionWalker();
  const walk = (text: string): string => {
    const bytes = hex(text);
    const found: string[] = [];
    options.begin(0, bytes.length);
    while (options.next(viewOf(bytes))) found.push(`${options.kind}@${options.at}+${options.dataLen}`);
    return found.join(' ') + (options.malformed ? ' malformed' : '');
  };
  equal(walk('3a00 05020000 0100'), '5@2+2');
  equal(walk('3a00 000000000000'), '');
  equal(walk('3a00 0104deadbeef'), '');
  equal(walk('3a00 0105deadbeef'), ' malformed');
  equal(walk('3a00 0000000000 c2'), ' malformed');
  equal(walk('3a00 c20400010000'), '194@2+4');
  equal(walk('3a00 8100 1e02abcd'), '129@2+0 30@4+2');
  equal(unknownOptionAction(0x1e), Ipv6UnknownOption.Skip);
  equal(unknownOptionAction(0x5e), Ipv6UnknownOption.Discard);
  equal(unknownOptionAction(0x9e), Ipv6UnknownOption.DiscardAndReport);
  equal(unknownOptionAction(Ipv6OptionKind.Jumbo), Ipv6UnknownOption.DiscardAndReportUnicast);
});

test('RFC 2711: a hop-by-hop header with a router alert for MLD', () => {
  const view = new DataView(new ArrayBuffer(8));
  writeIpv6RouterAlert(view, 0, IpProto.Icmp6);
  equal(shown(view, 0, 8), '3a00050200000100');
});

test('RFC 8200 4.5: fragment headers are read as they were written', () => {
  const fragment = new Ipv6FragmentHeader();
  fc.assert(
    fc.property(fc.nat(255), fc.nat(8191), fc.boolean(), fc.integer(), (next, units, more, id) => {
      const view = new DataView(new ArrayBuffer(8));
      writeIpv6FragmentHeader(view, 0, next, units * 8, more, id);
      equal(fragment.parse(view, 0, 8, 8), true);
      deepEqual([fragment.nextHeader, fragment.offset, fragment.moreFragments, fragment.id], [next, units * 8, more, id]);
    }),
  );
});

test('mutations: chain and options stay inside the head', () => {
  const options = new Ipv6OptionWalker();
  const bytes = packet('00', '2b00050200000100 3c02040000000000 0000000000000000 0000000000000000 2c00010400000000 0600000100000001 0102');
  let steps = 0;
  mutations('ipv6', bytes, 20000, parse, (view, at, headEnd) => {
    walker.begin(view, at, headEnd);
    while (walker.next(view)) {
      steps++;
      equal(walker.length >= 8 && walker.at + walker.length <= headEnd, true);
      if (walker.kind !== IpProto.HopByHop && walker.kind !== IpProto.DestinationOptions) continue;
      options.begin(walker.at, walker.length);
      while (options.next(view)) equal(options.at + 2 + options.dataLen <= walker.at + walker.length, true);
    }
    equal(walker.payloadAt <= headEnd, true);
  });
  equal(steps > 10000, true, `${steps} headers`);
});
