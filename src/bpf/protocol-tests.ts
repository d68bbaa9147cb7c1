/**
 * Tests for protocols: what a protocol's word alone means, and `proto NUMBER`.
 *
 * Called by generate.ts, and by the tests of ports and of packet data, which hold only behind such a test.
 */
import { EtherType, IpProto } from '../wire/protocols.ts';
import type { Context } from './context.ts';
import { FilterError } from './filter-error.ts';
import { ETHERNET_PROTOCOLS } from './link-layer.ts';
import { and, compare, not, or, type Decision } from './decision.ts';
import type { Protocol } from './vocabulary.ts';

const IPV4_PROTOCOL_AT = 9;
const IPV4_FRAGMENT_AT = 6;
const IPV4_FRAGMENT_OFFSET = 0x1fff;
const IPV6_NEXT_HEADER_AT = 6;
export const IPV6_HEADER_LEN = 40;
const PIM = 103;
const IGRP = 9;
const VRRP = 112;

export function isIpv4(context: Context): Decision {
  return context.link.isProtocol(EtherType.Ipv4);
}

export function isIpv6(context: Context): Decision {
  return context.link.isProtocol(EtherType.Ipv6);
}

/** The protocol field, of a packet that is known to be IPv4. */
export function hasIpv4Protocol(context: Context, protocol: number): Decision {
  return context.equals(context.network(1, IPV4_PROTOCOL_AT), protocol);
}

/** The first next-header field, of a packet that is known to be IPv6. */
export function hasIpv6NextHeader(context: Context, protocol: number): Decision {
  return context.equals(context.network(1, IPV6_NEXT_HEADER_AT), protocol);
}

/** IPv4: not a later fragment, so that a transport header is there. */
export function isFirstFragment(context: Context): Decision {
  const { values } = context;
  return not(compare(values, context.network(2, IPV4_FRAGMENT_AT), 'any-bit', values.constant(IPV4_FRAGMENT_OFFSET)));
}

function ipv4Carries(context: Context, protocol: number): Decision {
  return and(isIpv4(context), hasIpv4Protocol(context, protocol));
}

/** Header chains are not followed, but for a fragment header in first place. */
function ipv6Carries(context: Context, protocol: number): Decision {
  const isInFragment = context.equals(context.network(1, IPV6_HEADER_LEN), protocol);
  return and(
    isIpv6(context),
    or(hasIpv6NextHeader(context, protocol), and(hasIpv6NextHeader(context, IpProto.Fragment), isInFragment)),
  );
}

function eitherCarries(context: Context, protocol: number): Decision {
  return or(ipv4Carries(context, protocol), ipv6Carries(context, protocol));
}

/** `tcp`, `ip`, `arp` ... alone. */
export function isProtocol(context: Context, protocol: Protocol, at: number): Decision {
  switch (protocol) {
    case 'link':
      throw new FilterError(at, 'every packet has a link layer: a host, a proto or [offset] is missing behind it');
    case 'tcp':
      return eitherCarries(context, IpProto.Tcp);
    case 'udp':
      return eitherCarries(context, IpProto.Udp);
    case 'sctp':
      return eitherCarries(context, IpProto.Sctp);
    case 'pim':
      return eitherCarries(context, PIM);
    case 'ah':
      return eitherCarries(context, IpProto.Ah);
    case 'esp':
      return eitherCarries(context, IpProto.Esp);
    case 'icmp':
      return ipv4Carries(context, IpProto.Icmp);
    case 'igmp':
      return ipv4Carries(context, IpProto.Igmp);
    case 'igrp':
      return ipv4Carries(context, IGRP);
    // CARP took VRRP's number.
    case 'vrrp':
    case 'carp':
      return ipv4Carries(context, VRRP);
    case 'icmp6':
      return ipv6Carries(context, IpProto.Icmp6);
    default:
      return context.link.isProtocol(ETHERNET_PROTOCOLS[protocol]);
  }
}

/** `proto NUMBER`, `ip proto NUMBER`, `ether proto NUMBER`. */
export function carriesNumber(context: Context, qualifier: Protocol | null, protocol: number, at: number): Decision {
  switch (qualifier) {
    case null:
      return eitherCarries(context, protocol);
    case 'link':
      return context.link.isProtocol(protocol);
    case 'ip':
      return ipv4Carries(context, protocol);
    case 'ip6':
      return ipv6Carries(context, protocol);
    default:
      throw new FilterError(at, `'${qualifier} proto' is nothing: protocols are numbered in ether, ip and ip6`);
  }
}
