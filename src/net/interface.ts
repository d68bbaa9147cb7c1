/**
 * A host's interfaces: devices, their addresses, and the multicast groups they listen to.
 *
 * Kept by Network. `LocalAddresses` answers "is this ours?" for every packet that comes in.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { InterfaceSettings, Ipv4InterfaceSettings, Ipv6InterfaceSettings } from '../base/interface-settings.ts';
import { type Device, InterfaceFlag } from '../link/device.ts';
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
  next: InterfaceAddress | null = null;

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
    if (!this.address.isV4) return this;
    for (const other of this.interface.addresses) {
      if (other === this) break;
      if (other.address.isV4 && other.prefixLength === this.prefixLength && other.address.isIn(this.address, this.prefixLength)) return other;
    }
    return this;
  }

  get usable(): boolean {
    return !this.tentative && !this.dadFailed;
  }
}

export class Interface {
  readonly device: Device;
  readonly addresses: InterfaceAddress[] = [];
  readonly groups: GroupMembership[] = [];
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

  find(address: IpAddress): InterfaceAddress | null {
    for (const entry of this.addresses) if (entry.address.equals(address)) return entry;
    return null;
  }

  findWords(a: number, b: number, c: number, d: number): InterfaceAddress | null {
    const list = this.addresses;
    for (let i = 0; i < list.length; i++) if (list[i].address.is(a, b, c, d)) return list[i];
    return null;
  }

  isMember(a: number, b: number, c: number, d: number): boolean {
    return this.findGroup(a, b, c, d) !== null;
  }

  findGroup(a: number, b: number, c: number, d: number): GroupMembership | null {
    const list = this.groups;
    for (let i = 0; i < list.length; i++) if (list[i].group.is(a, b, c, d)) return list[i];
    return null;
  }

  /** The first usable link-local IPv6 address; null while there is none. */
  linkLocal(): InterfaceAddress | null {
    for (const entry of this.addresses) {
      if (entry.usable && entry.scope === AddressScope.Link && !entry.address.isV4) return entry;
    }
    return null;
  }
}

const BUCKETS = 64;

/** All addresses of a host by their words. */
export class LocalAddresses {
  private readonly buckets: (InterfaceAddress | null)[] = new Array<InterfaceAddress | null>(BUCKETS).fill(null);

  add(entry: InterfaceAddress): void {
    const at = hash(entry.address.b, entry.address.d);
    entry.next = this.buckets[at];
    this.buckets[at] = entry;
  }

  remove(entry: InterfaceAddress): void {
    const at = hash(entry.address.b, entry.address.d);
    let before: InterfaceAddress | null = null;
    for (let here = this.buckets[at]; here !== null; before = here, here = here.next) {
      if (here !== entry) continue;
      if (before === null) this.buckets[at] = here.next;
      else before.next = here.next;
      return;
    }
  }

  /** The entry of an address; the first, when several interfaces have it (link-local addresses). */
  find(a: number, b: number, c: number, d: number): InterfaceAddress | null {
    for (let here = this.buckets[hash(b, d)]; here !== null; here = here.next) {
      if (here.address.is(a, b, c, d)) return here;
    }
    return null;
  }
}

function hash(b: number, d: number): number {
  const mixed = d ^ b ^ (d >>> 16);
  return (mixed ^ (mixed >>> 8)) & (BUCKETS - 1);
}
