/**
 * Data that came too early: a list ordered by sequence number, and the SACK blocks that tell the peer (RFC 2018, 2883).
 *
 * Called by receive.ts. Nodes hold the packets themselves, their heads' payload moved into ranges. Nodes are pooled;
 * the queue object is made with the first hole and dropped with the last.
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqGeq, seqGt, seqLeq, seqLt } from '../../base/seq.ts';
import type { Packet } from '../../link/packet.ts';
import { PACKET_OVERHEAD } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { Bit, ownRecovery } from './tcb.ts';

const MAX_BLOCKS = 4;

export class OutOfOrderNode {
  seq: Seq = 0;
  /** One past the last byte, or past the FIN. */
  end: Seq = 0;
  fin = false;
  packet: Packet | null = null;
  next: OutOfOrderNode | null = null;
}

let freeNodes: OutOfOrderNode | null = null;

export class OutOfOrderQueue {
  first: OutOfOrderNode | null = null;
  last: OutOfOrderNode | null = null;
  /** SACK blocks, newest first: left edges at even places, right edges at odd ones. */
  blocks = 0;
  readonly edges: Int32Array = new Int32Array(2 * MAX_BLOCKS);
}

/**
 * Queues the data [seq, end) of `p` (head moved to the data's first byte). Takes over `p`. False when all of it was
 * there already.
 */
export function queueOutOfOrder(t: TcpEndpoint, p: Packet, from: Seq, to: Seq, hasFin: boolean): boolean {
  let seq = from;
  let end = to;
  let fin = hasFin;
  let queue = t.ofo;
  if (queue === null) {
    queue = new OutOfOrderQueue();
    t.ofo = queue;
  }
  const counters = t.tcp.counters;
  counters[Mib.TcpExtTCPOFOQueue]++;
  let previous: OutOfOrderNode | null = null;
  const last = queue.last;
  if (last !== null && seqGeq(seq, last.end)) {
    previous = last;
  } else {
    for (let node = queue.first; node !== null && seqLeq(node.seq, seq); node = node.next) previous = node;
  }
  if (previous !== null && seqGt(previous.end, seq)) {
    if (seqGeq(previous.end, end)) {
      counters[Mib.TcpExtTCPOFOMerge]++;
      p.release();
      setDsack(t, seq, end);
      addBlock(queue, seq, end);
      return false;
    }
    setDsack(t, seq, previous.end);
    p.trimFront((previous.end - seq) | 0);
    seq = previous.end;
  }
  let next = previous === null ? queue.first : previous.next;
  while (next !== null && seqLt(next.seq, end)) {
    if (seqGt(next.end, end) || (next.end === end && next.fin && !fin)) {
      extendDsack(t, next.seq, end);
      end = next.seq;
      fin = false;
      p.trimTo((end - seq) | 0);
      break;
    }
    // The new one covers this node wholly.
    extendDsack(t, next.seq, next.end);
    counters[Mib.TcpExtTCPOFOMerge]++;
    const after: OutOfOrderNode | null = next.next;
    releaseNode(t, next);
    next = after;
  }
  if (seq === end) {
    if (previous === null) queue.first = next;
    else previous.next = next;
    p.release();
    return false;
  }
  let node = freeNodes;
  if (node === null) node = new OutOfOrderNode();
  else freeNodes = node.next;
  p.keepRanges(t.tcp.context.keeper);
  p.headToRanges(t.tcp.context.keeper);
  node.seq = seq;
  node.end = end;
  node.fin = fin;
  node.packet = p;
  node.next = next;
  t.receivedBytes += p.rangesLen + PACKET_OVERHEAD;
  if (previous === null) queue.first = node;
  else previous.next = node;
  if (next === null) queue.last = node;
  addBlock(queue, seq, end);
  return true;
}

/**
 * Takes the first node off when it reaches into what is expected next; null when there is none. Its packet belongs to
 * the caller, data before RCV.NXT cut off; `node.fin` stays readable until the next call that queues.
 */
export function takeInOrder(t: TcpEndpoint): OutOfOrderNode | null {
  const queue = t.ofo as OutOfOrderQueue;
  const node = queue.first;
  if (node === null || seqGt(node.seq, t.rcvNxt)) return null;
  queue.first = node.next;
  if (node.next === null) queue.last = null;
  const p = node.packet as Packet;
  t.receivedBytes -= p.rangesLen + PACKET_OVERHEAD;
  if (seqLt(node.seq, t.rcvNxt)) {
    const overlap = (t.rcvNxt - node.seq) | 0;
    extendDsack(t, node.seq, seqLt(node.end, t.rcvNxt) ? node.end : t.rcvNxt);
    if (overlap >= p.rangesLen) p.trimTo(0);
    else p.trimFront(overlap);
  }
  return node;
}

/** Gives a node that `takeInOrder` returned back to the pool. */
export function recycleNode(node: OutOfOrderNode): void {
  node.packet = null;
  node.next = freeNodes;
  freeNodes = node;
}

