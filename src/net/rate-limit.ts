/**
 * How many ICMP errors may go out: a bucket for each destination and one for the whole host, as Linux has them
 * (icmp_ratelimit, icmp_msgs_per_sec, icmp_msgs_burst; inet_peer_xrlim_allow).
 */
import { Mib } from '../base/counters.ts';
import type { HostContext } from '../base/host-context.ts';
import type { IpAddress } from '../base/inet-address.ts';

/** A destination may save up so many errors (XRLIM_BURST_FACTOR). */
const BURST = 6;
/** Destinations remembered; when there are more, the oldest is forgotten and starts with a full bucket. */
const MAX_PEERS = 1024;

class Bucket {
  /** Microseconds of credit, and when they were counted. */
  credit = 0.5;
  countedAt = 0.5;
}

export class RateLimit {
  private readonly context: HostContext;
  private readonly peers = new Map<string, Bucket>();
  private globalCredit: number;
  private globalCountedAt = 0.5;

  constructor(context: HostContext) {
    this.context = context;
    this.globalCredit = context.settings.icmpMsgsBurst;
    this.globalCountedAt = context.loop.now;
  }

  /** May another error go to `to`? One is due every `intervalMs`; 0 means there is no limit for one destination. */
  allow(to: IpAddress, intervalMs: number): boolean {
    const values = this.context.counters.values;
    if (!this.allowGlobal()) {
      values[Mib.IcmpOutRateLimitGlobal]++;
      return false;
    }
    if (intervalMs <= 0 || this.allowPeer(to, intervalMs * 1000)) return true;
    values[to.isV4 ? Mib.IcmpOutRateLimitHost : Mib.Icmp6OutRateLimitHost]++;
    return false;
  }

  private allowGlobal(): boolean {
    const { settings, loop } = this.context;
    const refill = ((loop.now - this.globalCountedAt) * settings.icmpMsgsPerSec) / 1e6;
    this.globalCredit = Math.min(settings.icmpMsgsBurst, this.globalCredit + refill);
    this.globalCountedAt = loop.now;
    if (this.globalCredit < 1) return false;
    this.globalCredit -= 1;
    return true;
  }

  private allowPeer(to: IpAddress, intervalUs: number): boolean {
    const { now } = this.context.loop;
    const key = to.toString6();
    let bucket = this.peers.get(key);
    if (bucket === undefined) {
      if (this.peers.size >= MAX_PEERS) this.peers.delete(this.peers.keys().next().value as string);
      bucket = new Bucket();
      bucket.credit = BURST * intervalUs;
      bucket.countedAt = now;
      this.peers.set(key, bucket);
    }
    bucket.credit = Math.min(BURST * intervalUs, bucket.credit + now - bucket.countedAt);
    bucket.countedAt = now;
    if (bucket.credit < intervalUs) return false;
    bucket.credit -= intervalUs;
    return true;
  }
}
