/**
 * Reassembly of fragments (RFC 791, RFC 8200 section 4.5), one table for each family.
 *
 * Called by ipv4-input.ts and ipv6-input.ts. Limits are Linux's: memory (`ipfrag_high_thresh`), time (`ipfrag_time`) and
 * distance (`ipfrag_max_dist`: a packet whose sender has sent that many other fragments since is given up).
 * Overlapping fragments end the whole packet (RFC 5722; Linux does so for IPv4 too); what is there already is ignored.
 */
import { packetTruesize } from '../base/buffer-size.ts';
import type { HostContext } from '../base/host-context.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Chunk } from '../base/slab.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { orphan } from '../link/transmitter.ts';

/** What a packet that waits for its fragments counts beside them (sizeof(struct inet_frag_queue)). */
const QUEUE_BYTES = 200;
/** What a sender leaves free in front of a fragment for the link. */
const LINK_BYTES = 16;
const MAX_PACKET = 65535;
/** Bits of `ecnSeen`. */
const NOT_ECT = 1;
const CONGESTION_EXPERIENCED = 8;

/** What became of a fragment. */
export const FragmentResult = { Kept: 0, Complete: 1, Dropped: 2 } as const;
export type FragmentResult = (typeof FragmentResult)[keyof typeof FragmentResult];

/** Who owns a table: told when a packet's time is over. */
export interface ReassemblyOwner {
  readonly timeoutUs: number;
  readonly memoryLimit: number;
  /** 0: no limit. */
  readonly maxDistance: number;
  /** Whether a length that is no multiple of eight is cut to one (Linux for IPv4) or ends the packet. */
  readonly cutsOddLengths: boolean;
  /** `first` is the fragment with offset 0, or null when it never came. Borrows it. */
  reassemblyTimedOut(first: Packet | null): void;
}

/** A sender of fragments: how many it has sent, and how many packets of it are waiting. */
class FragmentSender {
  readonly key: string;
  count = 0;
  assemblies = 0;

  constructor(key: string) {
    this.key = key;
  }
}

export class Assembly extends Timer {
  readonly table: ReassemblyTable;
  readonly sender: FragmentSender;
  /** The sender's count when the last fragment of this packet came. */
  touchedAt = 0;
  /** A bit for each ECN codepoint seen. */
  ecnSeen = 0;
  readonly key: string;
  /** Fragments by offset; a packet's `fragmentOffset` is its offset, `l4Len` its length. */
  first: Packet | null = null;
  bytes = 0;
  memory = 0;
  /** How long the longest fragment was, its headers included. */
  largest = 0;
  /** Where the fragment that reaches furthest ends. */
  highest = 0;
  /** Length of the whole payload; -1 until the last fragment is here. */
  total = -1;

  constructor(table: ReassemblyTable, key: string, sender: FragmentSender) {
    super();
    this.table = table;
    this.sender = sender;
    this.key = key;
  }

  override expired(): void {
    this.table.timedOut(this);
  }
}

export class ReassemblyTable {
  private readonly context: HostContext;
  private readonly owner: ReassemblyOwner;
  private readonly assemblies = new Map<string, Assembly>();
  private readonly senders = new Map<string, FragmentSender>();
  /** Bytes held, as the limit counts them. */
  memory = 0;
  /** The packet that `add` completed: the first fragment with everything behind it. */
  completed: Packet | null = null;

  constructor(context: HostContext, owner: ReassemblyOwner) {
    this.context = context;
    this.owner = owner;
  }

  /** What waits takes so much of the limit. */
  get memoryBytes(): number {
    return this.memory;
  }

  get size(): number {
    return this.assemblies.size;
  }

