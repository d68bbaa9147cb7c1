/**
 * The numbers that say what comes next: EtherType and IP protocol. Every input function switches on them.
 */

/** Ethernet II type field (IEEE 802 numbers). Values below 0x0600 are lengths (IEEE 802.3). */
export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  Vlan: 0x8100,
  Ipv6: 0x86dd,
  QinQ: 0x88a8,
} as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

/** IPv4 protocol field and IPv6 next header (IANA "Assigned Internet Protocol Numbers"). */
export const IpProto = {
  HopByHop: 0,
  Icmp: 1,
  Igmp: 2,
  Ipv4: 4,
  Tcp: 6,
  Udp: 17,
  Ipv6: 41,
  Routing: 43,
  Fragment: 44,
  Gre: 47,
  Esp: 50,
  Ah: 51,
  Icmp6: 58,
  NoNext: 59,
  DestinationOptions: 60,
  Sctp: 132,
  Mobility: 135,
  UdpLite: 136,
  Raw: 255,
} as const;
export type IpProto = (typeof IpProto)[keyof typeof IpProto];
