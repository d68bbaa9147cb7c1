import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import { Icmp6Type, icmp6ChecksumOk } from './icmp6.ts';
import {
  completeNdMessage, NdFlag, NdMessage, NdOptionKind, NdOptionWalker, NdPrefixInformation, writeNdMacOption, writeNdMtuOption,
  writeNdNonceOption, writeNdPrefixOption, writeNdRedirect, writeNdRedirectedHeader, writeNeighbourAdvertisement,
  writeNeighbourSolicitation, writeRouterAdvertisement, writeRouterSolicitation,
} from './nd.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const message = new NdMessage();
const parse = message.parse.bind(message);
const TARGET = 'fe800000000000000000000000000001';
const target = (): string => [message.targetA, message.targetB, message.targetC, message.targetD].map((word) => (word >>> 0).toString(16)).join(':');
const take = (bytes: Uint8Array): boolean => parse(viewOf(bytes), 0, bytes.length, bytes.length);
const ADVERTISEMENT = hex(
  `8600 0000 40c8 0708 00007530 000003e8 0101020000000001 0501000000000578
   030440c0 00278d00 00093a80 00000000 20010db8000000000000000000000000 1903000000000708 ${TARGET}`,
);

test('RFC 4861 4.3: a neighbour solicitation with link-layer address and nonce', () => {
  const view = new DataView(new ArrayBuffer(41));
  writeNeighbourSolicitation(view, 1, 0xfe800000 | 0, 0, 0, 1);
  let end = writeNdMacOption(view, 25, NdOptionKind.SourceLinkLayerAddress, 0x0200, 1);
  end = writeNdNonceOption(view, end, 0x1122, 0x33445566);
  equal(end, 41);
  const pseudo = pseudoHeaderSum6(0xfe800000 | 0, 0, 0, 2, 0xff020000 | 0, 0, 1, 0xff000001 | 0, 58, 40);
  completeNdMessage(view, 1, end, pseudo);
  equal(icmp6ChecksumOk(view, 1, end, pseudo), true);
  equal(shown(view, 5, 41), `00000000${TARGET}01010200000000010e01112233445566`);
  equal(parse(view, 1, 41, 40), true);
  deepEqual([message.type, target()], [Icmp6Type.NeighbourSolicitation, 'fe800000:0:0:1']);
  deepEqual([message.hasSourceMac, message.sourceMacHi, message.sourceMacLo, message.hasTargetMac], [true, 0x0200, 1, false]);
  deepEqual([message.nonceAt, message.nonceLen], [35, 6]);
});

test('RFC 4861 4.4: the flags of a neighbour advertisement', () => {
  const view = new DataView(new ArrayBuffer(32));
  writeNdMacOption(view, 24, NdOptionKind.TargetLinkLayerAddress, 0x0200, -1);
  for (let bits = 0; bits < 8; bits++) {
    const flags = (bits & 1 ? NdFlag.Router : 0) | (bits & 2 ? NdFlag.Solicited : 0) | (bits & 4 ? NdFlag.Override : 0);
    writeNeighbourAdvertisement(view, 0, flags, 1, 2, 3, 4);
    equal(parse(view, 0, 32, 32), true);
    deepEqual([message.router, message.solicited, message.override], [(bits & 1) !== 0, (bits & 2) !== 0, (bits & 4) !== 0]);
    deepEqual([message.hasTargetMac, message.targetMacHi, message.targetMacLo, target()], [true, 0x0200, -1, '1:2:3:4']);
  }
});

test('RFC 4861 4.2, 4.6.2: a router advertisement with MTU, prefix and DNS server', () => {
  equal(take(ADVERTISEMENT), true);
  deepEqual([message.hopLimit, message.managed, message.otherConfiguration], [64, true, true]);
  deepEqual([message.lifetimeSeconds, message.reachableMs, message.retransMs], [1800, 30000, 1000]);
  deepEqual([message.mtuBytes, message.hasSourceMac, message.sourceMacLo, target()], [1400, true, 1, '0:0:0:0']);
  equal(message.preference, 1);
  const walker = new NdOptionWalker();
  const prefix = new NdPrefixInformation();
  const found: string[] = [];
  walker.begin(message.optionsAt, message.optionsEnd);
  while (walker.next(viewOf(ADVERTISEMENT))) {
    found.push(`${walker.kind}+${walker.length}`);
    const isPrefix = walker.kind === NdOptionKind.PrefixInformation;
    equal(prefix.parse(viewOf(ADVERTISEMENT), walker.at, walker.length), isPrefix);
    if (!isPrefix) continue;
    deepEqual([prefix.prefixLength, prefix.onLink, prefix.autonomous], [64, true, true]);
    deepEqual([prefix.validSeconds, prefix.preferredSeconds, prefix.a, prefix.d], [2592000, 604800, 0x20010db8, 0]);
  }
  equal(found.join(' '), '1+8 5+8 3+32 25+24');
  equal(walker.malformed, false);
});

test('the writers make the same router advertisement', () => {
  const view = new DataView(new ArrayBuffer(64));
  writeRouterAdvertisement(view, 0, 64, true, true, 1, 1800, 30000, 1000);
  let end = writeNdMacOption(view, 16, NdOptionKind.SourceLinkLayerAddress, 0x0200, 1);
  end = writeNdMtuOption(view, end, 1400);
  const prefix = Object.assign(new NdPrefixInformation(), {
    prefixLength: 64, onLink: true, autonomous: true, validSeconds: 2592000, preferredSeconds: 604800, a: 0x20010db8,
  });
  end = writeNdPrefixOption(view, end, prefix);
  equal(shown(view, 0, end), shown(viewOf(ADVERTISEMENT), 0, 64));
});

