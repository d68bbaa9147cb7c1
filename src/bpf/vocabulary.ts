/**
 * The words of pcap-filter(7): protocols, keywords, and names for numbers.
 *
 * Used by lexer.ts (which word is what) and parser.ts. A word that stands here can name a host or a protocol number only
 * behind a backslash.
 */

/** Protocols by their words. `link` stands for whatever the link layer is: all its words mean the same. */
export const PROTOCOLS = {
  ether: 'link',
  link: 'link',
  ppp: 'link',
  slip: 'link',
  fddi: 'link',
  tr: 'link',
  wlan: 'link',
  ip: 'ip',
  ip6: 'ip6',
  arp: 'arp',
  rarp: 'rarp',
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  icmp: 'icmp',
  icmp6: 'icmp6',
  igmp: 'igmp',
  igrp: 'igrp',
  pim: 'pim',
  vrrp: 'vrrp',
  carp: 'carp',
  ah: 'ah',
  esp: 'esp',
  aarp: 'aarp',
  atalk: 'atalk',
  decnet: 'decnet',
  lat: 'lat',
  mopdl: 'mopdl',
  moprc: 'moprc',
  sca: 'sca',
  iso: 'iso',
  stp: 'stp',
  ipx: 'ipx',
  netbeui: 'netbeui',
} as const;
export type Protocol = (typeof PROTOCOLS)[keyof typeof PROTOCOLS];

/** The other words with a meaning, spelled in one way each. */
export const KEYWORDS = {
  host: 'host',
  net: 'net',
  port: 'port',
  portrange: 'portrange',
  src: 'src',
  dst: 'dst',
  mask: 'mask',
  proto: 'proto',
  and: 'and',
  or: 'or',
  not: 'not',
  len: 'len',
  length: 'len',
  less: 'less',
  greater: 'greater',
  broadcast: 'broadcast',
  multicast: 'multicast',
  inbound: 'inbound',
  outbound: 'outbound',
  ifindex: 'ifindex',
  vlan: 'vlan',
  pppoed: 'pppoed',
} as const;
export type Keyword = (typeof KEYWORDS)[keyof typeof KEYWORDS];

/** Words of libpcap that this compiler does not have; they are refused by name. */
export const NOT_SUPPORTED: ReadonlySet<string> = new Set(
  (
    'protochain gateway mpls pppoes geneve llc byte radio type subtype dir direction ra ta ' +
    'addr1 addr2 addr3 addr4 address1 address2 address3 address4 ' +
    'clnp esis es-is isis is-is l1 l2 iih lsp snp csnp psnp ' +
    'lane oamf4 oamf4ec oamf4sc oam metac bcc sc ilmic vpi vci connectmsg metaconnect ' +
    'on ifname rset ruleset rnr rulenum srnr subrulenum reason action fisu lssu lsu msu hfisu hlssu hmsu ' +
    'sio opc dpc sls hsio hopc hdpc hsls'
  ).split(' '),
);

/** Names that stand for numbers: offsets in a header, and values found there. */
export const NAMED_NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    icmptype: 0,
    icmpcode: 1,
    icmp6type: 0,
    icmp6code: 1,
    tcpflags: 13,
    'tcp-fin': 0x01,
    'tcp-syn': 0x02,
    'tcp-rst': 0x04,
    'tcp-push': 0x08,
    'tcp-ack': 0x10,
    'tcp-urg': 0x20,
    'tcp-ece': 0x40,
    'tcp-cwr': 0x80,
    'icmp-echoreply': 0,
    'icmp-unreach': 3,
    'icmp-sourcequench': 4,
    'icmp-redirect': 5,
    'icmp-echo': 8,
    'icmp-routeradvert': 9,
    'icmp-routersolicit': 10,
    'icmp-timxceed': 11,
    'icmp-paramprob': 12,
    'icmp-tstamp': 13,
    'icmp-tstampreply': 14,
    'icmp-ireq': 15,
    'icmp-ireqreply': 16,
    'icmp-maskreq': 17,
    'icmp-maskreply': 18,
    'icmp6-destinationunreach': 1,
    'icmp6-packettoobig': 2,
    'icmp6-timeexceeded': 3,
    'icmp6-parameterproblem': 4,
    'icmp6-echo': 128,
    'icmp6-echoreply': 129,
    'icmp6-multicastlistenerquery': 130,
    'icmp6-multicastlistenerreportv1': 131,
    'icmp6-multicastlistenerdone': 132,
    'icmp6-routersolicit': 133,
    'icmp6-routeradvert': 134,
    'icmp6-neighborsolicit': 135,
    'icmp6-neighboradvert': 136,
    'icmp6-redirect': 137,
    'icmp6-routerrenum': 138,
    'icmp6-nodeinformationquery': 139,
    'icmp6-nodeinformationresponse': 140,
    'icmp6-ineighbordiscoverysolicit': 141,
    'icmp6-ineighbordiscoveryadvert': 142,
    'icmp6-multicastlistenerreportv2': 143,
    'icmp6-homeagentdiscoveryrequest': 144,
    'icmp6-homeagentdiscoveryreply': 145,
    'icmp6-mobileprefixsolicit': 146,
    'icmp6-mobileprefixadvert': 147,
    'icmp6-certpathsolicit': 148,
    'icmp6-certpathadvert': 149,
    'icmp6-multicastrouteradvert': 151,
    'icmp6-multicastroutersolicit': 152,
    'icmp6-multicastrouterterm': 153,
  }),
);
