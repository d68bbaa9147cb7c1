/**
 * Multicast groups of a host's interfaces: who listens to what, for sockets and for addresses, and IGMP and MLD, which tell
 * the routers.
 *
 * Called by configuration.ts (interfaces), transport/memberships.ts through Network (sockets), ipv4-input.ts and icmp6.ts
 * (messages). Filters of a group: group-membership.ts; when what is said: group-reporter.ts.
 */
import { Errno } from '../base/errno.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { FilterMode, GroupMembership } from './group-membership.ts';
import { GroupReporter } from './group-reporter.ts';
import { Igmp } from './igmp.ts';
import type { Interface } from './interface.ts';
import { Mld } from './mld.ts';
import type { Network } from './network.ts';

const NO_SOURCES: readonly IpAddress[] = [];

export class Groups {
  readonly igmp: Igmp;
  readonly mld: Mld;
  private readonly network: Network;
  private readonly reporters = new Map<Interface, readonly [GroupReporter, GroupReporter]>();

  constructor(network: Network) {
    this.network = network;
    this.igmp = new Igmp(network, this);
    this.mld = new Mld(network, this);
  }

  /** The one who speaks of an interface's groups of a family. */
  reporter(owner: Interface, isV4: boolean): GroupReporter {
    let both = this.reporters.get(owner);
    if (both === undefined) {
      const { context } = this.network;
      both = [new GroupReporter(context, owner, this.igmp), new GroupReporter(context, owner, this.mld)];
      this.reporters.set(owner, both);
    }
    return both[isV4 ? 0 : 1];
  }

  /** Counted: every join needs its leave, with the filter as it is then. 0 or -EINVAL. */
  join(owner: Interface, group: IpAddress, mode: FilterMode = FilterMode.Exclude): number {
    if (!group.isMulticast) return -Errno.EINVAL;
    const reporter = this.reporter(owner, group.isV4);
    const known = find(owner, group);
    if (known !== null) {
      known.refs++;
      if (known.addFilter(mode, NO_SOURCES, false, reporter.robustness)) reporter.changed();
      return 0;
    }
    const member = new GroupMembership(group, mode, (due) => reporter.report(due));
    owner.addGroup(member);
    reporter.joined(member);
    return 0;
  }

  /** 0 or -EADDRNOTAVAIL. */
  leave(owner: Interface, group: IpAddress, mode: FilterMode = FilterMode.Exclude, sources: readonly IpAddress[] = NO_SOURCES): number {
    const member = find(owner, group);
    if (member === null) return -Errno.EADDRNOTAVAIL;
    const reporter = this.reporter(owner, group.isV4);
    if (member.removeFilter(mode, sources, false, reporter.robustness)) reporter.changed();
    if (--member.refs > 0) return 0;
    owner.removeGroup(member);
    reporter.abandoned(member);
    return 0;
  }

  /** A member's filter takes the place of another: its mode and all its sources. */
  change(
    owner: Interface, group: IpAddress, before: FilterMode, sourcesBefore: readonly IpAddress[], mode: FilterMode,
    sources: readonly IpAddress[],
  ): void {
    const member = find(owner, group);
    if (member === null) return;
    const reporter = this.reporter(owner, group.isV4);
    const added = member.addFilter(mode, sources, false, reporter.robustness);
    const removed = member.removeFilter(before, sourcesBefore, false, reporter.robustness);
    if (added || removed) reporter.changed();
  }

  /** A member's filter names one source more, or one less. */
  changeSource(owner: Interface, group: IpAddress, mode: FilterMode, source: IpAddress, isAdded: boolean): void {
    const member = find(owner, group);
    if (member === null) return;
    const reporter = this.reporter(owner, group.isV4);
    const { robustness } = reporter;
    const isNews = isAdded ? member.addFilter(mode, [source], true, robustness) : member.removeFilter(mode, [source], true, robustness);
    if (isNews) reporter.changed();
  }

  /** The interface has a link-local address now: what was reported without a source is said again. */
  sourceReady(owner: Interface): void {
    this.reporter(owner, false).repeat();
  }

  deviceChanged(owner: Interface): void {
    for (const reporter of this.reporters.get(owner) ?? []) reporter.deviceChanged();
  }

  /** The interface is gone, and its groups with it. */
  forget(owner: Interface): void {
    for (const reporter of this.reporters.get(owner) ?? []) reporter.stop();
    this.reporters.delete(owner);
    owner.clearGroups();
  }

  /** The machine loses its power: what is left of its interfaces says nothing more. */
  powerOff(): void {
    for (const owner of this.network.interfaces()) this.forget(owner);
  }
}

function find(owner: Interface, group: IpAddress): GroupMembership | null {
  return owner.findGroup(group.a, group.b, group.c, group.d);
}
