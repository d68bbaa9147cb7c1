/**
 * The bookkeeping of hostile input: what became of each frame that was injected, read from the host's own counters.
 *
 * A frame must end in exactly one of the classes below. "Refused" classes are drops, each under a counter of its own; the
 * others are deliveries to the code whose business the frame is. Frames are injected one at a time and input is
 * synchronous, so the difference of the counters before and after belongs to the frame.
 *
 *   link:  LinkInTruncated | LinkInOtherHost | LinkInUnknownProtocol
 *          | ARP (ArpInMalformed | ArpInRequests | ArpInReplies) | IPv4 | IPv6
 *   IP:    InHdrErrors | InAddrErrors | IpInMartians | LinkInUnwantedGroup | InTruncatedPkts | InUnknownProtos | InDiscards | InTooBigErrors | InNoRoutes
 *          | IpInRefused
 *          | held for reassembly (ReasmReqds without ReasmOKs) | InDelivers
 *   above: UDP: InDatagrams | NoPorts | InErrors | IgnoredMulti;  ICMP: InMsgs (errors under InErrors);  TCP: InSegs
 *          (of which InErrs were wrong, and TcpInDiscards changed nothing);  others that InDelivers counts alone (IGMP, "no next header")
 */
import { type Counters, Mib, type MibName } from '../../src/base/counters.ts';

function indexes(names: readonly string[]): number[] {
  const known: Record<string, number> = Mib;
  return names.filter((name) => name in known).map((name) => known[name]);
}

const LINK = indexes(['LinkInTruncated', 'LinkInOtherHost', 'LinkInUnknownProtocol']);
const ARP = indexes(['ArpInMalformed', 'ArpInRequests', 'ArpInReplies']);
const RECEIVED = indexes(['IpInReceives', 'Ip6InReceives']);
const REFUSED = indexes([
  'IpInHdrErrors', 'IpInAddrErrors', 'IpInUnknownProtos', 'IpInDiscards', 'IpExtInTruncatedPkts', 'IpExtInNoRoutes', 'IpInMartians', 'LinkInUnwantedGroup',
  'Ip6InHdrErrors', 'Ip6InAddrErrors', 'Ip6InTruncatedPkts', 'Ip6InUnknownProtos', 'Ip6InDiscards', 'Ip6InTooBigErrors', 'Ip6InNoRoutes',
  'IpInRefused', 'TcpExtIPReversePathFilter',
]);
const ASKED = indexes(['IpReasmReqds', 'Ip6ReasmReqds']);
const WHOLE = indexes(['IpReasmOKs', 'Ip6ReasmOKs']);
const DELIVERED = indexes(['IpInDelivers', 'Ip6InDelivers']);
const UDP = indexes([
  'UdpInDatagrams', 'UdpNoPorts', 'UdpInErrors', 'UdpIgnoredMulti', 'Udp6InDatagrams', 'Udp6NoPorts', 'Udp6InErrors', 'Udp6IgnoredMulti',
]);
const ICMP = indexes(['IcmpInMsgs', 'Icmp6InMsgs']);
const TCP = indexes(['TcpInSegs']);
const TCP_ERRORS = indexes(['TcpInErrs']);
const TCP_DISCARDS = indexes(['TcpInDiscards']);
const ND = indexes([
  'Icmp6InRouterSolicits', 'Icmp6InRouterAdvertisements', 'Icmp6InNeighborSolicits', 'Icmp6InNeighborAdvertisements', 'Icmp6InRedirects',
]);

const EVERY_SEGMENT = new Set(indexes([
  'IpInReceives', 'IpInDelivers', 'IpReasmReqds', 'IpReasmOKs', 'IpExtInOctets', 'IpExtInNoECTPkts', 'IpExtInECT1Pkts', 'IpExtInECT0Pkts', 'IpExtInCEPkts',
  'Ip6InReceives', 'Ip6InDelivers', 'Ip6ReasmReqds', 'Ip6ReasmOKs', 'Ip6InOctets', 'Ip6InNoECTPkts', 'Ip6InECT1Pkts', 'Ip6InECT0Pkts', 'Ip6InCEPkts',
  'TcpInSegs',
]));

