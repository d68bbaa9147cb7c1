/**
 * What the receiver of a datagram wants to be told beside its bytes: one bit a fact. Options set them (IP_PKTINFO,
 * IPV6_RECVHOPLIMIT, SO_TIMESTAMP ...); who asked for nothing pays one comparison a datagram.
 */
export const Tell = {
  Info4: 0x1, Ttl4: 0x2, Tos4: 0x4, Destination4: 0x8,
  Info6: 0x10, Hops6: 0x20, Class6: 0x40, Destination6: 0x80,
  /** The forms of RFC 2292, which RFC 3542 gave other numbers. */
  OldInfo6: 0x100, OldHops6: 0x200,
  /** When it arrived: in microseconds, or in nanoseconds with the second bit; the third asks for the types of 64-bit times. */
  Time: 0x400, Nanoseconds: 0x800, NewTime: 0x1000,
  /** How many were lost for want of room (SO_RXQ_OVFL). */
  Lost: 0x2000,
  /** The packet's mark and priority (SO_RCVMARK, SO_RCVPRIORITY). */
  Mark: 0x4000, Priority: 0x8000,
  /** IP_RECVOPTS, IP_RETOPTS; IP_CHECKSUM; IP_RECVFRAGSIZE. */
  Options4: 0x10000, ReturnOptions4: 0x20000, Checksum4: 0x40000, Fragment4: 0x80000,
  /** Extension headers (RFC 3542 section 8), and how RFC 2292 asked for them. */
  HopOptions6: 0x100000, DestinationOptions6: 0x200000, Routing6: 0x400000,
  OldHopOptions6: 0x800000, OldDestinationOptions6: 0x1000000, OldRouting6: 0x2000000,
  /** IPV6_FLOWINFO, IPV6_RECVFRAGSIZE, IPV6_RECVPATHMTU. */
  Flow6: 0x4000000, Fragment6: 0x8000000, PathMtu6: 0x10000000,
} as const;

/** The facts that an IPv4 packet has, and those that are told of IPv6 ones alone. */
export const TELL_IPV4 = Tell.Info4 | Tell.Ttl4 | Tell.Tos4 | Tell.Destination4
  | Tell.Options4 | Tell.ReturnOptions4 | Tell.Checksum4 | Tell.Fragment4;
export const TELL_IPV6 = Tell.Hops6 | Tell.Class6 | Tell.Destination6 | Tell.OldInfo6 | Tell.OldHops6 | Tell.HopOptions6
  | Tell.DestinationOptions6 | Tell.Routing6 | Tell.OldHopOptions6 | Tell.OldDestinationOptions6 | Tell.OldRouting6
  | Tell.Flow6 | Tell.Fragment6;
/** What is read from the network header itself. */
export const TELL_HEADER = Tell.Options4 | Tell.ReturnOptions4 | Tell.HopOptions6 | Tell.DestinationOptions6 | Tell.Routing6
  | Tell.OldHopOptions6 | Tell.OldDestinationOptions6 | Tell.OldRouting6 | Tell.Flow6;
