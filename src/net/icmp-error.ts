/**
 * What may be wrong with a packet, in words of both families; icmp.ts and icmp6.ts have the types and codes.
 */
export const IcmpErrorKind = {
  NetUnreachable: 0,
  HostUnreachable: 1,
  ProtocolUnreachable: 2,
  PortUnreachable: 3,
  PacketTooBig: 4,
  TimeExceeded: 5,
  ReassemblyTimeExceeded: 6,
  /** IPv4 options; IPv6 header fields. */
  ParameterProblem: 7,
  /** IPv6 only: an option that must be understood. */
  UnknownOption: 8,
  /** A route says that nobody may. */
  Prohibited: 9,
  /** IPv6 only: the source's scope ends before the destination. */
  BeyondScope: 10,
  /** IPv4 only (IPv6's is no error): there is a better next hop. */
  Redirect: 11,
} as const;
export type IcmpErrorKind = (typeof IcmpErrorKind)[keyof typeof IcmpErrorKind];