test('RFC 4191 2.1: the preference of a router; the reserved value is medium', () => {
  for (const [bits, expected] of [[0, 0], [1, 1], [2, 0], [3, -1]]) {
    const copy = ADVERTISEMENT.slice();
    copy[5] = bits << 3;
    equal(take(copy), true);
    deepEqual([message.preference, message.managed, message.otherConfiguration], [expected, false, false]);
  }
  const view = new DataView(new ArrayBuffer(16));
  writeRouterAdvertisement(view, 0, 1, false, false, -1, 0, 0xffffffff, 0);
  equal(parse(view, 0, 16, 16), true);
  deepEqual([message.preference, message.reachableMs], [-1, 0xffffffff]);
});

test('RFC 4861 4.5: a redirect with the packet that caused it', () => {
  const view = new DataView(new ArrayBuffer(40 + 8 + 56));
  writeNdRedirect(view, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  const end = writeNdRedirectedHeader(view, writeNdMacOption(view, 40, NdOptionKind.TargetLinkLayerAddress, 2, 3), 56);
  equal(end, 104);
  equal(parse(view, 0, 104, 104), true);
  deepEqual([target(), message.destinationA, message.destinationD], ['1:2:3:4', 5, 8]);
  deepEqual([message.redirectedAt, message.redirectedLen, message.targetMacLo], [56, 48, 3]);
});

test('nothing of one message stays for the next', () => {
  take(ADVERTISEMENT);
  equal(take(hex(`8700 0000 00000000 ${TARGET}`)), true);
  deepEqual([message.hasSourceMac, message.mtuBytes, message.hopLimit, message.lifetimeSeconds], [false, 0, 0, 0]);
  deepEqual([message.managed, message.preference, message.reachableMs, message.retransMs], [false, 0, 0, 0]);
  const view = new DataView(new ArrayBuffer(8));
  writeRouterSolicitation(view, 0);
  equal(parse(view, 0, 8, 8), true);
  deepEqual([message.type, target(), message.nonceAt, message.redirectedAt], [Icmp6Type.RouterSolicitation, '0:0:0:0', -1, -1]);
});

test('of repeated options the first counts, as in Linux', () => {
  equal(take(hex(`8700 0000 00000000 ${TARGET} 0101020000000001 0101020000000002 0e01000000000001 0e01000000000002`)), true);
  deepEqual([message.sourceMacLo, message.nonceAt], [1, 42]);
});

test('RFC 4861 6.1, 7.1: code, short messages, empty and overlong options, addresses that are not Ethernet', () => {
  equal(take(hex(`8701 0000 00000000 ${TARGET}`)), false, 'code');
  equal(take(hex(`8000 0000 00000000 ${TARGET}`)), false, 'another type');
  equal(take(hex('8700 0000 00000000')), false, 'no target');
  equal(take(hex(`8700 0000 00000000 ${TARGET} 0100020000000001`)), false, 'an option of length zero');
  equal(take(hex(`8700 0000 00000000 ${TARGET} 0102020000000001`)), false, 'an option beyond the end');
  equal(take(hex(`8700 0000 00000000 ${TARGET} 01`)), false, 'half an option');
  equal(take(hex(`8700 0000 00000000 ${TARGET} 01020200000000010000000000000000`)), false, 'a long link-layer address');
  equal(take(hex(`8800 0000 00000000 ${TARGET} 02020200000000010000000000000000`)), false, 'a long link-layer address');
  equal(take(hex(`8700 0000 00000000 ${TARGET} 4201020000000001`)), true, 'an unknown option');
  const prefix = new NdPrefixInformation();
  equal(prefix.parse(viewOf(hex(`03048100${'00'.repeat(28)}`)), 0, 32), false, 'a prefix of 129 bits');
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, hex('8500 0000 00000000'));
  refusesTruncations(parse, hex(`8700 0000 00000000 ${TARGET}`));
  refusesTruncations(parse, hex(`8900 0000 00000000 ${TARGET} ${TARGET}`));
  // Cut between options an advertisement is whole again, so its length says where it ends.
  for (let cut = 0; cut < ADVERTISEMENT.length; cut++) {
    const part = viewOf(ADVERTISEMENT.slice(0, cut));
    equal(parse(part, 0, cut, ADVERTISEMENT.length), false, `${cut} bytes in the head`);
    equal(parse(part, 0, cut, cut), [16, 24, 32, 64].includes(cut), `${cut} bytes`);
  }
});

test('mutations: options stay inside the message', () => {
  const walker = new NdOptionWalker();
  const prefix = new NdPrefixInformation();
  const redirect = hex(`8900 0000 00000000 ${TARGET} ${TARGET} 0201020000000001 0403000000000000 ${TARGET} 0e02${'11'.repeat(14)}`);
  for (const bytes of [ADVERTISEMENT, redirect, hex(`8800 0000 60000000 ${TARGET} 0201020000000001`)]) {
    mutations('nd', bytes, 10000, parse, (view, at, _headEnd, len) => {
      const end = at + len;
      equal(message.nonceAt < 0 || message.nonceAt + message.nonceLen <= end, true);
      equal(message.redirectedAt < 0 || (message.redirectedLen >= 0 && message.redirectedAt + message.redirectedLen <= end), true);
      walker.begin(message.optionsAt, message.optionsEnd);
      while (walker.next(view)) {
        equal(walker.length >= 8 && walker.at + walker.length <= end, true);
        prefix.parse(view, walker.at, walker.length);
      }
      equal(walker.malformed, false, 'parse has looked at all of them');
    });
  }
});
