/**
 * When an interface speaks of its groups (RFC 3376 sections 5 and 7, RFC 3810 sections 6 and 8): changes are reported a few
 * times, queries answered within their time, and routers of old versions in their own words.
 *
 * IGMP and MLD differ in their packets alone: each is a GroupProtocol (igmp.ts, mld.ts). Made by groups.ts, one an interface
 * and family. It has a timer for changes, one for the answer to a general query, and each membership one for itself; none
 * runs while nothing is to be said.
 */
import type { HostContext } from '../base/host-context.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { below } from '../base/random.ts';
import { Timer } from '../base/timer-queue.ts';
import { GroupRecordType } from '../wire/group-record.ts';
import type { GroupMembership, GroupRecord } from './group-membership.ts';
import type { Interface } from './interface.ts';

/** What the two protocols do each in its own way. */
export interface GroupProtocol {
  readonly isV4: boolean;
  /** The version that has records: 3 for IGMP, 2 for MLD. */
  readonly newest: number;
  /** Whether a report of an old version follows joining at once; else after the first delay. */
  readonly reportsAtOnce: boolean;
  /** How often a change is reported, unless a querier says otherwise (igmp_qrv, mld_qrv). */
  readonly robustness: number;
  /** Some groups never leave their link, and nobody speaks of them. */
  isReported(group: IpAddress): boolean;
  /** force_igmp_version, force_mld_version; 0 when no version is forced. */
  forcedVersion(owner: Interface): number;
  /** Within how much time, in microseconds, a report is repeated that nobody asked for. */
  repeatWithinUs(owner: Interface, isNewest: boolean): number;
  sendRecords(owner: Interface, records: readonly GroupRecord[]): void;
  /** A report of an old version, or the farewell that takes back the last one. */
  sendOld(owner: Interface, version: number, group: IpAddress, isFarewell: boolean): void;
}

/** A query, as both protocols read it. One a protocol, re-filled. */
export class GroupQuery {
  version = 0;
  /** Null in a general query. */
  group: IpAddress | null = null;
  sources: IpAddress[] = [];
  maxResponseUs = 0;
  /** 0 when the querier does not say. */
  robustness = 0;
  intervalSeconds = 0;
}

/** Linux's first delay: two ticks of its clock (igmp_start_timer), at HZ 250. */
const FIRST_DELAY_US = 8_000;
/** RFC 3376 8.2, 8.3, RFC 3810 9.2, 9.3. */
const QUERY_INTERVAL_S = 125;
/** MLD_QRV_DEFAULT: what MLD believes at least. */
const LEAST_ROBUSTNESS = 2;
const QUERY_RESPONSE_US = 10_000_000;
/** Groups of which it is still to be said that nobody listens any more; who leaves more of them at once is not heard out. */
const MOST_LEFT = 1024;

export class GeneralQuery extends Timer {
  private readonly reporter: GroupReporter;

  constructor(reporter: GroupReporter) {
    super();
    this.reporter = reporter;
  }

  override expired(): void {
    this.reporter.answerAll();
  }
}

export class GroupReporter extends Timer {
  readonly owner: Interface;
  readonly protocol: GroupProtocol;
  private readonly context: HostContext;
  private readonly generalQuery = new GeneralQuery(this);
  private left: GroupMembership[] = [];
  /** Changes are reported at this many turns more of the timer. */
  private turnsLeft = 0;
  /** What queriers have said: robustness (0: nothing), query interval and response time. */
  private saidRobustness = 0;
  private queryIntervalUs = QUERY_INTERVAL_S * 1e6;
  private queryResponseUs = QUERY_RESPONSE_US;
  /** Until when there is a querier of version 1, and of 2. */
  private readonly olderUntil: [number, number] = [0, 0];
  private isUp: boolean;

  constructor(context: HostContext, owner: Interface, protocol: GroupProtocol) {
    super();
    this.context = context;
    this.owner = owner;
    this.protocol = protocol;
    this.isUp = owner.device.up;
  }

  /** How often changes are reported on this link. */
  get robustness(): number {
    return this.saidRobustness !== 0 ? this.saidRobustness : this.protocol.robustness;
  }

  /** The version that is spoken: that of the oldest querier on the link. */
  get version(): number {
    const { protocol, olderUntil } = this;
    const { now } = this.context.loop;
    const forced = protocol.forcedVersion(this.owner);
    for (let version = 1; version < protocol.newest; version++) {
      if (forced === version || (forced === 0 && (olderUntil[version - 1] as number) > now)) return version;
    }
    return protocol.newest;
  }

  private get isNewest(): boolean {
    return this.version === this.protocol.newest;
  }

