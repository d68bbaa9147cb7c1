/**
 * How many ICMP errors may go out: a bucket for each destination and one for the whole host, as Linux 6.x has them
 * (icmp_ratelimit, icmp_msgs_per_sec, icmp_msgs_burst; icmp_global_allow, inet_peer_xrlim_allow).
 *
 * Called by icmp.ts and icmp6.ts. Buckets are filled when they are looked at; there is no timer.
 */
import { Mib } from '../base/counters.ts';
import type { HostContext } from '../base/host-context.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { below } from '../base/random.ts';

/** A destination may save up so many errors (XRLIM_BURST_FACTOR). */
const BURST = 6;
/** Destinations remembered; when there are more, the oldest is forgotten and starts with a full bucket. */
const MAX_PEERS = 1024;
/** The host's bucket is refilled in steps of at least a fiftieth of a second. */
const REFILL_US = 20_000;

class Bucket {
  /** Microseconds of credit, and when they were counted. */
  credit = 0.5;
  countedAt = 0.5;
}

export class RateLimit {
  private readonly context: HostContext;
  private readonly peers = new Map<string, Bucket>();
  private globalCredit = 0;
  private globalCountedAt = -1e15 - 0.5;

  constructor(context: HostContext) {
    this.context = context;
  }

  /** May another error go to `to`? One is due every `intervalMs`; 0 means there is no limit for one destination. */
  allow(to: IpAddress, intervalMs: number): boolean {
    const values = this.context.counters.values;
    if (!this.globalAllows()) {
      values[Mib.IcmpOutRateLimitGlobal]++;
      return false;
    }
    if (intervalMs > 0 && !this.allowPeer(to, intervalMs * 1000)) {
      values[to.isV4 ? Mib.IcmpOutRateLimitHost : Mib.Icmp6OutRateLimitHost]++;
      return false;
    }
    // Linux takes 0 to 2 credits, so that nobody can count our messages from outside (CVE-2020-25705).
    this.globalCredit -= below(this.context.random, 3);
    return true;
  }

  private globalAllows(): boolean {
    if (this.globalCredit > 0) return true;
    const { settings, loop } = this.context;
    const elapsed = Math.min(loop.now - this.globalCountedAt, 1e6);
    if (elapsed < REFILL_US) return false;
    const more = Math.floor((settings.icmpMsgsPerSec * elapsed) / 1e6);
    if (more === 0) return false;
    this.globalCountedAt = loop.now;
    this.globalCredit = Math.min(this.globalCredit + more, settings.icmpMsgsBurst);
    return true;
  }

  /** The share of one destination alone (inet_peer_xrlim_allow). */
  allowPeer(to: IpAddress, intervalUs: number): boolean {
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
