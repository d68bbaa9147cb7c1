/**
 * Multicast listener discovery (RFC 3810; RFC 2710 where a querier of its version 1 is on the link), the host's part: reports
 * of IPv6 groups, answers to queries. When something is said: group-reporter.ts.
 *
 * Called by icmp6.ts with messages.
 */
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { ALL_NODES, ALL_ROUTERS, ANY6, IpAddress, isLinkLocal, isMulticast, isUnspecified, MLDV2_ROUTERS } from '../base/inet-address.ts';
import { FrameFor, type Packet, takePacket } from '../link/packet.ts';
import { completeIcmp6Checksum, Icmp6Type } from '../wire/icmp6.ts';
import { IPV6_HEADER_LEN, IPV6_ROUTER_ALERT_LEN, IpProto, writeIpv6Header, writeIpv6RouterAlert } from '../wire/ipv6.ts';
import {
  MLD2_RECORD_LEN, MLD2_REPORT_LEN, MLD_LEN, MldMessage, writeMld, writeMld2Record, writeMld2Report,
} from '../wire/mld.ts';
import { Destination, DestinationKind } from './destination.ts';
import type { GroupRecord } from './group-membership.ts';
import { type GroupProtocol, GroupQuery, packRecords } from './group-reporter.ts';
import type { Groups } from './groups.ts';
import type { Interface } from './interface.ts';
import type { Network } from './network.ts';

const ADDRESS_LEN = 16;

export class Mld implements GroupProtocol {
  readonly isV4 = false;
  readonly newest = 2;
  readonly reportsAtOnce = true;
  private readonly network: Network;
  private readonly groups: Groups;
  private readonly message = new MldMessage();
  private readonly query = new GroupQuery();

  constructor(network: Network, groups: Groups) {
    this.network = network;
    this.groups = groups;
  }

  get robustness(): number {
    return this.network.settings.mldQrv;
  }

  /** RFC 3810 section 6: all nodes, and groups that stay on the interface, are never reported. */
  isReported(group: IpAddress): boolean {
    return !group.equals(ALL_NODES) && ((group.a >>> 16) & 0xf) > 1;
  }

  forcedVersion(owner: Interface): number {
    const all = this.network.settings.interfaces.ipv6.all.forceMldVersion;
    return all !== 0 ? all : owner.ipv6.forceMldVersion;
  }

  repeatWithinUs({ ipv6 }: Interface, isNewest: boolean): number {
    return (isNewest ? ipv6.mldv2UnsolicitedReportInterval : ipv6.mldv1UnsolicitedReportInterval) * 1000;
  }

  /** A query. Takes over `p`. */
  input(p: Packet): void {
    // RFC 3810 6.2: from a link-local address, not forwarded.
    const isLocal = p.ttl === 1 && isLinkLocal(p.srcA, p.srcB, p.srcC, p.srcD);
    const owner = this.read(p, isLocal);
    if (owner !== null) this.queryInput(p, owner);
    p.release();
  }

  /** A report of version 1 of somebody else. Takes over `p`. */
  reportInput(p: Packet): void {
    const { message } = this;
    const { srcA, srcB, srcC, srcD } = p;
    const isNobodys = isUnspecified(srcA, srcB, srcC, srcD);
    const owner = this.read(p, isNobodys || isLinkLocal(srcA, srcB, srcC, srcD));
    // Our own reports come back to us.
    if (owner !== null && !isNobodys && owner.findWords(srcA, srcB, srcC, srcD) === null && p.frameFor !== FrameFor.Host) {
      const { groupA, groupB, groupC, groupD } = message;
      this.groups.reporter(owner, false).heardReport(new IpAddress(groupA, groupB, groupC, groupD));
    }
    p.release();
  }

  /** The message into `message`, and the interface at which it arrived; null for one that is not sound. Borrows `p`. */
  private read(p: Packet, isLocal: boolean): Interface | null {
    const { message, network } = this;
    const owner = p.device === null ? null : network.interfaceOf(p.device);
    if (isLocal && owner !== null && p.pull(p.length) && message.parse(p.view, p.head, p.headEnd, p.length)) return owner;
    network.counters.values[Mib.NdInMalformed]++;
    return null;
  }

