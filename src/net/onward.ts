/**
 * Where a packet that came in goes when it is not for this host: the input form of the route lookup (Linux's
 * ip_route_input_slow and ip6_route_input), with source validation (fib_validate_source) and a cache of what was found.
 *
 * Called by ipv4-input.ts (sources of all packets), ipv4-forward.ts and ipv6-forward.ts.
 */
import { Errno } from '../base/errno.ts';
import { IpAddress, isV4Mapped, V4_MAPPED } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Interface } from './interface.ts';
import type { Network } from './network.ts';

/** Ways of pairs of addresses that are remembered; a newer pair takes the place of an older one with the same hash. */
const ENTRIES = 256;

/** What was found for packets from one address to another that come in at one device. */
export class Onward {
  generation = 0;
  device: Device | null = null;
  isV4 = false;
  srcA = 0;
  srcB = 0;
  srcC = 0;
  srcD = 0;
  dstA = 0;
  dstB = 0;
  dstC = 0;
  dstD = 0;
  way: Destination | null = null;
  /** The packet goes back to where it came from: its sender should have known the next hop. */
  redirects = false;
}

export class OnwardRoutes {
  /** Positive errno of the last `find` that found nothing: what the sender should hear. */
  refusal = 0;
  private readonly network: Network;
  private readonly entries: (Onward | null)[] = [];
  private ownerGeneration = -1;
  private ownerDevice: Device | null = null;
  private owner: Interface | null = null;

  constructor(network: Network) {
    this.network = network;
  }

  /** Has this host forwarded anything yet? */
  get inUse(): boolean {
    return this.entries.length > 0;
  }

  /** The interface of a device: mostly that of the packet before. */
  interfaceOf(device: Device): Interface | null {
    const { network } = this;
    if (device !== this.ownerDevice || network.generation !== this.ownerGeneration) {
      this.owner = network.interfaceOf(device);
      this.ownerDevice = device;
      this.ownerGeneration = network.generation;
    }
    return this.owner;
  }

  /** What was found before for a packet with these addresses; null when nothing was. */
  cached(p: Packet): Onward | null {
    const known = this.entries[slotOf(p)];
    return known !== null && known !== undefined && this.isFor(known, p) ? known : null;
  }

  /** Finds the way of a packet that is not for this host; null when there is none, and `refusal` tells why. */
  find(p: Packet): Onward | null {
    const known = this.cached(p);
    if (known !== null) return known;
    const { network } = this;
    const device = p.device as Device;
    // RFC 4291 2.5.5.2: these stand for IPv4 in sockets alone. In an IPv6 packet no route leads there.
    if (!p.isV4 && isV4Mapped(p.dstA, p.dstB, p.dstC)) return this.fail(Errno.ENETUNREACH);
    const owner = this.interfaceOf(device);
    const way = network.routing.cachedWords(p.dstA, p.dstB, p.dstC, p.dstD) ??
      network.lookup(new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD), null, null);
    if (way === null || owner === null) return this.fail(way === null ? network.lookupErrno : Errno.ENODEV);
    if (way.kind !== DestinationKind.Unicast) return this.fail(Errno.EINVAL);
    let redirects = way.device === device;
    if (p.isV4) {
      const onLink = this.validateSource(p.srcD, owner, way.device);
      if (onLink < 0) return this.fail(-onLink);
      redirects = redirects && onLink > 0 && owner.sendsRedirects && (owner.sharesMedia || isOnOneSubnet(owner, p.srcD, way.nextHop));
    }
    return this.keep(p, way, redirects);
  }

  /**
   * fib_validate_source: may a packet from `src` come in at this interface, which leaves by `out` (null: is for us)? A
   * negative errno (EINVAL: the address is ours; EXDEV: rp_filter), else whether the sender is on the link.
   */
  validateSource(src: number, owner: Interface, out: Device | null): number {
    const { configuration, routing } = this.network;
    const { rpFilter, device } = owner;
    const isOurs = configuration.local.find(0, 0, V4_MAPPED, src) !== null;
    if (isOurs && !owner.acceptsLocal) return -Errno.EINVAL;
    // Without redirects to send nobody asks where the sender is.
    if (rpFilter === 0 && (isOurs || out !== device || !owner.sendsRedirects)) return 0;
    if (configuration.isBroadcast4(src)) return -Errno.EINVAL;
    const back = routing.table.lookupWords(true, 0, 0, V4_MAPPED, src, null, false);
    if (back === null || back.refusal !== 0 || !owner.hasIpv4) return rpFilter === 0 ? 0 : -Errno.EXDEV;
    if (back.device === device) return back.nextHop === null ? 1 : 0;
    if (rpFilter === 1) return -Errno.EXDEV;
    const here = routing.table.lookupWords(true, 0, 0, V4_MAPPED, src, device, false);
    return here !== null && here.nextHop === null ? 1 : 0;
  }

  private fail(errno: number): null {
    this.refusal = errno;
    return null;
  }

  private isFor(known: Onward, p: Packet): boolean {
    return (
      known.dstD === p.dstD && known.srcD === p.srcD && known.device === p.device && known.isV4 === p.isV4 &&
      known.generation === this.network.generation &&
      known.dstC === p.dstC && known.srcC === p.srcC && known.dstB === p.dstB && known.srcB === p.srcB &&
      known.dstA === p.dstA && known.srcA === p.srcA
    );
  }

  private keep(p: Packet, way: Destination, redirects: boolean): Onward {
    const { entries } = this;
    while (entries.length < ENTRIES) entries.push(null);
    const at = slotOf(p);
    let entry = entries[at] as Onward | null;
    if (entry === null) {
      entry = new Onward();
      entries[at] = entry;
    }
    entry.generation = this.network.generation;
    entry.device = p.device;
    entry.isV4 = p.isV4;
    entry.srcA = p.srcA;
    entry.srcB = p.srcB;
    entry.srcC = p.srcC;
    entry.srcD = p.srcD;
    entry.dstA = p.dstA;
    entry.dstB = p.dstB;
    entry.dstC = p.dstC;
    entry.dstD = p.dstD;
    entry.way = way;
    entry.redirects = redirects;
    return entry;
  }
}

function slotOf(p: Packet): number {
  const mixed = Math.imul(p.dstD ^ p.dstB, 0x85ebca6b) ^ Math.imul(p.srcD ^ p.srcB, 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 8) ^ (mixed >>> 16)) & (ENTRIES - 1);
}

/** inet_addr_onlink: one of the interface's subnets holds both. */
function isOnOneSubnet(owner: Interface, src: number, nextHop: IpAddress): boolean {
  const from = IpAddress.fromV4(src);
  return owner.addresses.some(({ address, prefixLength }) =>
    address.isV4 && from.isIn(address, prefixLength) && nextHop.isIn(address, prefixLength));
}
