/**
 * Who is a segment for: connections by their 4-tuple, listeners by port.
 *
 * Bucket arrays with chains; connections, half-open requests and TIME_WAIT records share one table, as on Linux. Called
 * by Tcp.input for every segment: addresses come as words, nothing is allocated.
 */
import { type IpAddress, V4_MAPPED } from '../../base/inet-address.ts';
import type { RandomSource } from '../../base/random.ts';
import type { Packet } from '../../link/packet.ts';
import { KeyedHash } from '../keyed-hash.ts';
import { chooseSharer } from '../reuse-port.ts';
import type { TcpEndpoint } from './endpoint.ts';
import type { Listener } from './listener.ts';

/** The three classes in the table of connections. */
export const NodeKind = { Endpoint: 0, Request: 1, TimeWait: 2 } as const;
export type NodeKind = (typeof NodeKind)[keyof typeof NodeKind];

/** What is in the table of connections. */
export interface DemuxNode {
  readonly kind: NodeKind;
  localAddress: IpAddress;
  localPort: number;
  remoteAddress: IpAddress | null;
  remotePort: number;
  nextNode: DemuxNode | null;
}

const FIRST_SIZE = 64;

export class ConnectionTable {
  private buckets: (DemuxNode | null)[] = new Array<DemuxNode | null>(FIRST_SIZE).fill(null);
  private mask = FIRST_SIZE - 1;
  private readonly salt: number;
  /** Odd and secret, so that which tuples meet in a bucket depends on the secret, not only in which bucket they do. */
  private readonly factor: number;
  count = 0;

  constructor(salt: number) {
    this.salt = salt;
    this.factor = mix(salt ^ 0x5bd1e995) | 1;
  }

  add(node: DemuxNode): void {
    if (this.count > this.mask) this.grow();
    const at = this.slotOf(node.localAddress, node.localPort, node.remoteAddress as IpAddress, node.remotePort);
    node.nextNode = this.buckets[at] as DemuxNode | null;
    this.buckets[at] = node;
    this.count++;
  }

  remove(node: DemuxNode): void {
    const at = this.slotOf(node.localAddress, node.localPort, node.remoteAddress as IpAddress, node.remotePort);
    let previous: DemuxNode | null = null;
    let other = this.buckets[at] as DemuxNode | null;
    while (other !== node) {
      if (other === null) return;
      previous = other;
      other = other.nextNode;
    }
    if (previous === null) this.buckets[at] = node.nextNode;
    else previous.nextNode = node.nextNode;
    node.nextNode = null;
    this.count--;
  }

  /** The connection a received segment belongs to (its destination is our local side). */
  find(p: Packet, localPort: number, remotePort: number): DemuxNode | null {
    let prefix = this.salt;
    if (p.srcC !== V4_MAPPED || (p.srcA | p.srcB) !== 0) {
      prefix = this.prefixes(p.srcA, p.srcB, p.srcC, p.dstA, p.dstB, p.dstC);
    }
    let node = this.buckets[this.slot(prefix, p.dstD, localPort, p.srcD, remotePort)] as DemuxNode | null;
    for (; node !== null; node = node.nextNode) {
      if (node.localPort !== localPort || node.remotePort !== remotePort) continue;
      const remote = node.remoteAddress as IpAddress;
      const local = node.localAddress;
      if (
        remote.d === p.srcD && local.d === p.dstD && remote.c === p.srcC && local.c === p.dstC &&
        remote.b === p.srcB && local.b === p.dstB && remote.a === p.srcA && local.a === p.dstA
      ) return node;
    }
    return null;
  }

  findTuple(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): DemuxNode | null {
    let node = this.buckets[this.slotOf(local, localPort, remote, remotePort)] as DemuxNode | null;
    for (; node !== null; node = node.nextNode) {
      if (node.localPort !== localPort || node.remotePort !== remotePort) continue;
      if ((node.remoteAddress as IpAddress).equals(remote) && node.localAddress.equals(local)) return node;
    }
    return null;
  }

  /** Nodes of the longest bucket: for tests of the hash. */
  get longest(): number {
    let most = 0;
    for (const head of this.buckets) {
      let n = 0;
      for (let node = head; node !== null; node = node.nextNode) n++;
      if (n > most) most = n;
    }
    return most;
  }

  /** Every node, in no order: for ss and leak tests. */
  *[Symbol.iterator](): IterableIterator<DemuxNode> {
    for (const head of this.buckets) {
      for (let node = head; node !== null; node = node.nextNode) yield node;
    }
  }

  /** The bucket of a connection. */
  slotOf(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    let prefix = this.salt;
    if (remote.c !== V4_MAPPED || (remote.a | remote.b) !== 0) {
      prefix = this.prefixes(remote.a, remote.b, remote.c, local.a, local.b, local.c);
    }
    return this.slot(prefix, local.d, localPort, remote.d, remotePort);
  }

  /** `prefix` is `prefixes` of IPv6 addresses; for IPv4, whose first words are always the same, it is the salt. */
  private slot(prefix: number, localWord: number, localPort: number, remoteWord: number, remotePort: number): number {
    const { factor } = this;
    let h = Math.imul(prefix ^ remoteWord, factor);
    h = Math.imul(((h ^ (h >>> 16)) + ((localPort << 16) | remotePort)) ^ localWord, factor);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    return (h ^ (h >>> 16)) & this.mask;
  }

