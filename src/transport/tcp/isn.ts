/**
 * Initial sequence numbers (RFC 6528) and timestamp offsets: a keyed hash of the connection plus, for sequence
 * numbers, a clock that ticks every 64 ns as Linux's does.
 */
import type { IpAddress } from '../../base/inet-address.ts';
import type { Seq } from '../../base/seq.ts';
import type { KeyedHash } from '../keyed-hash.ts';

export function initialSequence(
  hash: KeyedHash, nowUs: number, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number,
): Seq {
  hash.begin();
  addAddress(hash, local);
  addAddress(hash, remote);
  hash.add((localPort << 16) | remotePort);
  // 64 ns a tick: 15.625 ticks a microsecond. Product and sum are exact below 2^53.
  return (hash.end() + Math.floor((nowUs * 125) / 8)) | 0;
}

/** The same for every connection between two addresses, so that a reused port never sees time go back (RFC 7323). */
export function timestampOffset(hash: KeyedHash, local: IpAddress, remote: IpAddress): number {
  hash.begin();
  addAddress(hash, local);
  addAddress(hash, remote);
  return hash.end();
}

function addAddress(hash: KeyedHash, address: IpAddress): void {
  hash.add(address.a);
  hash.add(address.b);
  hash.add(address.c);
  hash.add(address.d);
}