  /**
   * A fragment whose `head` is at its payload (behind the IP or fragment header). Takes over `p`. `key` names the
   * packet it belongs to, `senderKey` who sent it. When the result is Complete the packet is in `completed`.
   */
  add(p: Packet, key: string, senderKey: string, offset: number, more: boolean): FragmentResult {
    orphan(p);
    if (more && (p.length & 7) !== 0 && this.owner.cutsOddLengths) p.trimTo(p.length & ~7);
    const length = p.length;
    // Above the limit Linux refuses every fragment, those of waiting packets too: they time out.
    if (this.memory > this.owner.memoryLimit) {
      p.release();
      return FragmentResult.Dropped;
    }
    let assembly = this.assemblies.get(key);
    if (assembly !== undefined && this.wasOvertaken(assembly)) {
      this.forget(assembly);
      this.free(assembly);
      assembly = undefined;
    }
    if ((more && (length & 7) !== 0) || length === 0 || offset + length > MAX_PACKET) {
      if (assembly !== undefined) return this.spoiled(assembly, p);
      p.release();
      return FragmentResult.Dropped;
    }
    if (assembly === undefined) {
      assembly = new Assembly(this, key, this.senderOf(senderKey));
      assembly.deadline = this.context.loop.now + this.owner.timeoutUs;
      this.context.timers.arm(assembly);
      this.assemblies.set(key, assembly);
      this.charge(assembly, QUEUE_BYTES);
    }
    assembly.touchedAt = ++assembly.sender.count;
    const end = offset + length;
    if (assembly.total >= 0 && (end > assembly.total || (!more && end !== assembly.total))) return this.spoiled(assembly, p);
    if (!more && end < assembly.highest) return this.spoiled(assembly, p);
    p.fragmentOffset = offset;
    p.l4Len = length;
    let before: Packet | null = null;
    let after = assembly.first;
    while (after !== null && after.fragmentOffset < offset) {
      before = after;
      after = after.next;
    }
    if (isCovered(before, after, offset, end)) {
      p.release();
      return FragmentResult.Kept;
    }
    if (before !== null && before.fragmentOffset + before.l4Len > offset) return this.spoiled(assembly, p);
    if (after !== null && after.fragmentOffset < end) return this.spoiled(assembly, p);
    if (!more) assembly.total = end;
    if (end > assembly.highest) assembly.highest = end;
    p.next = after;
    if (before === null) assembly.first = p;
    else before.next = p;
    assembly.bytes += length;
    assembly.largest = Math.max(assembly.largest, p.head - p.l3 + length);
    assembly.ecnSeen |= 1 << (p.tos & 3);
    this.charge(assembly, packetTruesize(p.head - p.l3 + length + LINK_BYTES));
    if (assembly.bytes !== assembly.total) return FragmentResult.Kept;
    // RFC 3168 5.3: fragments of a sender with ECN and of one without do not make a packet.
    if ((assembly.ecnSeen & NOT_ECT) !== 0 && assembly.ecnSeen !== NOT_ECT) {
      this.forget(assembly);
      this.free(assembly);
      return FragmentResult.Dropped;
    }
    this.completed = this.join(assembly);
    return FragmentResult.Complete;
  }

  private charge(assembly: Assembly, bytes: number): void {
    assembly.memory += bytes;
    this.memory += bytes;
  }

  /** Nothing is waited for any more. */
  clear(): void {
    for (const assembly of [...this.assemblies.values()]) {
      this.forget(assembly);
      this.free(assembly);
    }
  }

  private join(assembly: Assembly): Packet {
    this.forget(assembly);
    const first = assembly.first as Packet;
    let p = first.next;
    first.next = null;
    if ((assembly.ecnSeen & CONGESTION_EXPERIENCED) !== 0) first.tos |= 3;
    while (p !== null) {
      const next: Packet | null = p.next;
      p.headToRanges(this.context.writer);
      for (let range = p.ranges; range !== null; range = range.next) {
        first.addRange(range.chunk as Chunk, range.offset, range.length);
      }
      p.next = null;
      p.release();
      p = next;
    }
    first.fragmentOffset = 0;
    first.largestFragment = assembly.largest;
    // Fragments carry a whole checksum, whatever a device said of the first of them.
    first.checksumState = ChecksumState.Full;
    return first;
  }

  private senderOf(key: string): FragmentSender {
    let sender = this.senders.get(key);
    if (sender === undefined) {
      sender = new FragmentSender(key);
      this.senders.set(key, sender);
    }
    sender.assemblies++;
    return sender;
  }

  private wasOvertaken(assembly: Assembly): boolean {
    const most = this.owner.maxDistance;
    return most > 0 && assembly.first !== null && assembly.sender.count + 1 - assembly.touchedAt > most;
  }

  private spoiled(assembly: Assembly, p: Packet): FragmentResult {
    p.release();
    this.forget(assembly);
    this.free(assembly);
    return FragmentResult.Dropped;
  }

  timedOut(assembly: Assembly): void {
    this.forget(assembly);
    const first = assembly.first;
    this.owner.reassemblyTimedOut(first !== null && first.fragmentOffset === 0 ? first : null);
    this.free(assembly);
  }

  private forget(assembly: Assembly): void {
    this.context.timers.disarm(assembly);
    this.assemblies.delete(assembly.key);
    const { sender } = assembly;
    if (--sender.assemblies === 0) this.senders.delete(sender.key);
    this.memory -= assembly.memory;
  }

  private free(assembly: Assembly): void {
    let p = assembly.first;
    while (p !== null) {
      const next: Packet | null = p.next;
      p.next = null;
      p.fragmentOffset = 0;
      p.release();
      p = next;
    }
    assembly.first = null;
  }
}

/** Are all bytes of [offset, end) there already? `before` ends the fragments that begin in front of `offset`. */
function isCovered(before: Packet | null, after: Packet | null, offset: number, end: number): boolean {
  const beforeEnd = before === null ? 0 : before.fragmentOffset + before.l4Len;
  let covered = beforeEnd > offset ? beforeEnd : offset;
  for (let here = after; covered < end && here !== null && here.fragmentOffset === covered; here = here.next) {
    covered += here.l4Len;
  }
  return covered >= end;
}
