import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BROADCAST_MAC, EthernetHeader, EtherType, formatMac, interfaceIdHigh, interfaceIdLow, isBroadcastMac, isMulticastMac,
  MacAddress, MULTICAST4_MAC_HI, MULTICAST6_MAC_HI, multicast4MacLo, multicast6MacLo, writeEthernetHeader, writeVlanHeader,
} from './ethernet.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const header = new EthernetHeader();
const parse = header.parse.bind(header);
const mac = fc.tuple(fc.nat(0xffff), fc.integer());

test('what is written is read back', () => {
  fc.assert(
    fc.property(mac, mac, fc.nat(0xffff), (dst, src, type) => {
      const view = new DataView(new ArrayBuffer(20));
      writeEthernetHeader(view, 3, dst[0], dst[1], src[0], src[1], type);
      equal(parse(view, 3, type === EtherType.Vlan ? 21 : 17, 60), type !== EtherType.Vlan);
      if (type === EtherType.Vlan) return;
      deepEqual([header.dstHi, header.dstLo, header.srcHi, header.srcLo], [...dst, ...src]);
      deepEqual([header.etherType, header.headerLen, header.vlan], [type, 14, -1]);
    }),
  );
});

test('IEEE 802.1Q 9.6: priority, drop eligibility and identifier of a tag', () => {
  const view = new DataView(new ArrayBuffer(18));
  writeVlanHeader(view, 0, 0x0200, 1, 0x0200, 2, (5 << 13) | 0x1000 | 42, EtherType.Ipv6);
  equal(shown(view, 0, 18), '020000000001' + '020000000002' + '8100' + 'b02a' + '86dd');
  equal(parse(view, 0, 18, 18), true);
  deepEqual([header.priority, header.dropEligible, header.vlan], [5, true, 42]);
  deepEqual([header.etherType, header.headerLen], [EtherType.Ipv6, 18]);
});

test('an untagged frame behind a tagged one shows no tag', () => {
  parse(viewOf(hex('ffffffffffff 020000000001 8100 f001 0800')), 0, 18, 18);
  equal(parse(viewOf(hex('ffffffffffff 020000000001 0806')), 0, 14, 14), true);
  deepEqual([header.priority, header.dropEligible, header.vlan], [0, false, -1]);
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, hex('ffffffffffff 020000000001 0800'));
  refusesTruncations(parse, hex('ffffffffffff 020000000001 8100 0001 0800'));
});

test('mutations: the header never ends beyond the head', () => {
  mutations('ethernet', hex('ffffffffffff 020000000001 8100 0001 0800'), 5000, parse, (_view, at, headEnd) => {
    equal(at + header.headerLen <= headEnd, true);
  });
});

test('MAC addresses as text and bytes', () => {
  const one = MacAddress.parse('02:00:5e:10:00:ff');
  equal(String(one), '02:00:5e:10:00:ff');
  deepEqual(one?.toBytes(), hex('02005e1000ff'));
  equal(MacAddress.fromBytes(hex('00 02005e1000ff'), 1).equals(one as MacAddress), true);
  equal(String(MacAddress.parse('2-0-5E-10-0-FF')), '02:00:5e:10:00:ff');
  equal(formatMac(0xffff, -1), 'ff:ff:ff:ff:ff:ff');
  equal(one?.equals(new MacAddress(0x0200, 0x5e1000fe)), false);
  equal(one?.equals(new MacAddress(0x0201, 0x5e1000ff)), false);
  for (const bad of ['', '02:00:5e:10:00', '02:00:5e:10:00:ff:01', '02:00:5e:10:00:1ff', 'g2:00:5e:10:00:ff', '02-00:5e:10:00:ff', '0200.5e10.00ff']) {
    equal(MacAddress.parse(bad), null, bad);
  }
});

test('the group bit and the broadcast address', () => {
  equal(BROADCAST_MAC.isBroadcast && BROADCAST_MAC.isMulticast, true);
  equal(isMulticastMac(0x0100), true);
  equal(isMulticastMac(0xfeff), false);
  equal(isBroadcastMac(0xffff, -2), false);
  equal(isBroadcastMac(0xfffe, -1), false);
});

test('RFC 1112 6.4 and RFC 2464 7: MAC addresses of groups', () => {
  equal(formatMac(MULTICAST4_MAC_HI, multicast4MacLo(0xe00000fb | 0)), '01:00:5e:00:00:fb');
  equal(formatMac(MULTICAST4_MAC_HI, multicast4MacLo(0xefffffff | 0)), '01:00:5e:7f:ff:ff');
  equal(formatMac(MULTICAST6_MAC_HI, multicast6MacLo(0xff0e8c6c | 0)), '33:33:ff:0e:8c:6c');
});

test('RFC 4291 appendix A: the interface identifier of a MAC', () => {
  // RFC 2464 section 4 gives this example.
  const one = MacAddress.parse('34-56-78-9A-BC-DE') as MacAddress;
  equal((interfaceIdHigh(one.hi, one.lo) >>> 0).toString(16), '365678ff');
  equal((interfaceIdLow(one.lo) >>> 0).toString(16), 'fe9abcde');
});
