/**
 * Tests for addresses: hosts, networks and stations.
 *
 * Called by identifier.ts, which knows which address is meant.
 */
import { EtherType } from '../wire/protocols.ts';
import { type Context, directed } from './context.ts';
import { FilterError } from './filter-error.ts';
import { isIpv6 } from './protocol-tests.ts';
import { and, or, type Decision } from './decision.ts';
import type { Qualifiers } from './syntax-tree.ts';

const REVERSE_ARP = 0x8035;
const IPV4_SOURCE_AT = 12;
const IPV4_DESTINATION_AT = 16;
/** RFC 826, with Ethernet's six and IPv4's four address bytes. */
const ARP_SENDER_AT = 14;
const ARP_TARGET_AT = 24;
const IPV6_SOURCE_AT = 8;
const IPV6_DESTINATION_AT = 24;
const ETHERNET_SOURCE_AT = 6;
const ETHERNET_DESTINATION_AT = 0;

/** `address` under `mask` in IPv4 packets and, unless one protocol is asked for, in ARP's and reverse ARP's. */
export function hasIpv4Address(context: Context, address: number, mask: number, qualifiers: Qualifiers, at: number): Decision {
  const isEither = (sourceAt: number, destinationAt: number): Decision => {
    const test = (offset: number): Decision => context.equalsUnder(context.network(4, offset), mask, address);
    return directed(qualifiers.direction, test(sourceAt), test(destinationAt));
  };
  const { link } = context;
  const isArp = (): Decision => link.isProtocol(EtherType.Arp);
  const isReverseArp = (): Decision => link.isProtocol(REVERSE_ARP);
  const inIp = (): Decision => and(link.isProtocol(EtherType.Ipv4), isEither(IPV4_SOURCE_AT, IPV4_DESTINATION_AT));
  const inArp = (isWanted: Decision): Decision => and(isWanted, isEither(ARP_SENDER_AT, ARP_TARGET_AT));
  switch (qualifiers.protocol) {
    case null:
      // ARP and reverse ARP apart, although they look the same inside: what is known of the type stays sharper (flow.ts).
      return or(inIp(), inArp(isArp()), inArp(isReverseArp()));
    case 'ip':
      return inIp();
    case 'arp':
      return inArp(isArp());
    case 'rarp':
      return inArp(isReverseArp());
    case 'link':
      throw new FilterError(at, 'an IPv4 address is no address of the link layer');
    default:
      throw new FilterError(at, `'${qualifiers.protocol}' does not go with an IPv4 address; ip, arp and rarp do`);
  }
}

/** Both 16 bytes long. Words whose mask is empty are not looked at. */
export function hasIpv6Address(context: Context, address: Uint8Array, mask: Uint8Array, qualifiers: Qualifiers, at: number): Decision {
  const { protocol } = qualifiers;
  if (protocol === 'link') throw new FilterError(at, 'an IPv6 address is no address of the link layer');
  if (protocol !== null && protocol !== 'ip6') throw new FilterError(at, `'${protocol}' does not go with an IPv6 address; ip6 does`);
  const words = (bytes: Uint8Array): number[] => [0, 4, 8, 12].map((from) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(from));
  const wanted = words(address);
  const masks = words(mask);
  const test = (offset: number): Decision =>
    and(...wanted.map((word, i) => context.equalsUnder(context.network(4, offset + 4 * i), masks[i] as number, word)));
  return and(isIpv6(context), directed(qualifiers.direction, test(IPV6_SOURCE_AT), test(IPV6_DESTINATION_AT)));
}

export function hasEthernetAddress(context: Context, address: Uint8Array, qualifiers: Qualifiers, at: number): Decision {
  if (qualifiers.protocol !== 'link' || (qualifiers.type !== 'host' && qualifiers.type !== 'default')) {
    throw new FilterError(at, `an Ethernet address goes with 'ether host', 'ether src' and 'ether dst' only`);
  }
  if (!context.link.isEthernet) throw new FilterError(at, `there are no Ethernet addresses in captures of ${context.link.name}`);
  const isSource = isStation(context, address, ETHERNET_SOURCE_AT);
  return directed(qualifiers.direction, isSource, isStation(context, address, ETHERNET_DESTINATION_AT));
}

export function isEthernetDestination(context: Context, address: Uint8Array): Decision {
  return isStation(context, address, ETHERNET_DESTINATION_AT);
}

/** The last four bytes differ between stations more often than the first two, which are a vendor's. */
function isStation(context: Context, address: Uint8Array, at: number): Decision {
  const { values } = context;
  const view = new DataView(address.buffer, address.byteOffset);
  return and(context.equals(values.load(4, at + 2), view.getUint32(2)), context.equals(values.load(2, at), view.getUint16(0)));
}