  private get members(): GroupMembership[] {
    const { protocol, owner } = this;
    return owner.groups.filter(({ group }) => group.isV4 === protocol.isV4 && protocol.isReported(group));
  }

  // Changes.

  /** Somebody listens to a group of which nobody did. */
  joined(member: GroupMembership): void {
    const { protocol } = this;
    const at = this.left.findIndex(({ group }) => group.equals(member.group));
    const [earlier] = at < 0 ? [] : this.left.splice(at, 1);
    if (!protocol.isReported(member.group)) return;
    if (earlier !== undefined) member.follow(earlier, this.robustness);
    if (this.isUp) this.announce(member);
  }

  private announce(member: GroupMembership): void {
    const { owner, protocol, version } = this;
    if (version === protocol.newest) {
      member.announce(this.robustness);
      this.changed();
      return;
    }
    member.unsolicitedLeft = protocol.robustness;
    if (!protocol.reportsAtOnce) return this.arm(member, 1);
    protocol.sendOld(owner, version, member.group, false);
    member.isReporter = true;
    member.unsolicitedLeft--;
    this.arm(member, protocol.repeatWithinUs(owner, false));
  }

  /** Nobody listens to the group any more. */
  abandoned(member: GroupMembership): void {
    const { owner, protocol, version } = this;
    this.context.timers.disarm(member);
    if (!protocol.isReported(member.group) || !this.isUp) return;
    if (version !== protocol.newest) {
      // RFC 2236 section 3: only who reported last needs to say that it leaves; version 1 of IGMP has no word for it.
      if (member.isReporter && (version > 1 || !protocol.isV4)) protocol.sendOld(owner, version, member.group, true);
      return;
    }
    member.abandon(this.robustness);
    if (this.left.length === MOST_LEFT) this.left.pop();
    this.left.unshift(member);
    this.changed();
  }

  /** The filters of a group have changed. */
  changed(): void {
    if (!this.isNewest || !this.isUp) return;
    this.turnsLeft = this.robustness;
    // What has been put off is said now.
    this.deadline = this.context.loop.now + FIRST_DELAY_US;
    this.context.timers.arm(this);
  }

  override expired(): void {
    const records: GroupRecord[] = [];
    for (const member of this.left) member.farewellRecords(records);
    this.left = this.left.filter((member) => member.hasChanges);
    for (const member of this.members) member.changeRecords(records);
    if (records.length > 0) this.protocol.sendRecords(this.owner, records);
    this.turnsLeft--;
    // A querier may have lowered the robustness meanwhile: whoever left with the old one is heard out.
    if (this.turnsLeft > 0 || this.left.length > 0) this.arm(this, this.protocol.repeatWithinUs(this.owner, true));
  }

  /** Within `withinUs`, at a time that chance chooses. */
  private arm(timer: Timer, withinUs: number): void {
    const { loop, random, timers } = this.context;
    timer.deadline = loop.now + FIRST_DELAY_US + below(random, withinUs);
    timers.arm(timer);
  }

  // Queries.

  /** A sound query that arrived at the interface. */
  queried(query: GroupQuery): void {
    const { protocol } = this;
    let { group, maxResponseUs } = query;
    let sources: readonly IpAddress[] = query.sources;
    if (query.version < protocol.newest) {
      const until = this.context.loop.now + this.robustness * this.queryIntervalUs + this.queryResponseUs;
      this.olderUntil[query.version - 1] = until;
      // RFC 3376 7.2.1: what was to be said in the newest version is not said.
      this.turnsLeft = 0;
      this.context.timers.disarm(this);
      this.context.timers.disarm(this.generalQuery);
      this.left = [];
      for (const member of this.members) member.forgetLost();
      if (query.version === 1 && protocol.isV4) group = null;
      sources = [];
    } else if (this.isNewest) {
      this.learn(query);
      if (group === null) {
        if (sources.length === 0) this.armEarlier(this.generalQuery, maxResponseUs);
        return;
      }
    } else {
      sources = [];
      if (this.version === 1 && protocol.isV4) {
        group = null;
        maxResponseUs = QUERY_RESPONSE_US;
      }
    }
    for (const member of this.members) {
      if (group !== null && !group.equals(member.group)) continue;
      if (!member.ask(sources)) continue;
      member.unsolicitedLeft = 0;
      this.armEarlier(member, maxResponseUs);
    }
  }

