/**
 * Path MTU discovery (RFC 1191, RFC 8201): what routers told us about the way to each remote address.
 *
 * Called by Network: `learn` when a transport has checked an ICMP error, `apply` for every new Destination. Entries
 * expire after mtu_expires without a timer: a Destination carries the time and output looks at it.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Settings } from '../base/settings.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import type { Destination } from './destination.ts';

/** Remembered paths; the oldest goes when there are more, so that forged errors cannot fill memory. */
const MAX_PATHS = 1024;

class PathMtu {
  mtuBytes = 0;
  locked = false;
  expiresAt = 0.5;
}

export class PathMtuTable {
  private readonly settings: Settings;
  private readonly paths = new Map<string, PathMtu>();
  /** Raised whenever something was learnt. */
  epoch = 0;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  get size(): number {
    return this.paths.size;
  }

  /** A router on the way to `to` reports `mtuBytes`; `current` is what we believe now. True when that changed it. */
  learn(to: IpAddress, mtuBytes: number, current: number, now: number): boolean {
    if (current < mtuBytes) return false;
    const { settings } = this;
    const floor = to.isV4 ? settings.ipMinPmtu : IPV6_MIN_MTU;
    const mtu = mtuBytes < floor ? Math.min(current, floor) : mtuBytes;
    const key = to.toString6();
    let path = this.paths.get(key);
    if (path === undefined) {
      if (this.paths.size >= MAX_PATHS) this.paths.delete(this.paths.keys().next().value as string);
      path = new PathMtu();
      this.paths.set(key, path);
    }
    this.epoch = (this.epoch + 1) | 0;
    path.mtuBytes = mtu;
    // Linux: a smaller claim than min_pmtu is not believed; such packets are fragmented on the way instead.
    path.locked = to.isV4 && mtuBytes < floor;
    path.expiresAt = now + settings.ipMtuExpires * 1e6;
    return true;
  }

  /** Writes what is known about the path into `d`. */
  apply(d: Destination, now: number): void {
    if (this.paths.size === 0) return;
    const key = d.to.toString6();
    const path = this.paths.get(key);
    if (path === undefined) return;
    if (path.expiresAt <= now) {
      this.paths.delete(key);
      return;
    }
    if (path.mtuBytes < d.mtuBytes) d.mtuBytes = path.mtuBytes;
    d.mtuLocked = path.locked;
    d.mtuExpiresAt = path.expiresAt;
  }
}

/** RFC 791: every link takes a header with all its options and eight bytes; less would be cut into pieces of nothing. */
const LEAST_MTU = 68;

/** The MTU of a destination of which no router has complained (Linux's ipv4_mtu and ip6_mtu). */
export function linkMtu(isV4: boolean, deviceMtu: number): number {
  const most = isV4 ? 65535 : 65575;
  if (!(deviceMtu >= LEAST_MTU)) return LEAST_MTU;
  return deviceMtu < most ? deviceMtu : most;
}
