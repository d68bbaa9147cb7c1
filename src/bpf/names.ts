/**
 * Names in filter expressions: what the caller knows of hosts, networks and services, and the protocol numbers that
 * everybody knows.
 *
 * Asked by generate.ts. Without tables every name but a protocol's is unknown, and the filter is refused.
 */

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** Each function answers null for a name it does not know. */
export interface FilterNames {
  /** As getservbyname(3). */
  port?(name: string, protocol: PortProtocol): number | null;
  /** Addresses in text form, of either family. */
  host?(name: string): readonly string[] | null;
  /** A network number as in /etc/networks: `127` or `10.1`. */
  network?(name: string): string | null;
  /** The hardware address of a host, as in /etc/ethers. */
  ethernetHost?(name: string): Uint8Array | null;
  /** As getprotobyname(3), for protocols that are not in the list below. */
  protocol?(name: string): number | null;
}

/** IANA's "Assigned Internet Protocol Numbers" by the names that /etc/protocols has for them. */
export const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ip: 0,
    icmp: 1,
    igmp: 2,
    ggp: 3,
    ipencap: 4,
    st: 5,
    tcp: 6,
    egp: 8,
    igp: 9,
    pup: 12,
    udp: 17,
    hmp: 20,
    'xns-idp': 22,
    rdp: 27,
    'iso-tp4': 29,
    dccp: 33,
    xtp: 36,
    ddp: 37,
    'idpr-cmtp': 38,
    ipv6: 41,
    'ipv6-route': 43,
    'ipv6-frag': 44,
    idrp: 45,
    rsvp: 46,
    gre: 47,
    esp: 50,
    ah: 51,
    skip: 57,
    'ipv6-icmp': 58,
    'ipv6-nonxt': 59,
    'ipv6-opts': 60,
    rspf: 73,
    vmtp: 81,
    eigrp: 88,
    ospf: 89,
    'ax.25': 93,
    ipip: 94,
    etherip: 97,
    encap: 98,
    pim: 103,
    ipcomp: 108,
    vrrp: 112,
    l2tp: 115,
    isis: 124,
    sctp: 132,
    fc: 133,
    'mobility-header': 135,
    udplite: 136,
    'mpls-in-ip': 137,
    manet: 138,
    hip: 139,
    shim6: 140,
    wesp: 141,
    rohc: 142,
  }),
);
