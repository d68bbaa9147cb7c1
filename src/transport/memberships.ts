/**
 * The multicast groups that one socket has joined, each with its source filter (ip(7), ipv6(7), RFC 3678; ip_mc_join_group and
 * its kin in net/ipv4/igmp.c, ipv6_sock_mc_join and its kin in net/ipv6/mcast.c). Which errno comes when is Linux's, and
 * differs between the families.
 *
 * Called by socket/family/multicast-options.ts, and by endpoints for what arrives (`hears`). Interfaces learn of it through
 * net/groups.ts.
 */
import { Errno } from '../base/errno.ts';
import { ANY4, type IpAddress } from '../base/inet-address.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import type { Settings } from '../base/settings.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import { FilterMode } from '../net/group-membership.ts';
import type { Interface } from '../net/interface.ts';
import type { Network } from '../net/network.ts';

export { FilterMode } from '../net/group-membership.ts';

/** What Linux takes of optmem_max: for a membership, and for a list of sources with room for so many. */
const MEMBERSHIP4_BYTES = 48, MEMBERSHIP6_BYTES = 56;
const SOURCES_BYTES = 24, SOURCE4_BYTES = 4, SOURCE6_BYTES = 16;
/** A list of sources grows by so many (IP_SFBLOCK). */
const SOURCES_STEP = 10;
const NO_SOURCES: readonly IpAddress[] = [];

export class Membership {
  readonly group: IpAddress;
  readonly device: Device;
  /** The device's index, also when it is gone. */
  readonly index: number;
  /** The address of the interface as it was given; 0.0.0.0 when it was not. */
  readonly address: IpAddress;
  mode: FilterMode;
  /** Null without a filter: all sources with EXCLUDE, none with INCLUDE. */
  sources: IpAddress[] | null = null;
  /** How many sources there is room for. */
  room = 0;

  constructor(group: IpAddress, device: Device, address: IpAddress, mode: FilterMode) {
    this.group = group;
    this.device = device;
    this.index = device.index;
    this.address = address;
    this.mode = mode;
  }

  get bytes(): number {
    return this.group.isV4 ? MEMBERSHIP4_BYTES : MEMBERSHIP6_BYTES;
  }

  get sourcesBytes(): number {
    return this.sources === null ? 0 : bytesOfSources(this.group.isV4, this.room);
  }
}

/** Where a group is joined: on the interface with this index, else the one with this address, else where the route leads. */
export interface Place {
  readonly group: IpAddress;
  readonly index: number;
  /** IPv4 alone. */
  readonly address: IpAddress;
}

export function placeAt(group: IpAddress, index: number): Place {
  return { group, index, address: ANY4 };
}

const NONE: readonly Membership[] = [];

export class Memberships {
  /** Who joined last stands first, as on Linux. */
  readonly list: Membership[] = [];
  /** By their groups, and how many are IPv4's. */
  private readonly byGroup = new Map<string, Membership[]>();
  private count4 = 0;
  private readonly network: Network;
  private readonly settings: Settings;
  private readonly memory: KernelMemory;
  /** Bytes of optmem_max in use. */
  private used = 0;

  constructor(network: Network) {
    this.network = network;
    this.settings = network.settings;
    this.memory = network.context.memory;
  }

  /**
   * May the socket have this packet to a group? `byDefault` is for groups that it has not joined (IP_MULTICAST_ALL). IPv6 does
   * not ask where the packet came in (ip_mc_sf_allow, inet6_mc_check).
   */
  hears(p: Packet, byDefault: boolean): boolean {
    const index = p.device === null ? 0 : p.device.index;
    for (const { group, mode, sources, index: own } of this.list) {
      if (!group.is(p.dstA, p.dstB, p.dstC, p.dstD) || (p.isV4 && own !== index)) continue;
      const isNamed = sources !== null && sources.some((source) => source.is(p.srcA, p.srcB, p.srcC, p.srcD));
      return isNamed === (mode === FilterMode.Include);
    }
    return byDefault;
  }

