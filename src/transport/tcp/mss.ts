/**
 * Segment sizes: from path MTU, the peer's MSS option, TCP_MAXSEG and the largest window the peer ever offered; and how many
 * of them one super-segment holds.
 */
import type { Destination } from '../../net/destination.ts';
import { TCP_HEADER_LEN } from '../../wire/tcp.ts';
import { MAX_SEGMENT, MSS_DEFAULT } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { headerLenNow } from './segment-out.ts';
import { RecordFlag } from './send-record.ts';

/** What we announce in a SYN: as much as the device takes (the path is not known yet). */
export function advertisedMss(t: TcpEndpoint, d: Destination): number {
  const mss = routeMss(d, t.tcp.context.settings.tcpMinSndMss);
  const user = t.user === null ? 0 : t.user.maxSegment;
  return user !== 0 && user < mss ? user : mss;
}

/** The MSS that a route's MTU leaves for TCP without options. */
export function routeMss(d: Destination, least: number): number {
  // The total length of IPv4 counts its header, the payload length of IPv6 does not.
  const most = d.isV4 ? 65535 : 65575;
  const mtu = d.mtuBytes > most ? most : d.mtuBytes;
  const mss = mtu - TCP_HEADER_LEN - (d.isV4 ? 20 : 40);
  return mss > least ? mss : least;
}

/** Recomputes `t.mss` (tcp_sync_mss): after handshakes, path MTU changes, and when the peer's window grows. */
export function syncMss(t: TcpEndpoint): void {
  const d = t.destination;
  if (d === null) return;
  const settings = t.tcp.context.settings;
  let mss = routeMss(d, settings.tcpMinSndMss);
  if (mss > t.mssClamp) mss = t.mssClamp;
  if (mss < settings.tcpMinSndMss) mss = settings.tcpMinSndMss;
  mss -= t.headerLen - TCP_HEADER_LEN;
  // Never more than half of the peer's largest window, or it could not acknowledge before we must stop.
  const most = t.maxWindow > MSS_DEFAULT ? t.maxWindow >> 1 : t.maxWindow;
  if (most > 0 && mss > most) mss = most > 68 - t.headerLen ? most : 68 - t.headerLen;
  t.mss = mss;
}

/** The path takes less than what is in flight: whatever is longer is lost and goes again in smaller pieces. */
export function markTooLong(t: TcpEndpoint): boolean {
  let marked = false;
  for (let record = t.firstRecord; record !== null && record !== t.sendHead; record = record.next) {
    if ((record.flags & (RecordFlag.Sacked | RecordFlag.Lost)) !== 0) continue;
    if (((record.end - record.seq) | 0) <= t.mss * record.segs) continue;
    if ((record.flags & RecordFlag.Retransmitted) !== 0) {
      record.flags &= ~RecordFlag.Retransmitted;
      t.retransOut -= record.segs;
    }
    record.flags |= RecordFlag.Lost;
    t.lostOut += record.segs;
    marked = true;
  }
  return marked;
}

/** The payload of one segment as of now: the path may have changed, SACK blocks may take room. */
export function currentMss(t: TcpEndpoint): number {
  t.route();
  return t.mss - (headerLenNow(t) - t.headerLen);
}

// The last answer of largestSegment: two divisions of integers cost 30 ns, and the question is mostly the same.
let knownMost = 0;
let knownMss = 0;
let knownLargest = 0;
let knownSegs = 1;

/** Payload of the largest (super-)segment that may be sent: a multiple of `mss`. */
export function largestSegment(t: TcpEndpoint, mss: number): number {
  const d = t.destination;
  if (d === null) return mss;
  const gso = d.device.gsoMaxBytes;
  let most = (gso < 65535 ? gso : 65535) - (d.isV4 ? 20 : 40) - headerLenNow(t);
  if (most > MAX_SEGMENT) most = MAX_SEGMENT;
  if (most <= mss) return mss;
  if (most !== knownMost || mss !== knownMss) {
    knownMost = most;
    knownMss = mss;
    knownSegs = Math.floor(most / mss);
    knownLargest = knownSegs * mss;
  }
  return knownLargest;
}

/** The same, in segments of `mss`. */
export function largestSegmentCount(t: TcpEndpoint, mss: number): number {
  return largestSegment(t, mss) === mss ? 1 : knownSegs;
}