  /** The first three words of both addresses. A peer may own a whole prefix: every word counts, with the secret between. */
  private prefixes(a: number, b: number, c: number, localA: number, localB: number, localC: number): number {
    const { factor } = this;
    let h = Math.imul(this.salt ^ a, factor);
    h = Math.imul((h ^ (h >>> 16)) + b, factor);
    h = Math.imul((h ^ (h >>> 15)) + c, factor);
    h = Math.imul((h ^ (h >>> 16)) + localA, factor);
    h = Math.imul((h ^ (h >>> 15)) + localB, factor);
    h = Math.imul((h ^ (h >>> 16)) + localC, factor);
    return h ^ (h >>> 15);
  }

  private grow(): void {
    const old = this.buckets;
    const size = old.length * 2;
    this.buckets = new Array<DemuxNode | null>(size).fill(null);
    this.mask = size - 1;
    for (let i = 0; i < old.length; i++) {
      let node = old[i] as DemuxNode | null;
      while (node !== null) {
        const next: DemuxNode | null = node.nextNode;
        const at = this.slotOf(node.localAddress, node.localPort, node.remoteAddress as IpAddress, node.remotePort);
        node.nextNode = this.buckets[at] as DemuxNode | null;
        this.buckets[at] = node;
        node = next;
      }
    }
  }
}

/** MurmurHash3's last steps: every bit of the result depends on every bit of `h`. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Listening endpoints by port; a port's few listeners are a chain through `Listener.nextListener`. */
export class ListenerTable {
  private readonly heads: Map<number, TcpEndpoint> = new Map();
  private readonly hash: KeyedHash;

  constructor(random: RandomSource) {
    this.hash = new KeyedHash(random);
  }

  add(t: TcpEndpoint): void {
    const listener = t.listener;
    if (listener === null) throw new Error('not listening');
    listener.nextListener = this.heads.get(t.localPort) ?? null;
    this.heads.set(t.localPort, t);
  }

  remove(t: TcpEndpoint): void {
    const head = this.heads.get(t.localPort);
    const next = t.listener === null ? null : t.listener.nextListener;
    if (head === t) {
      if (next === null) this.heads.delete(t.localPort);
      else this.heads.set(t.localPort, next);
      return;
    }
    for (let other = head ?? null; other !== null && other.listener !== null; other = other.listener.nextListener) {
      if (other.listener.nextListener === t) {
        other.listener.nextListener = next;
        return;
      }
    }
  }

  /**
   * The best listener for a received segment (Linux's inet_lhash2_lookup): a bound address before "any", a bound
   * device before none, and for IPv4 an AF_INET socket before a dual-stack one. Among equals with SO_REUSEPORT the
   * connection's hash decides.
   */
  find(p: Packet, localPort: number, remotePort: number): TcpEndpoint | null {
    let best: TcpEndpoint | null = null;
    let bestScore = -1;
    let equals = 0;
    let t = this.heads.get(localPort) ?? null;
    while (t !== null) {
      const score = scoreOf(t, p);
      if (score > bestScore) {
        best = t;
        bestScore = score;
        equals = 1;
      } else if (score === bestScore) {
        equals++;
      }
      t = t.listener === null ? null : t.listener.nextListener;
    }
    if (best === null || equals === 1 || !best.settledOptions.reusePort) return best;
    return this.sharer(p, localPort, remotePort, bestScore);
  }

  /** One of the listeners with SO_REUSEPORT and this score; there is one. */
  private sharer(p: Packet, localPort: number, remotePort: number, score: number): TcpEndpoint {
    const head = this.heads.get(localPort) as TcpEndpoint;
    let count = 0;
    for (let t: TcpEndpoint | null = head; t !== null; t = (t.listener as Listener).nextListener) {
      if (t.settledOptions.reusePort && scoreOf(t, p) === score) count++;
    }
    let left = chooseSharer(this.hash, p, localPort, remotePort, count);
    let t = head;
    while (!(t.settledOptions.reusePort && scoreOf(t, p) === score && left-- === 0)) {
      t = (t.listener as Listener).nextListener as TcpEndpoint;
    }
    return t;
  }

  *[Symbol.iterator](): IterableIterator<TcpEndpoint> {
    for (const head of this.heads.values()) {
      for (let t: TcpEndpoint | null = head; t !== null; t = t.listener === null ? null : t.listener.nextListener) yield t;
    }
  }
}

function scoreOf(t: TcpEndpoint, p: Packet): number {
  let score = 0;
  const device = t.settledOptions.boundDevice;
  if (device !== null) {
    if (device !== p.device) return -1;
    score += 2;
  }
  if (t.isV4) {
    if (!p.isV4) return -1;
    score += 1;
  } else if (p.isV4 && t.settledOptions.v6Only) {
    return -1;
  }
  const local = t.localAddress;
  if (local.is(p.dstA, p.dstB, p.dstC, p.dstD)) return score + 4;
  // The wildcard of an AF_INET6 socket is for both families, a v4-mapped one only for IPv4.
  if (local.d !== 0 || local.a !== 0 || local.b !== 0) return -1;
  return local.c === 0 || p.isV4 ? score : -1;
}