function releaseNode(t: TcpEndpoint, node: OutOfOrderNode): void {
  const p = node.packet as Packet;
  t.receivedBytes -= p.rangesLen + PACKET_OVERHEAD;
  p.release();
  recycleNode(node);
}

/** Lets everything go. */
export function purgeOutOfOrder(t: TcpEndpoint): void {
  const queue = t.ofo;
  if (queue === null) return;
  let node = queue.first;
  while (node !== null) {
    const next: OutOfOrderNode | null = node.next;
    releaseNode(t, node);
    node = next;
  }
  t.ofo = null;
}

/** RCV.NXT moved: blocks that it covers are no news any more (tcp_sack_remove). */
export function removeCoveredBlocks(t: TcpEndpoint): void {
  const queue = t.ofo;
  if (queue === null) return;
  if (queue.first === null) {
    t.ofo = null;
    return;
  }
  const edges = queue.edges;
  let kept = 0;
  for (let i = 0; i < queue.blocks; i++) {
    if (seqGeq(t.rcvNxt, edges[2 * i] as number)) continue;
    edges[2 * kept] = edges[2 * i] as number;
    edges[2 * kept + 1] = edges[2 * i + 1] as number;
    kept++;
  }
  queue.blocks = kept;
}

/** The block that just changed comes first (RFC 2018 section 4). */
function addBlock(queue: OutOfOrderQueue, seq: Seq, end: Seq): void {
  const edges = queue.edges;
  for (let i = 0; i < queue.blocks; i++) {
    const left = edges[2 * i] as number;
    const right = edges[2 * i + 1] as number;
    if (seqGt(seq, right) || seqGt(left, end)) continue;
    const newLeft = seqLt(seq, left) ? seq : left;
    const newRight = seqGt(end, right) ? end : right;
    for (let j = i; j > 0; j--) moveBlock(edges, j - 1, j);
    edges[0] = newLeft;
    edges[1] = newRight;
    coalesce(queue);
    return;
  }
  if (queue.blocks < MAX_BLOCKS) queue.blocks++;
  for (let j = queue.blocks - 1; j > 0; j--) moveBlock(edges, j - 1, j);
  edges[0] = seq;
  edges[1] = end;
}

/** The first block has grown: others that it touches now are part of it. */
function coalesce(queue: OutOfOrderQueue): void {
  const edges = queue.edges;
  let i = 1;
  while (i < queue.blocks) {
    const left = edges[2 * i] as number;
    const right = edges[2 * i + 1] as number;
    if (seqGt(edges[0] as number, right) || seqGt(left, edges[1] as number)) {
      i++;
      continue;
    }
    if (seqLt(left, edges[0] as number)) edges[0] = left;
    if (seqGt(right, edges[1] as number)) edges[1] = right;
    queue.blocks--;
    for (let j = i; j < queue.blocks; j++) moveBlock(edges, j + 1, j);
  }
}

function moveBlock(edges: Int32Array, from: number, to: number): void {
  edges[2 * to] = edges[2 * from] as number;
  edges[2 * to + 1] = edges[2 * from + 1] as number;
}

/** RFC 2883: the next acknowledgement reports [seq, end) as received twice. */
export function setDsack(t: TcpEndpoint, seq: Seq, end: Seq): void {
  if ((t.bits & Bit.SackOk) === 0 || t.tcp.context.settings.tcpDsack === 0) return;
  if (seqLt(seq, t.rcvNxt)) t.tcp.counters[Mib.TcpExtTCPDSACKOldSent]++;
  else t.tcp.counters[Mib.TcpExtTCPDSACKOfoSent]++;
  const recovery = ownRecovery(t);
  recovery.dsackStart = seq;
  recovery.dsackEnd = end;
}

export function extendDsack(t: TcpEndpoint, seq: Seq, end: Seq): void {
  if (t.recovery.dsackStart === t.recovery.dsackEnd) return setDsack(t, seq, end);
  if (seqGt(seq, t.recovery.dsackEnd) || seqGt(t.recovery.dsackStart, end)) return;
  const recovery = ownRecovery(t);
  if (seqLt(seq, recovery.dsackStart)) recovery.dsackStart = seq;
  if (seqGt(end, recovery.dsackEnd)) recovery.dsackEnd = end;
}

/** Fills `count` blocks for the segment being sent; a DSACK goes first and is told once. */
export function fillSackBlocks(t: TcpEndpoint, edges: Int32Array, count: number): void {
  let filled = 0;
  if (t.recovery.dsackStart !== t.recovery.dsackEnd) {
    edges[0] = t.recovery.dsackStart;
    edges[1] = t.recovery.dsackEnd;
    const recovery = ownRecovery(t);
    recovery.dsackStart = 0;
    recovery.dsackEnd = 0;
    filled = 1;
  }
  const queue = t.ofo;
  if (queue === null) return;
  for (let i = 0; filled < count; i++, filled++) {
    edges[2 * filled] = queue.edges[2 * i] as number;
    edges[2 * filled + 1] = queue.edges[2 * i + 1] as number;
  }
}
