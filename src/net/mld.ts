/**
 * Multicast listener discovery, the host's part (RFC 3810): reports for joined groups, answers to queries. A querier of
 * version 1 (RFC 2710) is answered in its own words.
 *
 * Called by configuration.ts (joined, left) and icmp6.ts (queries). One timer for each interface; none while nothing is
 * to be said.
 */
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { ALL_NODES, ALL_ROUTERS, ANY6, IpAddress, isLinkLocal, MLDV2_ROUTERS } from '../base/inet-address.ts';
import { below } from '../base/random.ts';
import { Timer } from '../base/timer-queue.ts';
import { type Packet, takePacket } from '../link/packet.ts';
import {
  ETHERNET_HEADER_LEN, EtherType, MULTICAST6_MAC_HI, multicast6MacLo, writeEthernetHeader,
} from '../wire/ethernet.ts';
import { completeIcmp6Checksum, Icmp6Type } from '../wire/icmp6.ts';
import { IPV6_HEADER_LEN, IPV6_ROUTER_ALERT_LEN, IpProto, writeIpv6Header, writeIpv6RouterAlert } from '../wire/ipv6.ts';
import {
  GroupRecordType, MLD2_RECORD_LEN, MLD2_REPORT_LEN, MLD_LEN, MldMessage, writeMld, writeMld2Record, writeMld2Report,
} from '../wire/mld.ts';
import type { GroupMembership, Interface } from './interface.ts';
import type { Network } from './network.ts';

/** RFC 3810 9.1, 9.11: a change is reported twice, within a second each time. */
const ROBUSTNESS = 2;
const UNSOLICITED_INTERVAL_US = 1_000_000;
/** Records that one report takes in a packet of the minimum MTU. */
const MAX_RECORDS = 60;

/** A group that was left, and how often that is still to be said. */
class LeftGroup {
  readonly group: IpAddress;
  reportsLeft = ROBUSTNESS;

  constructor(group: IpAddress) {
    this.group = group;
  }
}

class MldReporter extends Timer {
  readonly owner: Interface;
  left: LeftGroup[] = [];
  /** A query asked for the state of all groups, or of some. */
  answersAll = false;
  asked: IpAddress[] = [];
  /** The querier speaks version 1. */
  isVersion1 = false;
  private readonly mld: Mld;

  constructor(mld: Mld, owner: Interface) {
    super();
    this.mld = mld;
    this.owner = owner;
  }

  override expired(): void {
    this.mld.report(this);
  }
}

export class Mld {
  private readonly network: Network;
  private readonly message = new MldMessage();
  private readonly reporters: MldReporter[] = [];

  constructor(network: Network) {
    this.network = network;
  }

  joined(owner: Interface, member: GroupMembership): void {
    if (!isReported(member.group) || owner.device.isLoopback) return;
    member.reportsLeft = ROBUSTNESS;
    this.schedule(this.reporterOf(owner), UNSOLICITED_INTERVAL_US);
  }

  left(owner: Interface, member: GroupMembership): void {
    if (!isReported(member.group) || owner.device.isLoopback) return;
    const reporter = this.reporterOf(owner);
    reporter.left.push(new LeftGroup(member.group));
    this.schedule(reporter, UNSOLICITED_INTERVAL_US);
  }

  /** The interface has a link-local address now: what was reported without a source is said again (RFC 3810 5.2.13). */
  sourceReady(owner: Interface): void {
    let any = false;
    for (const member of owner.groups) {
      if (!isReported(member.group)) continue;
      if (member.reportsLeft === 0) member.reportsLeft = 1;
      any = true;
    }
    if (any) this.schedule(this.reporterOf(owner), UNSOLICITED_INTERVAL_US);
  }

  /** The interface is gone. */
  forget(owner: Interface): void {
    const at = this.reporters.findIndex((reporter) => reporter.owner === owner);
    if (at < 0) return;
    this.network.context.timers.disarm(this.reporters[at] as MldReporter);
    this.reporters.splice(at, 1);
  }

  /** A query. Takes over `p`. */
  input(p: Packet): void {
    const { message, network } = this;
    // RFC 3810 6.2: from a link-local address, not forwarded.
    const isLocal = p.ttl === 1 && isLinkLocal(p.srcA, p.srcB, p.srcC, p.srcD);
    const isSound = isLocal && p.pull(p.length) && message.parse(p.view, p.head, p.headEnd, p.length);
    const owner = p.device === null ? null : network.interfaceOf(p.device);
    p.release();
    if (!isSound || owner === null) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    const reporter = this.reporterOf(owner);
    reporter.isVersion1 = message.version === 1;
    const { groupA, groupB, groupC, groupD } = message;
    if ((groupA | groupB | groupC | groupD) === 0) reporter.answersAll = true;
    else if (!owner.isMember(groupA, groupB, groupC, groupD)) return;
    else if (!reporter.asked.some((group) => group.is(groupA, groupB, groupC, groupD))) {
      reporter.asked.push(new IpAddress(groupA, groupB, groupC, groupD));
    }
    this.schedule(reporter, Math.max(1, message.maxResponseMs) * 1000);
  }