  /** -EINVAL (no group), -ENODEV, -EADDRINUSE, and when there is no room -ENOBUFS over IPv4, -ENOMEM over IPv6. */
  join(place: Place, mode: FilterMode = FilterMode.Exclude): number {
    const { group } = place;
    const { isV4 } = group;
    if (!group.isMulticast) return -Errno.EINVAL;
    // IPv6 looks for the membership before the interface: without an index any of the group's will do.
    if (!isV4 && this.of(group).some((known) => place.index === 0 || known.index === place.index)) {
      return -Errno.EADDRINUSE;
    }
    if (!isV4 && !this.hasRoom(MEMBERSHIP6_BYTES, Cost.JOINED)) return -Errno.ENOMEM;
    const owner = this.find(place);
    if (owner === null) return -Errno.ENODEV;
    if (isV4) {
      if (this.of(group).some((known) => known.index === owner.index)) return -Errno.EADDRINUSE;
      if (this.count4 >= this.settings.igmpMaxMemberships || !this.hasRoom(MEMBERSHIP4_BYTES, Cost.JOINED)) return -Errno.ENOBUFS;
    }
    const added = new Membership(group, owner.device, place.address, mode);
    this.list.unshift(added);
    this.byGroup.set(String(group), [added, ...this.of(group)]);
    if (isV4) this.count4++;
    this.used += added.bytes;
    this.memory.hold(Cost.JOINED);
    this.network.groups.join(owner, group, mode);
    return 0;
  }

  /** -EINVAL (IPv6: no group), -ENODEV (IPv4: no interface), -EADDRNOTAVAIL. */
  leave(place: Place): number {
    const { group, address } = place;
    const { isV4 } = group;
    if (!isV4 && !group.isMulticast) return -Errno.EINVAL;
    let { index } = place;
    if (isV4) {
      const owner = this.find(place);
      if (owner === null && index === 0 && address.isUnspecified) return -Errno.ENODEV;
      if (owner !== null) index = owner.index;
    }
    const known = this.of(group).find((candidate) => {
      if (index !== 0) return candidate.index === index;
      return address.isUnspecified || address.equals(candidate.address);
    });
    if (known === undefined) return -Errno.EADDRNOTAVAIL;
    this.remove(known);
    return 0;
  }

  /**
   * A source more or less in the filter of a group that has been joined: -EINVAL (no group, not joined, the other mode),
   * -ENODEV, -EADDRNOTAVAIL (it is there already, or is not), -ENOBUFS (too many). The last one of an INCLUDE filter takes
   * the membership with it.
   */
  changeSource(isAdded: boolean, mode: FilterMode, place: Place, source: IpAddress): number {
    const { group } = place;
    if (!group.isMulticast) return -Errno.EINVAL;
    const owner = this.find(place);
    if (owner === null) return -Errno.ENODEV;
    const index = group.isV4 ? owner.index : place.index;
    const known = this.of(group).find((candidate) => index === 0 || candidate.index === index);
    if (known === undefined || (known.sources !== null && known.mode !== mode)) return -Errno.EINVAL;
    const { groups } = this.network;
    if (known.mode !== mode) {
      groups.change(owner, group, known.mode, NO_SOURCES, mode, NO_SOURCES);
      known.mode = mode;
    }
    const at = known.sources === null ? -1 : known.sources.findIndex((address) => address.equals(source));
    if (!isAdded) {
      if (known.sources === null || at < 0) return -Errno.EADDRNOTAVAIL;
      if (known.sources.length === 1 && mode === FilterMode.Include) return this.leave({ ...place, index });
      groups.changeSource(owner, group, mode, source, false);
      known.sources.splice(at, 1);
      return 0;
    }
    const most = group.isV4 ? this.settings.igmpMaxMsf : this.settings.mldMaxMsf;
    const count = known.sources === null ? 0 : known.sources.length;
    if (known.sources !== null && count >= most) return -Errno.ENOBUFS;
    if (count === known.room) {
      const room = known.room + SOURCES_STEP;
      if (!this.hasRoom(bytesOfSources(group.isV4, room), SOURCES_STEP * Cost.SOURCE)) return -Errno.ENOBUFS;
      this.used -= known.sourcesBytes;
      known.sources ??= [];
      known.room = room;
      this.used += known.sourcesBytes;
      this.memory.hold(SOURCES_STEP * Cost.SOURCE);
    }
    if (at >= 0) return -Errno.EADDRNOTAVAIL;
    (known.sources as IpAddress[]).push(source);
    groups.changeSource(owner, group, mode, source, true);
    return 0;
  }

