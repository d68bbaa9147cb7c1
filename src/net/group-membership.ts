/**
 * What one interface listens to of one group: the filters of everybody who joined, and what is still to be said of their
 * changes (RFC 3376 section 3.2 and 5.1, RFC 3810 section 4.2 and 6.1; ip_mc_list of net/ipv4/igmp.c).
 *
 * The filters of a group add up: with one EXCLUDE filter or more, all sources are heard but those which every EXCLUDE
 * filter names and no INCLUDE filter does; with INCLUDE filters alone, those that one of them names.
 *
 * Kept by groups.ts, which joins and leaves; group-reporter.ts asks for records.
 */
import { type IpAddress, isUnspecified } from '../base/inet-address.ts';
import { Timer } from '../base/timer-queue.ts';
import { GroupRecordType } from '../wire/group-record.ts';

/** MCAST_EXCLUDE and MCAST_INCLUDE of <netinet/in.h>. */
export const FilterMode = { Exclude: 0, Include: 1 } as const;
export type FilterMode = (typeof FilterMode)[keyof typeof FilterMode];

/** One group record of a report. */
export interface GroupRecord {
  readonly type: GroupRecordType;
  readonly group: IpAddress;
  readonly sources: readonly IpAddress[];
}

class SourceFilter {
  readonly address: IpAddress;
  /** How many filters of each mode name it. */
  readonly named: [number, number] = [0, 0];
  /** Was it among the interface's sources before the change under way? */
  wasIn = false;
  /** How often its coming or going is still to be reported. */
  changesLeft = 0;
  /** A query asked for it. */
  isAsked = false;

  constructor(address: IpAddress) {
    this.address = address;
  }
}

/** Its timer runs while an answer to a query for the group, or an unsolicited report of an old version, is due. */
export class GroupMembership extends Timer {
  readonly group: IpAddress;
  /** Who joined: addresses (solicited-node) and sockets. */
  refs = 1;
  mode: FilterMode;
  /** A change of mode, joining and leaving included, is to be reported this often. */
  changesLeft = 0;
  /** The query to be answered asks for some sources alone. */
  isAskedForSources = false;
  /** Old versions: reports that still follow without being asked for, and whether the last one on the link was ours. */
  unsolicitedLeft = 0;
  isReporter = false;
  private readonly filters: [number, number] = [0, 0];
  private sources: SourceFilter[] = [];
  /** Sources that are no more among the interface's, as long as that is to be said. */
  private lost: SourceFilter[] = [];
  private readonly onTimer: (member: GroupMembership) => void;

  constructor(group: IpAddress, mode: FilterMode, onTimer: (member: GroupMembership) => void) {
    super();
    this.group = group;
    this.mode = mode;
    this.filters[mode] = 1;
    this.onTimer = onTimer;
  }

  override expired(): void {
    this.onTimer(this);
  }

  /** Does the interface take packets of the group from this source (ip_check_mc_rcu, ipv6_chk_mcast_addr)? */
  accepts(a: number, b: number, c: number, d: number): boolean {
    if (isUnspecified(a, b, c, d)) return true;
    for (const { address, named } of this.sources) {
      if (address.is(a, b, c, d)) return named[FilterMode.Include] > 0 || named[FilterMode.Exclude] !== this.filters[FilterMode.Exclude];
    }
    return this.filters[FilterMode.Exclude] > 0;
  }

  /** The sources that filters name, in the order they came, and how many filters of each mode do. */
  *namedSources(): IterableIterator<{ address: IpAddress; including: number; excluding: number }> {
    for (const { address, named } of this.sources) yield { address, including: named[FilterMode.Include], excluding: named[FilterMode.Exclude] };
  }

  // Filters that come and go. Both say whether there is something to report.

  /**
   * `sources` join a filter of this mode: that of another socket, or one that is already counted (`isKnown`).
   * `robustness`: how often a change is reported.
   */
  addFilter(mode: FilterMode, sources: readonly IpAddress[], isKnown: boolean, robustness: number): boolean {
    this.mark();
    const wasExclude = this.mode === FilterMode.Exclude;
    if (!isKnown) this.filters[mode]++;
    for (const address of sources) {
      let source = this.sources.find((known) => known.address.equals(address));
      if (source === undefined) {
        source = new SourceFilter(address);
        this.sources.push(source);
      }
      source.named[mode]++;
    }
    const isExclude = this.filters[FilterMode.Exclude] > 0;
    if (wasExclude === isExclude) return this.settle(robustness);
    if (isExclude) this.mode = FilterMode.Exclude;
    else if (this.filters[FilterMode.Include] > 0) this.mode = FilterMode.Include;
    this.modeChanged(robustness);
    return true;
  }

