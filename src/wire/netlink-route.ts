/** Numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h> and <linux/neighbour.h>. */

export const RTM = {
  NEWLINK: 16, DELLINK: 17, GETLINK: 18, SETLINK: 19, NEWADDR: 20, DELADDR: 21, GETADDR: 22, NEWROUTE: 24, DELROUTE: 25, GETROUTE: 26,
  NEWNEIGH: 28, DELNEIGH: 29, GETNEIGH: 30,
} as const;
/** The highest type that there is. */
export const RTM_MAX = 123;

/** Groups by number (RTNLGRP_); as a bit of nl_groups each is 1 << (number - 1) (RTMGRP_). */
export const RTNLGRP = { LINK: 1, NEIGH: 3, IPV4_IFADDR: 5, IPV4_ROUTE: 7, IPV6_IFADDR: 9, IPV6_ROUTE: 11 } as const;
/** How many groups there are. */
export const RTNLGRP_COUNT = 39;

export const IFLA = {
  ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, QDISC: 6, STATS: 7, TXQLEN: 13, OPERSTATE: 16, LINKMODE: 17, LINKINFO: 18, STATS64: 23,
  GROUP: 27, EXT_MASK: 29, PROMISCUITY: 30, NUM_TX_QUEUES: 31, NUM_RX_QUEUES: 32, CARRIER: 33, GSO_MAX_SEGS: 40, GSO_MAX_SIZE: 41,
  MIN_MTU: 50, MAX_MTU: 51,
} as const;
export const IFA = {
  ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, ANYCAST: 5, CACHEINFO: 6, FLAGS: 8, RT_PRIORITY: 9, PROTO: 11,
} as const;
export const IFA_F = { SECONDARY: 0x01, NODAD: 0x02, DADFAILED: 0x08, DEPRECATED: 0x20, TENTATIVE: 0x40, PERMANENT: 0x80 } as const;
/** Who made an IPv6 address (IFAPROT_). */
export const IFAPROT = { UNSPEC: 0, KERNEL_LO: 1, KERNEL_LL: 3 } as const;
export const RTA = {
  DST: 1, SRC: 2, IIF: 3, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, METRICS: 8, MULTIPATH: 9, CACHEINFO: 12, TABLE: 15, PREF: 20, UID: 25,
} as const;
export const NDA = { DST: 1, LLADDR: 2, CACHEINFO: 3, PROBES: 4 } as const;
export const NTF = { PROXY: 0x08, ROUTER: 0x80 } as const;

export const RT_TABLE = { UNSPEC: 0, MAIN: 254, LOCAL: 255 } as const;
export const RTPROT = { UNSPEC: 0, KERNEL: 2 } as const;
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254, NOWHERE: 255 } as const;
export const RTN = {
  UNSPEC: 0, UNICAST: 1, LOCAL: 2, BROADCAST: 3, ANYCAST: 4, MULTICAST: 5, BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8, MAX: 11,
} as const;
export const RTNH_F = { LINKDOWN: 16, DEAD: 1, ONLINK: 4 } as const;
/** rtm_flags: of a route that was looked up; wanted with the table it stands in; the route itself is wanted. */
export const RTM_F = { CLONED: 0x200, PREFIX: 0x800, LOOKUP_TABLE: 0x1000, FIB_MATCH: 0x2000 } as const;
/** Flags of a cached IPv4 route: who receives there. */
export const RTCF = { BROADCAST: 0x10000000, MULTICAST: 0x20000000, LOCAL: -0x80000000 } as const;

/** IFF_LOWER_UP: the wire is there; ifi_flags has it beside the flags of <net/if.h>. */
export const IFF_LOWER_UP = 0x10000;
/** RFC 2863's states. */
export const OPERSTATE = { UNKNOWN: 0, DOWN: 2, LOWERLAYERDOWN: 3, UP: 6 } as const;

/** Lengths of the bodies in front of the attributes. */
export const IFINFOMSG_LEN = 16, IFADDRMSG_LEN = 8, RTMSG_LEN = 12, NDMSG_LEN = 12;
