/**
 * The result of a route lookup, kept by whoever sends (Linux's dst_entry): device, next hop, source and path MTU.
 *
 * Endpoints keep one and check `generation` against the network's before use; addresses, routes and devices that change
 * raise the generation. A path MTU that is learnt changes `mtuBytes` in place, or when it is used next, after the cache
 * has let it go (`Network.output`; TCP, which cuts its segments before, asks `Network.refreshPathMtu`).
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Neighbour } from './neighbour.ts';

export const DestinationKind = { Unicast: 0, Local: 1, Broadcast: 2, Multicast: 3 } as const;
export type DestinationKind = (typeof DestinationKind)[keyof typeof DestinationKind];

export class Destination {
  readonly kind: DestinationKind;
  readonly isV4: boolean;
  readonly device: Device;
  readonly to: IpAddress;
  /** The router's address, or `to` itself when it is on the link. */
  readonly nextHop: IpAddress;
  /** Preferred source address. */
  readonly source: IpAddress;
  /** Path MTU in bytes, IP header included. */
  mtuBytes: number;
  readonly generation: number;
  /** Link-layer next hop; null on loopback and until the first packet. */
  neighbour: Neighbour | null = null;
  /** When a learnt path MTU is forgotten; Infinity while `mtuBytes` is the device's. */
  mtuExpiresAt = Infinity;
  /** The path claims an MTU below `min_pmtu`: packets go without "don't fragment" (Linux's mtu_locked). */
  mtuLocked = false;
  /** Prefix length of the route that was taken (ICMPv6's rate limit is wider for wide prefixes). */
  prefixLength = 0;
  /** What was asked for: source, device, and whether to do without gateways. Keys of the cache. */
  askedFrom: IpAddress | null = null;
  askedDevice: Device | null = null;
  askedOnLink = false;
  /** False once the cache has let it go: path MTUs that are learnt do not reach it by themselves any more. */
  isCached = true;
  /** Then: what it has seen of them (PathMtuTable.epoch). */
  pathEpoch = 0;
  nextCached: Destination | null = null;

  constructor(
    kind: DestinationKind, isV4: boolean, device: Device, to: IpAddress, nextHop: IpAddress, source: IpAddress,
    mtuBytes: number, generation: number,
  ) {
    this.kind = kind;
    this.isV4 = isV4;
    this.device = device;
    this.to = to;
    this.nextHop = nextHop;
    this.source = source;
    this.mtuBytes = mtuBytes;
    this.generation = generation;
  }
}
