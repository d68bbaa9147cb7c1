/**
 * PAWS (RFC 7323 section 5): segments with a timestamp older than the last one are old duplicates.
 */
import { PAWS_DAYS_24, PAWS_WINDOW } from './constants.ts';

/** Does a segment pass, given the last timestamp and the second it came in? A reset may be up to a minute old. */
export function pawsAccepts(tsRecent: number, tsRecentSeconds: number, tsVal: number, nowSeconds: number, rst: boolean): boolean {
  // A clock that may have wrapped since proves nothing; some send 0 in their SYN.
  if (((tsRecent - tsVal) | 0) <= 0 || tsRecent === 0) return true;
  if (nowSeconds - tsRecentSeconds >= PAWS_DAYS_24) return true;
  // A reset's timestamp may be stale: whoever sends it may have lost its state (tcp_paws_reject).
  return rst && nowSeconds - tsRecentSeconds >= 60;
}

/** The same for connections, where a difference of one tick is forgiven. */
export function pawsAcceptsSegment(tsRecent: number, tsRecentSeconds: number, tsVal: number, nowSeconds: number): boolean {
  if (((tsRecent - tsVal) | 0) <= PAWS_WINDOW || tsRecent === 0) return true;
  return nowSeconds - tsRecentSeconds >= PAWS_DAYS_24;
}
