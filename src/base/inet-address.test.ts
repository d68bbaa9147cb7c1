import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ALL_NODES, ALL_ROUTERS, ANY4, ANY6, BROADCAST4, commonPrefixLength, formatV4Word, IpAddress, isLinkLocal, LOOPBACK4,
  LOOPBACK6, MLDV2_ROUTERS, maskWord, multicastScope, networkOf, parseCidr, prefixMatches, solicitedNode,
} from './inet-address.ts';

const from = IpAddress.from;
const word = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0xffff, 1));
const address = fc.tuple(word, word, word, word).map(([a, b, c, d]) => new IpAddress(a, b, c, d));

test('an IPv4 address is its v4-mapped form', () => {
  const four = from('192.0.2.1');
  deepEqual([four.a, four.b, four.c, four.d >>> 0], [0, 0, 0xffff, 0xc0000201]);
  equal(four.isV4, true);
  equal(four.v4, four.d);
  equal(four.toString(), '192.0.2.1');
  equal(four.toString6(), '::ffff:192.0.2.1');
  equal(from('::ffff:192.0.2.1').equals(four), true);
  deepEqual([...four.toBytes()], [192, 0, 2, 1]);
  equal(four.toBytes6().length, 16);
  equal(from('2001:db8::1').isV4, false);
  equal(from('2001:db8::1').toString(), '2001:db8::1');
  equal(from('::1.2.3.4').isV4, false);
  equal(formatV4Word(from('255.0.1.254').d), '255.0.1.254');
});

test('text, bytes and words are three forms of one address', () => {
  fc.assert(
    fc.property(address, (one) => {
      for (const other of [
        IpAddress.parse(one.toString()), IpAddress.parse(one.toString6()), IpAddress.fromBytes(one.toBytes()),
        IpAddress.fromBytes(one.toBytes6()), IpAddress.readV6(new DataView(one.toBytes6().buffer), 0),
      ]) {
        equal(other?.equals(one), true, one.toString());
        equal(other?.is(one.a, one.b, one.c, one.d), true);
      }
    }),
  );
});

test('addresses that differ in one bit are not equal', () => {
  const one = from('2001:db8:1:2:3:4:5:6');
  for (let bit = 0; bit < 128; bit++) {
    const bytes = one.toBytes6();
    bytes[bit >> 3] ^= 0x80 >> (bit & 7);
    const other = IpAddress.fromBytes(bytes);
    equal(one.equals(other), false, `bit ${bit}`);
    equal(one.is(other.a, other.b, other.c, other.d), false, `bit ${bit}`);
    equal(commonPrefixLength(one, other), bit);
    equal(one.isIn(other, bit), true, `the first ${bit} bits agree`);
    equal(one.isIn(other, bit + 1), false, `the first ${bit + 1} bits do not`);
  }
  equal(commonPrefixLength(one, one), 128);
});

test('what is no address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', ':::', 'fe80::1%lo', 'localhost', '1.2.3.4/24']) {
    equal(IpAddress.parse(text), null, text);
    throws(() => from(text), /not an IP address/);
  }
  throws(() => IpAddress.fromBytes(new Uint8Array(5)), /4 or 16 bytes/);
});