  /**
   * The whole filter at once: -EINVAL (no group, no mode, not joined), -ENODEV, -ENOBUFS. INCLUDE without sources is the
   * same as leaving.
   */
  setFilter(place: Place, mode: number, sources: IpAddress[]): number {
    const { group } = place;
    if (!group.isMulticast || (mode !== FilterMode.Include && mode !== FilterMode.Exclude)) return -Errno.EINVAL;
    const owner = this.find(place);
    if (owner === null) return -Errno.ENODEV;
    const index = group.isV4 ? owner.index : place.index;
    if (mode === FilterMode.Include && sources.length === 0) return this.leave({ ...place, index });
    const known = this.list.find((candidate) => candidate.group.equals(group) && candidate.index === index);
    if (known === undefined) return -Errno.EINVAL;
    if (sources.length > 0 && !this.hasRoom(bytesOfSources(group.isV4, sources.length), sources.length * Cost.SOURCE)) return -Errno.ENOBUFS;
    this.network.groups.change(owner, group, known.mode, known.sources ?? NO_SOURCES, mode, sources);
    this.used -= known.sourcesBytes;
    this.memory.hold((sources.length - known.room) * Cost.SOURCE);
    known.mode = mode;
    known.sources = sources.length > 0 ? sources : null;
    known.room = sources.length;
    this.used += known.sourcesBytes;
    return 0;
  }

  /** The membership whose filter is asked for, or a negative errno. `finds`: by address or route too (IP_MSFILTER). */
  filterOf(place: Place, finds: boolean): Membership | number {
    const { group } = place;
    if (!group.isMulticast) return -Errno.EINVAL;
    let { index } = place;
    if (finds) {
      const owner = this.find(place);
      if (owner === null) return -Errno.ENODEV;
      index = owner.index;
    }
    return this.list.find((known) => known.group.equals(group) && known.index === index) ?? -Errno.EADDRNOTAVAIL;
  }

  /** The socket is closed. */
  clear(): void {
    for (let last = this.list[0]; last !== undefined; last = this.list[0]) this.remove(last);
  }

  /** Those of a group, who joined last first. */
  private of(group: IpAddress): readonly Membership[] {
    return this.byGroup.get(String(group)) ?? NONE;
  }

  private remove(gone: Membership): void {
    this.list.splice(this.list.indexOf(gone), 1);
    const others = this.of(gone.group).filter((other) => other !== gone);
    if (others.length === 0) this.byGroup.delete(String(gone.group));
    else this.byGroup.set(String(gone.group), others);
    if (gone.group.isV4) this.count4--;
    this.used -= gone.bytes + gone.sourcesBytes;
    this.memory.letGo(Cost.JOINED + gone.room * Cost.SOURCE);
    const owner = this.network.interfaceOf(gone.device);
    if (owner !== null && owner.index === gone.index) this.network.groups.leave(owner, gone.group, gone.mode, gone.sources ?? NO_SOURCES);
  }

  /** ip_mc_find_dev, ip6_mc_find_idev. */
  private find({ group, index, address }: Place): Interface | null {
    const { network } = this;
    let device: Device | null;
    if (index !== 0) device = network.deviceAt(index);
    else if (group.isV4 && !address.isUnspecified) device = network.deviceOf(address);
    else device = network.deviceForGroup(group);
    return device === null ? null : network.interfaceOf(device);
  }

  /** sock_kmalloc of so many `bytes`, which are `charge` here. */
  private hasRoom(bytes: number, charge: number): boolean {
    const { optmemMax } = this.settings;
    return bytes <= optmemMax && this.used + bytes < optmemMax && !this.memory.lacks(charge);
  }
}

function bytesOfSources(isV4: boolean, count: number): number {
  return SOURCES_BYTES + (isV4 ? SOURCE4_BYTES : SOURCE6_BYTES) * count;
}
