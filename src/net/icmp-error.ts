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
} as const;
export type IcmpErrorKind = (typeof IcmpErrorKind)[keyof typeof IcmpErrorKind];
