/**
 * Reassembly of fragments (RFC 791, RFC 8200 section 4.5), one table for each family.
 *
 * Called by ipv4-input.ts and ipv6-input.ts. Limits are Linux's: memory (`ipfrag_high_thresh`), time (`ipfrag_time`).
 * Overlapping fragments end the whole packet (RFC 5722; Linux does so for IPv4 too); exact repetitions are ignored.
 */
import type { HostContext } from '../base/host-context.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Packet } from '../link/packet.ts';
import type { Chunk } from '../base/slab.ts';

/** What a waiting fragment counts beside its bytes. */
const FRAGMENT_OVERHEAD = 576;
const MAX_PACKET = 65535;

/** What became of a fragment. */
export const FragmentResult = { Kept: 0, Complete: 1, Dropped: 2 } as const;
export type FragmentResult = (typeof FragmentResult)[keyof typeof FragmentResult];

/** Who owns a table: told when a packet's time is over. */
export interface ReassemblyOwner {
  readonly timeoutUs: number;
  readonly memoryLimit: number;
  /** `first` is the fragment with offset 0, or null when it never came. Borrows it. */
  reassemblyTimedOut(first: Packet | null): void;
}

class Assembly extends Timer {
  readonly table: ReassemblyTable;
  readonly key: string;
  /** Fragments by offset; a packet's `truesize` is its offset, `l4Len` its length. */
  first: Packet | null = null;
  bytes = 0;
  memory = 0;
  /** Length of the whole payload; -1 until the last fragment is here. */
  total = -1;

  constructor(table: ReassemblyTable, key: string) {
    super();
    this.table = table;
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
  private memory = 0;
  /** The packet that `add` completed: the first fragment with everything behind it. */
  completed: Packet | null = null;

  constructor(context: HostContext, owner: ReassemblyOwner) {
    this.context = context;
    this.owner = owner;
  }

  get size(): number {
    return this.assemblies.size;
  }

  /**
   * A fragment whose `head` is at its payload (behind the IP or fragment header). Takes over `p`. `key` names the
   * packet it belongs to. When the result is Complete the packet is in `completed`.
   */
  add(p: Packet, key: string, offset: number, more: boolean): FragmentResult {
    const length = p.length;
    const owner = p.owner;
    if (owner !== null) {
      p.owner = null;
      owner.released(p.truesize);
    }
    if ((more && (length & 7) !== 0) || length === 0 || offset + length > MAX_PACKET) {
      p.release();
      return FragmentResult.Dropped;
    }
    let assembly = this.assemblies.get(key);
    if (assembly === undefined) {
      // Linux refuses new fragments above the limit and lets old ones time out.
      if (this.memory > this.owner.memoryLimit) {
        p.release();
        return FragmentResult.Dropped;
      }
      assembly = new Assembly(this, key);
      assembly.deadline = this.context.loop.now + this.owner.timeoutUs;
      this.context.timers.arm(assembly);
      this.assemblies.set(key, assembly);
    }
    const end = offset + length;
    if (assembly.total >= 0 && (end > assembly.total || (!more && end !== assembly.total))) return this.spoiled(assembly, p);
    p.truesize = offset;
    p.l4Len = length;
    let before: Packet | null = null;
    let after = assembly.first;
    while (after !== null && after.truesize < offset) {
      before = after;
      after = after.next;
    }
    if (after !== null && after.truesize === offset && after.l4Len === length) {
      p.release();
      return FragmentResult.Kept;
    }
    if (before !== null && before.truesize + before.l4Len > offset) return this.spoiled(assembly, p);
    if (after !== null && after.truesize < end) return this.spoiled(assembly, p);
    if (!more) {
      if (after !== null) return this.spoiled(assembly, p);
      assembly.total = end;
    }
    p.next = after;
    if (before === null) assembly.first = p;
    else before.next = p;
    assembly.bytes += length;
    assembly.memory += length + FRAGMENT_OVERHEAD;
    this.memory += length + FRAGMENT_OVERHEAD;
    if (assembly.bytes !== assembly.total) return FragmentResult.Kept;
    this.completed = this.join(assembly);
    return FragmentResult.Complete;
  }

  private join(assembly: Assembly): Packet {
    this.forget(assembly);
    const first = assembly.first as Packet;
    let p = first.next;
    first.next = null;
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
    first.truesize = 0;
    return first;
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
    this.owner.reassemblyTimedOut(first !== null && first.truesize === 0 ? first : null);
    this.free(assembly);
  }

  private forget(assembly: Assembly): void {
    this.context.timers.disarm(assembly);
    this.assemblies.delete(assembly.key);
    this.memory -= assembly.memory;
  }

  private free(assembly: Assembly): void {
    let p = assembly.first;
    while (p !== null) {
      const next: Packet | null = p.next;
      p.next = null;
      p.truesize = 0;
      p.release();
      p = next;
    }
    assembly.first = null;
  }
}