/** What became of a frame. */
export type Fate =
  | 'refused by link' | 'ARP' | 'refused by IP' | 'held for reassembly' | 'UDP' | 'ICMP' | 'TCP' | 'TCP error' | 'TCP discard' | 'other protocol';

export class Ledger {
  readonly fates = new Map<Fate, number>();
  /** Damaged frames that reached neighbour discovery, or reassembly. */
  neighbourDiscovery = 0;
  reassembly = 0;
  private readonly values: Float64Array;
  private readonly before: Float64Array;

  constructor(counters: Counters) {
    this.values = counters.values;
    this.before = new Float64Array(counters.values.length);
  }

  /** A frame is about to be injected. */
  open(): void {
    this.before.set(this.values);
  }

  /** Difference of one counter since `open`. */
  change(name: MibName): number {
    return this.values[Mib[name]] - this.before[Mib[name]];
  }

  private sum(counters: readonly number[]): number {
    let sum = 0;
    for (const i of counters) sum += this.values[i] - this.before[i];
    return sum;
  }

  /** The frame's fate; throws when the counters do not tell exactly one. `damaged`: it was the fuzzer's. */
  close(damaged: boolean): Fate {
    const fate = this.fate();
    this.fates.set(fate, (this.fates.get(fate) ?? 0) + 1);
    if (damaged && this.sum(ND) > 0) this.neighbourDiscovery++;
    if (damaged && this.sum(ASKED) > 0) this.reassembly++;
    return fate;
  }

  private fate(): Fate {
    const link = this.sum(LINK);
    const arp = this.sum(ARP);
    const received = this.sum(RECEIVED);
    if (link + arp + received !== 1) throw this.complaint(`link ${link}, ARP ${arp}, IP ${received}`);
    if (link === 1) return 'refused by link';
    if (arp === 1) return 'ARP';
    const refused = this.sum(REFUSED);
    const delivered = this.sum(DELIVERED);
    // A fragment that completes a packet goes on as that packet; one that is malformed is refused; others stay, or spoil
    // what is there.
    const held = refused + delivered === 0 && this.sum(ASKED) - this.sum(WHOLE) === 1 ? 1 : 0;
    if (refused + delivered + held !== 1) throw this.complaint(`refused ${refused}, delivered ${delivered}, held ${held}`);
    if (refused === 1) return 'refused by IP';
    if (held === 1) return 'held for reassembly';
    const udp = this.sum(UDP);
    const icmp = this.sum(ICMP);
    const tcp = this.sum(TCP);
    // A datagram to a group may be delivered to several sockets.
    if (Math.min(udp, 1) + icmp + tcp > 1) throw this.complaint(`UDP ${udp}, ICMP ${icmp}, TCP ${tcp}`);
    if (udp > 0) return 'UDP';
    if (icmp === 1) return 'ICMP';
    const errors = this.sum(TCP_ERRORS);
    const discards = this.sum(TCP_DISCARDS);
    if (errors + discards > tcp) throw this.complaint(`TCP ${tcp}, of which ${errors} wrong and ${discards} discarded`);
    if (tcp === 1) return errors > 0 ? 'TCP error' : discards > 0 ? 'TCP discard' : 'TCP';
    return 'other protocol';
  }

  /** Whether any counter tells of the segment beside those that count every segment. */
  changedAnything(): boolean {
    for (let i = 0; i < this.values.length; i++) if (this.values[i] !== this.before[i] && !EVERY_SEGMENT.has(i)) return true;
    return false;
  }

  private complaint(what: string): Error {
    const changed = Object.keys(Mib).filter((name) => this.change(name as MibName) !== 0);
    const words = changed.map((name) => `${name} ${this.change(name as MibName)}`);
    return new Error(`the frame is not accounted for: ${what}; counters: ${words.join(', ') || 'none moved'}`);
  }
}
