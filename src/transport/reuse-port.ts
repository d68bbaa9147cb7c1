/**
 * SO_REUSEPORT: which of the sockets that fit a packet equally well gets it. The choice is a keyed hash of the 4-tuple,
 * so that a peer's packets stay together and no stranger can aim at one socket (inet_ehashfn, reuseport_select_sock).
 *
 * Called by tcp/demux.ts and udp/udp.ts.
 */
import type { Packet } from '../link/packet.ts';
import type { KeyedHash } from './keyed-hash.ts';

/** A number below `count` for a received packet: the same for every packet between the same two ends. */
export function chooseSharer(hash: KeyedHash, p: Packet, localPort: number, remotePort: number, count: number): number {
  hash.begin();
  hash.add(p.dstA);
  hash.add(p.dstB);
  hash.add(p.dstC);
  hash.add(p.dstD);
  hash.add(p.srcA);
  hash.add(p.srcB);
  hash.add(p.srcC);
  hash.add(p.srcD);
  hash.add((localPort << 16) | remotePort);
  // reciprocal_scale: exact below 2^53, and all values come equally often.
  return Math.floor(((hash.end() >>> 0) * count) / 4294967296);
}