  removeFilter(mode: FilterMode, sources: readonly IpAddress[], isKnown: boolean, robustness: number): boolean {
    this.mark();
    if (!isKnown) {
      if (this.filters[mode] === 0) return false;
      this.filters[mode]--;
    }
    let anyLost = false;
    for (const address of sources) {
      const source = this.sources.find((known) => known.address.equals(address));
      if (source === undefined || source.named[mode] === 0) continue;
      source.named[mode]--;
      if (source.named[FilterMode.Include] > 0 || source.named[FilterMode.Exclude] > 0) continue;
      this.sources.splice(this.sources.indexOf(source), 1);
      if (!source.wasIn) continue;
      source.changesLeft = robustness;
      this.lost.unshift(source);
      anyLost = true;
    }
    const turns = this.mode === FilterMode.Exclude && this.filters[FilterMode.Exclude] === 0 && this.filters[FilterMode.Include] > 0;
    if (!turns) return this.settle(robustness) || anyLost;
    this.mode = FilterMode.Include;
    this.modeChanged(robustness);
    return true;
  }

  /** The report of a change of mode tells the sources too. */
  private modeChanged(robustness: number): void {
    this.changesLeft = robustness;
    for (const source of this.sources) source.changesLeft = 0;
  }

  private isIn({ named }: SourceFilter): boolean {
    const excluding = this.filters[FilterMode.Exclude];
    if (excluding === 0) return named[FilterMode.Include] > 0;
    return named[FilterMode.Exclude] === excluding && named[FilterMode.Include] === 0;
  }

  private mark(): void {
    for (const source of this.sources) source.wasIn = this.isIn(source);
  }

  /** Finds out which sources have come to count and which do no more (sf_setstate). */
  private settle(robustness: number): boolean {
    let any = false;
    for (const source of this.sources) {
      const isIn = this.isIn(source);
      if (isIn === source.wasIn) continue;
      any = true;
      const at = this.lost.findIndex((known) => known.address.equals(source.address));
      if (isIn) {
        if (at >= 0) this.lost.splice(at, 1);
        source.changesLeft = robustness;
        continue;
      }
      source.changesLeft = 0;
      const lost = at >= 0 ? (this.lost[at] as SourceFilter) : new SourceFilter(source.address);
      lost.changesLeft = robustness;
      if (at < 0) this.lost.unshift(lost);
    }
    return any;
  }

  // The group as a whole.

  /** It is joined, or its interface is up again: with INCLUDE its sources speak for themselves (RFC 3376 5.1). */
  announce(robustness: number): void {
    if (this.mode === FilterMode.Exclude) this.changesLeft = robustness;
  }

  /** Nobody listens any more (igmpv3_add_delrec). */
  abandon(robustness: number): void {
    this.changesLeft = robustness;
    if (this.mode === FilterMode.Exclude) {
      this.sources = [];
      this.lost = [];
    }
    for (const source of this.sources) source.changesLeft = robustness;
  }

  /** What is still to be said of an earlier membership of the same group, which this one follows (igmpv3_del_delrec). */
  follow(earlier: GroupMembership, robustness: number): void {
    if (this.mode === FilterMode.Exclude) {
      this.changesLeft = robustness;
      return;
    }
    this.lost = earlier.lost;
    this.sources = earlier.sources;
    for (const source of this.sources) source.changesLeft = robustness;
  }

  /** An old querier is there: the past is nothing to it (igmpv3_clear_delrec). */
  forgetLost(): void {
    this.lost = [];
  }

  /**
   * A query for the group and these sources; without any, for the group as a whole. False when it is none of this
   * membership's business (igmp_marksources).
   */
  ask(sources: readonly IpAddress[]): boolean {
    const isSpecific = sources.length > 0;
    const isRunning = this.deadline !== Infinity;
    this.isAskedForSources = isRunning ? this.isAskedForSources && isSpecific : isSpecific;
    if (!this.isAskedForSources) return true;
    const isNamed = (source: SourceFilter): boolean => sources.some((address) => address.equals(source.address));
    if (this.mode === FilterMode.Exclude) {
      this.isAskedForSources = false;
      return this.sources.filter((source) => this.isIn(source) && isNamed(source)).length < sources.length;
    }
    const asked = this.sources.filter(isNamed);
    for (const source of asked) source.isAsked = true;
    this.isAskedForSources = asked.length > 0;
    return asked.length > 0;
  }