  private reporterOf(owner: Interface): MldReporter {
    let reporter = this.reporters.find((known) => known.owner === owner);
    if (reporter === undefined) {
      reporter = new MldReporter(this, owner);
      this.reporters.push(reporter);
    }
    return reporter;
  }

  private schedule(reporter: MldReporter, withinUs: number): void {
    const { loop, random, timers } = this.network.context;
    const at = loop.now + below(random, withinUs);
    if (reporter.deadline <= at) return;
    reporter.deadline = at;
    timers.arm(reporter);
  }

  report(reporter: MldReporter): void {
    const { owner } = reporter;
    const groups: [IpAddress, number][] = [];
    let again = false;
    for (const member of owner.groups) {
      if (!isReported(member.group)) continue;
      if (member.reportsLeft > 0) {
        member.reportsLeft--;
        if (member.reportsLeft > 0) again = true;
        groups.push([member.group, GroupRecordType.ChangeToExclude]);
      } else if (reporter.answersAll || reporter.asked.some((group) => group.equals(member.group))) {
        groups.push([member.group, GroupRecordType.ModeIsExclude]);
      }
    }
    for (const gone of reporter.left) {
      gone.reportsLeft--;
      groups.push([gone.group, GroupRecordType.ChangeToInclude]);
    }
    reporter.left = reporter.left.filter((gone) => gone.reportsLeft > 0);
    if (reporter.left.length > 0) again = true;
    reporter.answersAll = false;
    reporter.asked = [];
    if (reporter.isVersion1) for (const [group, type] of groups) this.sendVersion1(owner, group, type);
    else for (let i = 0; i < groups.length; i += MAX_RECORDS) this.send(owner, groups.slice(i, i + MAX_RECORDS));
    if (again) this.schedule(reporter, UNSOLICITED_INTERVAL_US);
  }

  /** RFC 3810 5.2.14: to all routers that speak version 2. */
  private send(owner: Interface, groups: readonly [IpAddress, number][]): void {
    const p = takePacket();
    const at = p.put(MLD2_REPORT_LEN + groups.length * MLD2_RECORD_LEN);
    writeMld2Report(p.view, at, groups.length);
    let next = at + MLD2_REPORT_LEN;
    for (const [group, type] of groups) next = writeMld2Record(p.view, next, type, 0, group.a, group.b, group.c, group.d);
    this.network.counters.values[Mib.Icmp6OutMLDv2Reports]++;
    this.transmit(owner, p, at, MLDV2_ROUTERS);
  }

  /** RFC 2710 section 4: a report goes to its group, a farewell to all routers. */
  private sendVersion1(owner: Interface, group: IpAddress, type: number): void {
    const isFarewell = type === GroupRecordType.ChangeToInclude;
    const p = takePacket();
    const at = p.put(MLD_LEN);
    writeMld(p.view, at, isFarewell ? Icmp6Type.MldDone : Icmp6Type.MldReport, 0, group.a, group.b, group.c, group.d);
    this.transmit(owner, p, at, isFarewell ? ALL_ROUTERS : group);
  }

  /** Hop limit 1 and a router alert; the source is link-local, or :: before there is one. */
  private transmit(owner: Interface, p: Packet, at: number, to: IpAddress): void {
    const { device } = owner;
    const from = owner.linkLocal()?.address ?? ANY6;
    const length = p.length;
    const pseudo = pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Icmp6, length);
    completeIcmp6Checksum(p.view, at, p.headEnd, pseudo);
    p.l4 = at;
    p.protocol = IpProto.Icmp6;
    writeIpv6RouterAlert(p.view, p.push(IPV6_ROUTER_ALERT_LEN), IpProto.Icmp6);
    const payload = p.length;
    p.l3 = p.push(IPV6_HEADER_LEN);
    writeIpv6Header(
      p.view, p.l3, payload, 0, 0, IpProto.HopByHop, 1, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d,
    );
    p.l2 = p.push(ETHERNET_HEADER_LEN);
    writeEthernetHeader(p.view, p.l2, MULTICAST6_MAC_HI, multicast6MacLo(to.d), device.macHi, device.macLo, EtherType.Ipv6);
    this.network.counters.values[Mib.Icmp6OutMsgs]++;
    device.transmit(p);
  }
}

/** RFC 3810 6: all nodes, and groups that stay on the interface, are never reported. */
function isReported(group: IpAddress): boolean {
  return !group.isV4 && !group.equals(ALL_NODES) && ((group.a >>> 16) & 0xf) > 1;
}
