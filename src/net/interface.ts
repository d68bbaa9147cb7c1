/**
 * A host's interfaces: devices, their addresses, and the multicast groups they listen to.
 *
 * Kept by Network. `LocalAddresses` answers "is this ours?" for every packet that comes in.
 */
import { type IpAddress, networkOf } from '../base/inet-address.ts';
import type { InterfaceSettings, Ipv4InterfaceSettings, Ipv6InterfaceSettings } from '../base/interface-settings.ts';
import { type Device, InterfaceFlag } from '../link/device.ts';
import { AddressIndex } from './address-index.ts';
import type { GroupMembership } from './group-membership.ts';

/** How far an address reaches, as `ip addr` words it; smaller is wider (RTN scopes of Linux). */
export const AddressScope = { Global: 0, Link: 253, Host: 254 } as const;
export type AddressScope = (typeof AddressScope)[keyof typeof AddressScope];

export class InterfaceAddress {
  readonly interface: Interface;
  readonly address: IpAddress;
  /** In the address's own family: 0..32 or 0..128. */
  readonly prefixLength: number;
  readonly scope: AddressScope;
  /** IPv4 broadcast address of the subnet as int32; 0 when it has none (/31, /32). */
  readonly broadcast: number;
  /** Duplicate address detection is not over: the address neither receives nor is a source. */
  tentative = false;
  dadFailed = false;
  /** What `ip addr` calls the IPv4 address: the interface's name, or one that begins with it. */
  label: string;
  /** IPv4: a broadcast address that was given with it (`brd`); null when there was none. */
  givenBroadcast: IpAddress | null = null;
  /** Who made it (IFAPROT_ of <linux/if_addr.h>); 0 when nobody said. */
  maker = 0;
  /** IPv6: nobody is asked whether he has it (IFA_F_NODAD). */
  isUntested = false;
  /** When it was made, in microseconds of the loop. */
  createdAt = 0.5;
  /** Those of the interface in the same IPv4 network, this one among them, oldest first (`Interface.add`). */
  mates: InterfaceAddress[] = [];

  constructor(owner: Interface, address: IpAddress, prefixLength: number, scope: AddressScope) {
    this.interface = owner;
    this.address = address;
    this.prefixLength = prefixLength;
    this.scope = scope;
    this.label = owner.name;
    const hostBits = 32 - prefixLength;
    this.broadcast = address.isV4 && hostBits >= 2 && hostBits < 32 ? address.d | ((1 << hostBits) - 1) : 0;
  }

  /** An IPv4 address in whose network the interface had another one before (IFA_F_SECONDARY). */
  get isSecondary(): boolean {
    return this.primary !== this;
  }

  /** The first IPv4 address of the interface in this one's network: this one itself, or the one that it comes after. */
  get primary(): InterfaceAddress {
    return this.mates[0] ?? this;
  }

  get usable(): boolean {
    return !this.tentative && !this.dadFailed;
  }
}

export class Interface {
  readonly device: Device;
  readonly addresses: InterfaceAddress[] = [];
  readonly groups: GroupMembership[] = [];
  private readonly byAddress = new AddressIndex<InterfaceAddress>();
  private readonly byGroup = new AddressIndex<GroupMembership>();
  /** IPv4 addresses that share a network, by its word and length; how many come after another, and how many have each scope. */
  private readonly networks = new Map<number, InterfaceAddress[]>();
  private secondaries = 0;
  private readonly scopes = new Map<AddressScope, number>();
  /** `ip link set promisc on`: counts once in the device's promiscuity. */
  isPromiscuous = false;
  /** Whether its device was up when it was last looked at (Configuration.deviceChanged). */
  wasUp: boolean;
  /** net.ipv4.conf.NAME and net.ipv6.conf.NAME, and those of `all`. */
  readonly ipv4: Ipv4InterfaceSettings;
  readonly ipv6: Ipv6InterfaceSettings;
  private readonly all4: Ipv4InterfaceSettings;

  constructor(device: Device, settings: InterfaceSettings) {
    this.device = device;
    this.wasUp = device.up;
    this.ipv4 = settings.ipv4.attach(device.name);
    this.ipv6 = settings.ipv6.attach(device.name);
    this.all4 = settings.ipv4.all;
  }

  // How a setting of the interface and that of `all` combine (Linux's IN_DEV_ macros).

  get forwardsIpv4(): boolean {
    return this.ipv4.forwarding !== 0;
  }

  /** 0: any source may come in here; 1: those to which this is the way back; 2: those to which there is any way back. */
  get rpFilter(): number {
    return Math.max(this.all4.rpFilter, this.ipv4.rpFilter);
  }

  /** Packets from our own addresses may come in here. */
  get acceptsLocal(): boolean {
    return this.all4.acceptLocal !== 0 || this.ipv4.acceptLocal !== 0;
  }

  get sendsRedirects(): boolean {
    return this.all4.sendRedirects !== 0 || this.ipv4.sendRedirects !== 0;
  }

  /** Several subnets may share the link: hosts of one reach those of another without a router. */
  get sharesMedia(): boolean {
    return this.all4.sharedMedia !== 0 || this.ipv4.sharedMedia !== 0;
  }