  // Records.

  /** The answer to a query. */
  stateRecord(into: GroupRecord[]): void {
    const isExclude = this.filters[FilterMode.Exclude] > 0;
    this.add(into, isExclude ? GroupRecordType.ModeIsExclude : GroupRecordType.ModeIsInclude, false, false);
    this.isAskedForSources = false;
  }

  /** What has changed, once less to be said from now on. */
  changeRecords(into: GroupRecord[]): void {
    const isExclude = this.filters[FilterMode.Exclude] > 0;
    const { AllowNewSources, BlockOldSources, ChangeToExclude, ChangeToInclude } = GroupRecordType;
    this.add(into, isExclude ? BlockOldSources : AllowNewSources, false, false);
    this.add(into, isExclude ? AllowNewSources : BlockOldSources, false, true);
    if (this.changesLeft === 0) return;
    this.add(into, this.mode === FilterMode.Exclude ? ChangeToExclude : ChangeToInclude, false, false);
    this.changesLeft--;
  }

  /** The same of one that nobody listens to any more. */
  farewellRecords(into: GroupRecord[]): void {
    if (this.mode === FilterMode.Include) {
      this.add(into, GroupRecordType.BlockOldSources, true, false);
      this.add(into, GroupRecordType.BlockOldSources, true, true);
    }
    if (this.changesLeft === 0) return;
    if (this.mode === FilterMode.Exclude) this.add(into, GroupRecordType.ChangeToInclude, true, false);
    this.changesLeft--;
    if (this.changesLeft > 0) return;
    this.sources = this.sources.filter((source) => source.changesLeft > 0);
    this.lost = this.lost.filter((source) => source.changesLeft > 0);
  }

  /** Is there a change to be reported once more? */
  get hasChanges(): boolean {
    return this.changesLeft > 0 || this.lost.length > 0 || this.sources.some((source) => source.changesLeft > 0);
  }

  /** add_grec: a record of the sources that belong into it, and an empty one where the group itself is the news. */
  private add(into: GroupRecord[], type: GroupRecordType, isLeft: boolean, ofLost: boolean): void {
    const isSourceChange = type >= GroupRecordType.AllowNewSources;
    const isState = type <= GroupRecordType.ModeIsExclude;
    // RFC 3376 5.1: a change of mode says all that changes of sources would say.
    const isImplied = isSourceChange && (isLeft ? this.mode === FilterMode.Exclude : this.changesLeft > 0);
    const sources: IpAddress[] = [];
    const kept: SourceFilter[] = [];
    for (const source of ofLost ? this.lost : this.sources) {
      if (!this.belongs(source, type, isLeft, ofLost)) {
        kept.push(source);
        continue;
      }
      if (!isImplied || source.changesLeft === 0) {
        sources.push(source.address);
        if (isState) source.isAsked = false;
      }
      if (isSourceChange && source.changesLeft > 0) source.changesLeft--;
      if (!isSourceChange || source.changesLeft > 0 || !(ofLost || isLeft)) kept.push(source);
    }
    if (ofLost) this.lost = kept;
    else this.sources = kept;
    if (sources.length > 0 || (!isSourceChange && (this.changesLeft > 0 || isState))) into.push({ type, group: this.group, sources });
  }

  /** is_in */
  private belongs(source: SourceFilter, type: GroupRecordType, isLeft: boolean, ofLost: boolean): boolean {
    const { named, changesLeft } = source;
    const isStanding = !isLeft && !ofLost;
    switch (type) {
      case GroupRecordType.ModeIsInclude: case GroupRecordType.ModeIsExclude:
        if (!isStanding || (this.isAskedForSources && !source.isAsked)) return false;
        if (this.mode === FilterMode.Include) return true;
        if (named[FilterMode.Include] > 0) return type === GroupRecordType.ModeIsInclude;
        return named[FilterMode.Exclude] === this.filters[FilterMode.Exclude];
      case GroupRecordType.ChangeToInclude: return isStanding && named[FilterMode.Include] > 0;
      case GroupRecordType.ChangeToExclude: return isStanding && this.filters[FilterMode.Exclude] > 0 && this.isIn(source);
      case GroupRecordType.AllowNewSources:
        return !isLeft && changesLeft > 0 && (this.mode === FilterMode.Include) !== ofLost;
      default:
        if (this.mode === FilterMode.Include) return isLeft || (changesLeft > 0 && ofLost);
        return changesLeft > 0 && isStanding;
    }
  }
}