  private queryInput(p: Packet, owner: Interface): void {
    const { message, query, network } = this;
    const { groupA, groupB, groupC, groupD, version } = message;
    const isGeneral = isUnspecified(groupA, groupB, groupC, groupD);
    if (!isGeneral && !isMulticast(groupA, groupB, groupC, groupD)) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    // A host that is to speak version 2 alone does not hear older queriers (mld_process_v1).
    if (version === 1 && this.forcedVersion(owner) === 2) return;
    query.version = version;
    query.group = isGeneral ? null : new IpAddress(groupA, groupB, groupC, groupD);
    query.sources = [];
    for (let i = 0; i < message.sourceCount; i++) {
      query.sources.push(IpAddress.readV6(p.view, message.sourcesAt + ADDRESS_LEN * i));
    }
    query.maxResponseUs = Math.max(1, message.maxResponseMs) * 1000;
    query.robustness = message.robustness;
    query.intervalSeconds = message.intervalSeconds;
    this.groups.reporter(owner, false).queried(query);
  }

  /** RFC 3810 5.2.14: to all routers that speak version 2. */
  sendRecords(owner: Interface, records: readonly GroupRecord[]): void {
    const room = owner.device.mtuBytes - IPV6_HEADER_LEN - IPV6_ROUTER_ALERT_LEN - MLD2_REPORT_LEN;
    for (const report of packRecords(records, MLD2_RECORD_LEN, ADDRESS_LEN, room)) this.sendReport(owner, report);
  }

  private sendReport(owner: Interface, records: readonly GroupRecord[]): void {
    const sources = records.reduce((sum, record) => sum + record.sources.length, 0);
    const length = MLD2_REPORT_LEN + MLD2_RECORD_LEN * records.length + ADDRESS_LEN * sources;
    const p = takePacket();
    const at = p.put(length);
    writeMld2Report(p.view, at, records.length);
    let next = at + MLD2_REPORT_LEN;
    for (const { type, group, sources } of records) {
      next = writeMld2Record(p.view, next, type, sources.length, group.a, group.b, group.c, group.d);
      for (const { a, b, c, d } of sources) {
        p.view.setInt32(next, a);
        p.view.setInt32(next + 4, b);
        p.view.setInt32(next + 8, c);
        p.view.setInt32(next + 12, d);
        next += ADDRESS_LEN;
      }
    }
    this.network.counters.values[Mib.Icmp6OutMLDv2Reports]++;
    this.send(owner, p, at, MLDV2_ROUTERS);
  }

  /** RFC 2710 section 4: a report goes to its group, a farewell to all routers. */
  sendOld(owner: Interface, _version: number, group: IpAddress, isFarewell: boolean): void {
    const p = takePacket();
    const at = p.put(MLD_LEN);
    writeMld(p.view, at, isFarewell ? Icmp6Type.MldDone : Icmp6Type.MldReport, 0, group.a, group.b, group.c, group.d);
    this.network.counters.values[isFarewell ? Mib.Icmp6OutGroupMembReductions : Mib.Icmp6OutGroupMembResponses]++;
    this.send(owner, p, at, isFarewell ? ALL_ROUTERS : group);
  }

  /** Hop limit 1 and a router alert; the source is link-local, or :: before there is one. Takes over `p`. */
  private send(owner: Interface, p: Packet, at: number, to: IpAddress): void {
    const { network } = this;
    const { device } = owner;
    const from = owner.linkLocal()?.address ?? ANY6;
    const length = p.length;
    const pseudo = pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Icmp6, length);
    completeIcmp6Checksum(p.view, at, p.headEnd, pseudo);
    writeIpv6RouterAlert(p.view, p.push(IPV6_ROUTER_ALERT_LEN), IpProto.Icmp6);
    const payload = p.length;
    writeIpv6Header(
      p.view, p.push(IPV6_HEADER_LEN), payload, 0, 0, IpProto.HopByHop, 1, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d,
    );
    network.counters.values[Mib.Icmp6OutMsgs]++;
    // Routes have no say in this: it goes to the link, even to that of loopback.
    const way = new Destination(DestinationKind.Multicast, false, device, to, to, from, device.mtuBytes, network.generation);
    network.ipv6Out.outputWhole(p, way);
  }
}