  /** A router listens to others only when both say so, a host when one does. */
  get acceptsRedirects4(): boolean {
    const all = this.all4.acceptRedirects !== 0;
    const own = this.ipv4.acceptRedirects !== 0;
    return this.forwardsIpv4 ? all && own : all || own;
  }

  get acceptsRedirects6(): boolean {
    return this.ipv6.forwarding === 0 && this.ipv6.acceptRedirects !== 0;
  }

  get hasIpv4(): boolean {
    return this.addresses.some(({ address }) => address.isV4);
  }

  get name(): string {
    return this.device.name;
  }

  get index(): number {
    return this.device.index;
  }

  /** IFF_ flags as SIOCGIFFLAGS and `ip link` show them. */
  get flags(): number {
    const device = this.device;
    const kind = device.isLoopback ? InterfaceFlag.LOOPBACK : InterfaceFlag.BROADCAST | InterfaceFlag.MULTICAST;
    const running = device.up && device.carrier ? InterfaceFlag.RUNNING : 0;
    const promiscuous = device.promiscuity > 0 ? InterfaceFlag.PROMISC : 0;
    return kind | (device.up ? InterfaceFlag.UP : 0) | running | promiscuous;
  }

  /**
   * A new address. Of IPv4's those that reach less far come first, and those that are another's second last
   * (inet_insert_ifa): who looks for a source takes the first that will do.
   */
  add(entry: InterfaceAddress): void {
    const { addresses } = this;
    addresses.push(entry);
    this.byAddress.add(entry.address, entry);
    if (!entry.address.isV4) return;
    const key = networkKey(entry.address, entry.prefixLength);
    const mates = this.networks.get(key) ?? [];
    if (mates.length === 0) this.networks.set(key, mates);
    else this.secondaries++;
    mates.push(entry);
    entry.mates = mates;
    const mayMove = !entry.isSecondary && (this.secondaries > 0 || [...this.scopes.keys()].some((scope) => scope < entry.scope));
    this.scopes.set(entry.scope, (this.scopes.get(entry.scope) ?? 0) + 1);
    if (!mayMove) return;
    const at = addresses.findIndex((other) => other.address.isV4 && (other.isSecondary || other.scope < entry.scope));
    if (at < 0 || at === addresses.length - 1) return;
    addresses.pop();
    addresses.splice(at, 0, entry);
  }

  remove(entry: InterfaceAddress): void {
    this.addresses.splice(this.addresses.indexOf(entry), 1);
    this.byAddress.remove(entry.address, entry);
    if (!entry.address.isV4) return;
    const { mates } = entry;
    mates.splice(mates.indexOf(entry), 1);
    entry.mates = [];
    if (mates.length === 0) this.networks.delete(networkKey(entry.address, entry.prefixLength));
    else this.secondaries--;
    const left = (this.scopes.get(entry.scope) as number) - 1;
    if (left === 0) this.scopes.delete(entry.scope);
    else this.scopes.set(entry.scope, left);
  }

  /** The first of its addresses in an IPv4 network; null when there is none. */
  firstIn(address: IpAddress, prefixLength: number): InterfaceAddress | null {
    return this.networks.get(networkKey(address, prefixLength))?.[0] ?? null;
  }

  find({ a, b, c, d }: IpAddress): InterfaceAddress | null {
    return this.byAddress.find(a, b, c, d);
  }

  findWords(a: number, b: number, c: number, d: number): InterfaceAddress | null {
    return this.byAddress.find(a, b, c, d);
  }

  addGroup(member: GroupMembership): void {
    this.groups.push(member);
    this.byGroup.add(member.group, member);
  }

  removeGroup(member: GroupMembership): void {
    this.groups.splice(this.groups.indexOf(member), 1);
    this.byGroup.remove(member.group, member);
  }

  clearGroups(): void {
    this.groups.length = 0;
    this.byGroup.clear();
  }

  isMember(a: number, b: number, c: number, d: number): boolean {
    return this.findGroup(a, b, c, d) !== null;
  }

  findGroup(a: number, b: number, c: number, d: number): GroupMembership | null {
    return this.byGroup.find(a, b, c, d);
  }

  /** The first usable link-local IPv6 address; null while there is none. */
  linkLocal(): InterfaceAddress | null {
    for (const entry of this.addresses) {
      if (entry.usable && entry.scope === AddressScope.Link && !entry.address.isV4) return entry;
    }
    return null;
  }
}

/** An IPv4 network as one number. */
function networkKey(address: IpAddress, prefixLength: number): number {
  return (networkOf(address, prefixLength).d >>> 0) * 64 + prefixLength;
}

/** All addresses of a host by their words. */
export class LocalAddresses {
  private readonly index = new AddressIndex<InterfaceAddress>();

  add(entry: InterfaceAddress): void {
    this.index.add(entry.address, entry);
  }

  remove(entry: InterfaceAddress): void {
    this.index.remove(entry.address, entry);
  }

  /** The entry of an address; the last one, when several interfaces have it (link-local addresses). */
  find(a: number, b: number, c: number, d: number): InterfaceAddress | null {
    return this.index.find(a, b, c, d);
  }
}
