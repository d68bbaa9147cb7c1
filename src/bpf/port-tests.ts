/**
 * Tests for ports of TCP, UDP and SCTP, over IPv4 and IPv6.
 *
 * Called by identifier.ts. IPv6 extension headers are not passed, as in libpcap: ports are looked for right behind
 * the fixed header.
 */
import { IpProto } from '../wire/protocols.ts';
import { type Context, directed } from './context.ts';
import type { PortProtocol } from './names.ts';
import { hasIpv4Protocol, hasIpv6NextHeader, IPV6_HEADER_LEN, isFirstFragment, isIpv4, isIpv6 } from './protocol-tests.ts';
import type { Direction } from './syntax-tree.ts';
import { and, compare, not, or, type Decision } from './decision.ts';
import type { Value } from './value.ts';

const SOURCE_AT = 0;
const DESTINATION_AT = 2;
const NUMBERS: Readonly<Record<PortProtocol, number>> = { sctp: IpProto.Sctp, tcp: IpProto.Tcp, udp: IpProto.Udp };

/** A port from `first` to `last`; `protocol` null stands for all three. */
export function hasPort(
  context: Context, first: number, last: number, direction: Direction | null, protocol: PortProtocol | null,
): Decision {
  const { values, link } = context;
  const numbers = protocol === null ? Object.values(NUMBERS) : [NUMBERS[protocol]];
  const isWanted = (port: Value): Decision => {
    if (first === last) return context.equals(port, first);
    const isLarger = compare(values, port, 'greater', values.constant(last));
    return and(compare(values, port, 'greater-equal', values.constant(first)), not(isLarger));
  };
  const behindIpv4 = (at: number): Decision => isWanted(values.load(2, link.networkAt + at, values.headerLength(link.networkAt)));
  const behindIpv6 = (at: number): Decision => isWanted(context.network(2, IPV6_HEADER_LEN + at));
  return or(
    and(
      isIpv6(context),
      or(...numbers.map((number) => hasIpv6NextHeader(context, number))),
      directed(direction, behindIpv6(SOURCE_AT), behindIpv6(DESTINATION_AT)),
    ),
    and(
      isIpv4(context),
      or(...numbers.map((number) => hasIpv4Protocol(context, number))),
      isFirstFragment(context),
      directed(direction, behindIpv4(SOURCE_AT), behindIpv4(DESTINATION_AT)),
    ),
  );
}