  /**
   * What a querier of the newest version says of itself holds for everybody (RFC 3376 4.1.6, 4.1.7, 8.3; RFC 3810 5.1.8,
   * 5.1.9, 9.3), as far as Linux believes it.
   */
  private learn({ robustness, intervalSeconds, maxResponseUs }: GroupQuery): void {
    if (this.protocol.isV4) {
      this.saidRobustness = robustness;
      this.queryIntervalUs = (intervalSeconds === 0 ? QUERY_INTERVAL_S : intervalSeconds) * 1e6;
      // The response time is not the query's: the default, until an interval is no longer than it (igmp_heard_query).
      if (this.queryResponseUs >= this.queryIntervalUs) this.queryResponseUs = this.queryIntervalUs - 1e6;
      return;
    }
    // Zero says nothing, and fewer than two times are too few (mld_update_qrv).
    if (robustness !== 0) this.saidRobustness = Math.max(robustness, Math.min(LEAST_ROBUSTNESS, this.protocol.robustness));
    this.queryIntervalUs = intervalSeconds * 1e6;
    this.queryResponseUs = maxResponseUs;
  }

  /** An answer that is due before goes out in its own time. */
  private armEarlier(timer: Timer, withinUs: number): void {
    const { loop, random, timers } = this.context;
    const at = loop.now + FIRST_DELAY_US + below(random, Math.max(1, withinUs));
    if (timer.deadline <= at) return;
    timer.deadline = at;
    timers.arm(timer);
  }

  /** A general query's time is over. */
  answerAll(): void {
    const records: GroupRecord[] = [];
    for (const member of this.members) member.stateRecord(records);
    if (records.length > 0) this.protocol.sendRecords(this.owner, records);
  }

  /** The time of a membership's own timer is over: it answers a query, or reports itself in an old version. */
  report(member: GroupMembership): void {
    const { owner, protocol, version } = this;
    if (member.unsolicitedLeft > 0 && --member.unsolicitedLeft > 0) this.arm(member, protocol.repeatWithinUs(owner, version === protocol.newest));
    member.isReporter = true;
    if (version !== protocol.newest) return protocol.sendOld(owner, version, member.group, false);
    const records: GroupRecord[] = [];
    member.stateRecord(records);
    protocol.sendRecords(owner, records);
  }

  /** Somebody else on the link reports the group in an old version: that is enough (RFC 2236 section 3). */
  heardReport(group: IpAddress): void {
    const member = this.members.find((known) => known.group.equals(group));
    if (member === undefined) return;
    this.context.timers.disarm(member);
    member.unsolicitedLeft = 0;
    member.isReporter = false;
  }

  // The interface.

  /** All groups are reported once more: what went out before had no source address (RFC 3810 5.2.13). */
  repeat(): void {
    for (const member of this.members) this.announce(member);
  }

  /** The device has gone up or down, or may have. */
  deviceChanged(): void {
    const { up } = this.owner.device;
    if (up === this.isUp) return;
    this.isUp = up;
    // ip_mc_reset, ipv6_mc_reset.
    this.saidRobustness = 0;
    this.queryIntervalUs = QUERY_INTERVAL_S * 1e6;
    this.queryResponseUs = QUERY_RESPONSE_US;
    if (!this.protocol.isV4) this.olderUntil[0] = 0;
    if (up) this.repeat();
    else this.stop();
  }

  /** Nothing more is said. */
  stop(): void {
    const { timers } = this.context;
    this.turnsLeft = 0;
    this.left = [];
    timers.disarm(this);
    timers.disarm(this.generalQuery);
    for (const member of this.owner.groups) if (member.group.isV4 === this.protocol.isV4) timers.disarm(member);
  }
}

/** RFC 3376 4.2.16, RFC 3810 5.2.15: what is excluded may be told in part. */
function isTruncated({ type }: GroupRecord): boolean {
  return type === GroupRecordType.ModeIsExclude || type === GroupRecordType.ChangeToExclude;
}

/** `records` in parts that fit into reports: `headLen` bytes and `addressLen` for each source, `room` bytes in a report. */
export function packRecords(
  records: readonly GroupRecord[], headLen: number, addressLen: number, room: number,
): GroupRecord[][] {
  const reports: GroupRecord[][] = [];
  if (room < headLen + addressLen) return reports;
  let report: GroupRecord[] = [];
  let left = room;
  const begin = (): void => {
    if (report.length > 0) reports.push(report);
    report = [];
    left = room;
  };
  for (const record of records) {
    const { type, group } = record;
    let { sources } = record;
    if (left < headLen + addressLen * sources.length && (isTruncated(record) || left < headLen + addressLen)) begin();
    for (;;) {
      const most = Math.floor((left - headLen) / addressLen);
      report.push({ type, group, sources: sources.slice(0, most) });
      left -= headLen + addressLen * Math.min(most, sources.length);
      // RFC 3376 4.2.16: of a list of excluded sources only the first part is told, others go on in the next report.
      if (sources.length <= most || isTruncated(record)) break;
      sources = sources.slice(most);
      begin();
    }
  }
  begin();
  return reports;
}