test('RFC 6890: which addresses are unspecified, loopback, multicast, link-local', () => {
  const kinds = (text: string): string => {
    const one = from(text);
    const found = [];
    if (one.isUnspecified) found.push('unspecified');
    if (one.isLoopback) found.push('loopback');
    if (one.isMulticast) found.push('multicast');
    if (one.isLinkLocal) found.push('link-local');
    if (one.isBroadcast) found.push('broadcast');
    return found.join();
  };
  const table: [string, string][] = [
    ['0.0.0.0', 'unspecified'], ['::', 'unspecified'], ['0.0.0.1', ''], ['::2', ''],
    ['127.0.0.1', 'loopback'], ['127.255.255.255', 'loopback'], ['128.0.0.0', ''], ['126.0.0.1', ''],
    ['::1', 'loopback'], ['::127.0.0.1', ''], ['1::1', ''],
    ['224.0.0.0', 'multicast'], ['239.255.255.255', 'multicast'], ['240.0.0.0', ''], ['223.255.255.255', ''],
    ['ff02::1', 'multicast'], ['fe00::1', ''], ['feff::', ''],
    ['169.254.0.1', 'link-local'], ['169.255.0.1', ''], ['fe80::1', 'link-local'], ['febf::1', 'link-local'],
    ['fec0::1', ''], ['255.255.255.255', 'broadcast'], ['255.255.255.254', ''], ['ffff:ffff::ffff:ffff', 'multicast'],
  ];
  for (const [text, expected] of table) equal(kinds(text), expected, text);
  equal(isLinkLocal(0xfe800000 | 0, 0, 0xffff, 1), true, 'words that are not v4-mapped');
  equal(multicastScope(from('ff02::1').a), 2);
  equal(multicastScope(from('ff0e::1').a), 14);
});

test('constants are what their names say', () => {
  deepEqual(
    [ANY4, ANY6, LOOPBACK4, LOOPBACK6, BROADCAST4, ALL_NODES, ALL_ROUTERS, MLDV2_ROUTERS].map(String),
    ['0.0.0.0', '::', '127.0.0.1', '::1', '255.255.255.255', 'ff02::1', 'ff02::2', 'ff02::16'],
  );
  // RFC 4291 section 2.7.1 gives this example.
  equal(String(solicitedNode(from('4037::01:800:200e:8c6c'))), 'ff02::1:ff0e:8c6c');
});

test('prefixes: boundaries, both families, and the network of an address', () => {
  equal(maskWord(0), 0);
  equal(maskWord(1) >>> 0, 0x80000000);
  equal(maskWord(24) >>> 0, 0xffffff00);
  equal(maskWord(32), -1);
  equal(maskWord(-5), 0);
  equal(from('10.1.2.3').isIn(from('10.0.0.0'), 8), true);
  equal(from('11.1.2.3').isIn(from('10.0.0.0'), 8), false);
  equal(from('11.1.2.3').isIn(ANY4, 0), true, '0.0.0.0/0 holds every IPv4 address');
  equal(from('2001:db8::1').isIn(ANY4, 0), false, 'and no IPv6 address');
  equal(from('11.1.2.3').isIn(ANY6, 0), true);
  equal(prefixMatches(1, 2, 3, 4, 9, 9, 9, 9, 0), true);
  equal(String(networkOf(from('10.1.2.3'), 16)), '10.1.0.0');
  equal(String(networkOf(from('10.1.2.3'), 0)), '0.0.0.0');
  equal(String(networkOf(from('2001:db8:ffff:ffff::1'), 33)), '2001:db8:8000::');
  fc.assert(
    fc.property(address, fc.nat(128), (one, length) => {
      const longest = one.isV4 ? 32 : 128;
      const bits = Math.min(length, longest);
      equal(one.isIn(networkOf(one, bits), bits), true, `${one}/${bits}`);
      equal(networkOf(one, bits).isV4, one.isV4, `${one}/${bits}`);
    }),
  );
});

test('CIDR notation', () => {
  const shown = (text: string): string => {
    const parsed = parseCidr(text);
    return parsed === null ? 'null' : `${parsed.address}/${parsed.prefixLength}`;
  };
  equal(shown('192.0.2.1/24'), '192.0.2.1/24');
  equal(shown('192.0.2.1'), '192.0.2.1/32');
  equal(shown('2001:db8::1/64'), '2001:db8::1/64');
  equal(shown('::/0'), '::/0');
  for (const bad of ['192.0.2.1/33', '::/129', '1.2.3.4/', '1.2.3.4/-1', '1.2.3.4/1e1', '/8', '1.2.3.4/8/8', '1.2.3.4/0x8']) {
    equal(shown(bad), 'null', bad);
  }
});
