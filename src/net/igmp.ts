/**
 * IGMP (RFC 3376; RFC 2236 and RFC 1112 where a querier of theirs is on the link), the host's part: reports of IPv4 groups,
 * answers to queries. When something is said: group-reporter.ts.
 *
 * Called by ipv4-input.ts with messages.
 */
import { Mib } from '../base/counters.ts';
import { ALL_HOSTS4, ALL_ROUTERS4, IGMPV3_ROUTERS4, IpAddress, V4_MAPPED } from '../base/inet-address.ts';
import { packetSum } from '../link/packet-checksum.ts';
import { ChecksumState, FrameFor, type Packet, takePacket } from '../link/packet.ts';
import {
  completeIgmpChecksum, IGMP3_RECORD_LEN, IGMP_LEN, IgmpMessage, IgmpType, writeIgmp, writeIgmp3Record, writeIgmp3Report,
} from '../wire/igmp.ts';
import {
  IPV4_HEADER_LEN, IPV4_ROUTER_ALERT_LEN, Ipv4Fragment, IpProto, writeIpv4HeaderWithOptions, writeIpv4RouterAlert,
} from '../wire/ipv4.ts';
import type { GroupRecord } from './group-membership.ts';
import { type GroupProtocol, GroupQuery, packRecords } from './group-reporter.ts';
import type { Groups } from './groups.ts';
import type { Interface } from './interface.ts';
import { AddressScope } from './interface.ts';
import type { Network } from './network.ts';

/** RFC 3376 section 4: precedence "internetwork control", one hop, and a router alert. */
const TOS = 0xc0;
const HEADER_LEN = IPV4_HEADER_LEN + IPV4_ROUTER_ALERT_LEN;
const ADDRESS_LEN = 4;

export class Igmp implements GroupProtocol {
  readonly isV4 = true;
  readonly newest = 3;
  readonly reportsAtOnce = false;
  private readonly network: Network;
  private readonly groups: Groups;
  private readonly message = new IgmpMessage();
  private readonly query = new GroupQuery();

  constructor(network: Network, groups: Groups) {
    this.network = network;
    this.groups = groups;
  }

  get robustness(): number {
    return this.network.settings.igmpQrv;
  }

  /** RFC 3376 section 6: 224.0.0.1 never is; the others of 224.0.0.0/24 are unless igmp_link_local_mcast_reports is off. */
  isReported(group: IpAddress): boolean {
    if (group.equals(ALL_HOSTS4)) return false;
    return group.d >>> 8 !== 0xe00000 || this.network.settings.igmpLinkLocalMcastReports !== 0;
  }

  forcedVersion(owner: Interface): number {
    const all = this.network.settings.interfaces.ipv4.all.forceIgmpVersion;
    return all !== 0 ? all : owner.ipv4.forceIgmpVersion;
  }

  repeatWithinUs({ ipv4 }: Interface, isNewest: boolean): number {
    return (isNewest ? ipv4.igmpv3UnsolicitedReportInterval : ipv4.igmpv2UnsolicitedReportInterval) * 1000;
  }

  /** A message for us, `head` at its header. Takes over `p`. */
  input(p: Packet): void {
    const { message, network } = this;
    const owner = p.device === null ? null : network.interfaceOf(p.device);
    const isSound = p.checksumState === ChecksumState.Verified || packetSum(p, p.head, 0) === 0xffff;
    if (owner !== null && isSound && p.pull(p.length) && message.parse(p.view, p.head, p.headEnd, p.length)) {
      if (message.type === IgmpType.Query) this.queryInput(p, owner);
      else if ((message.type === IgmpType.Report1 || message.type === IgmpType.Report2) && this.isOfOthers(p)) {
        this.groups.reporter(owner, true).heardReport(IpAddress.fromV4(message.group));
      }
    } else {
      network.counters.values[Mib.LinkInBadIgmp]++;
    }
    p.release();
  }

  /** Our own reports come back to us; and one to this host alone says nothing of what routers have heard. */
  private isOfOthers(p: Packet): boolean {
    return p.frameFor !== FrameFor.Host && p.srcD !== 0 && !this.network.localWords(0, 0, V4_MAPPED, p.srcD);
  }

  private queryInput(p: Packet, owner: Interface): void {
    const { message, query } = this;
    query.version = message.version;
    query.group = message.group === 0 ? null : IpAddress.fromV4(message.group);
    query.sources = [];
    for (let i = 0; i < message.sourceCount; i++) {
      query.sources.push(IpAddress.fromV4(p.view.getInt32(message.sourcesAt + ADDRESS_LEN * i)));
    }
    query.maxResponseUs = message.maxResponseTenths * 100_000;
    query.robustness = message.robustness;
    query.intervalSeconds = message.intervalSeconds;
    this.groups.reporter(owner, true).queried(query);
  }

  sendRecords(owner: Interface, records: readonly GroupRecord[]): void {
    const room = owner.device.mtuBytes - HEADER_LEN - IGMP_LEN;
    for (const report of packRecords(records, IGMP3_RECORD_LEN, ADDRESS_LEN, room)) this.sendReport(owner, report);
  }

  private sendReport(owner: Interface, records: readonly GroupRecord[]): void {
    const sources = records.reduce((sum, record) => sum + record.sources.length, 0);
    const length = IGMP_LEN + IGMP3_RECORD_LEN * records.length + ADDRESS_LEN * sources;
    const p = takePacket();
    const at = p.put(length);
    writeIgmp3Report(p.view, at, records.length);
    let next = at + IGMP_LEN;
    for (const { type, group, sources } of records) {
      next = writeIgmp3Record(p.view, next, type, sources.length, group.d);
      for (const source of sources) {
        p.view.setInt32(next, source.d);
        next += ADDRESS_LEN;
      }
    }
    completeIgmpChecksum(p.view, at, next);
    this.send(owner, p, IGMPV3_ROUTERS4);
  }

  /** RFC 2236 section 3: a report goes to its group, a farewell to all routers. */
  sendOld(owner: Interface, version: number, group: IpAddress, isFarewell: boolean): void {
    const p = takePacket();
    const type = isFarewell ? IgmpType.Leave : version === 1 ? IgmpType.Report1 : IgmpType.Report2;
    writeIgmp(p.view, p.put(IGMP_LEN), type, 0, group.d);
    this.send(owner, p, isFarewell ? ALL_ROUTERS4 : group);
  }

  /** RFC 3376 4.2.13: from an address of the interface, or from 0.0.0.0. Takes over `p`. */
  private send(owner: Interface, p: Packet, to: IpAddress): void {
    const { network } = this;
    const way = network.lookup(to, null, owner.device);
    if (way === null) return p.release();
    const own = owner.addresses.find(({ address, scope }) => address.isV4 && scope !== AddressScope.Host);
    const from = own === undefined ? 0 : own.address.d;
    writeIpv4RouterAlert(p.view, p.push(IPV4_ROUTER_ALERT_LEN));
    const at = p.push(IPV4_HEADER_LEN);
    // Linux's reports have no identification: they are never cut.
    writeIpv4HeaderWithOptions(p.view, at, HEADER_LEN, p.length, TOS, 0, Ipv4Fragment.DontFragment, 1, IpProto.Igmp, from, to.d);
    network.counters.values[Mib.IpOutRequests]++;
    network.ipv4Out.outputWhole(p, way);
  }
}
