/** select(2): poll(2) with sets of descriptors. */
import { Errno } from '../base/errno.ts';
import { Poll } from '../base/wait-queue.ts';
import { type PollEntry, PollOperation } from './poll.ts';
import type { SignalSet } from './signal-set.ts';

/** What each of the three sets means in poll's words, read, write and except (POLLIN_SET ...). */
const MEANINGS: readonly number[] = [
  Poll.RDNORM | Poll.RDBAND | Poll.IN | Poll.HUP | Poll.ERR, Poll.WRBAND | Poll.WRNORM | Poll.OUT | Poll.ERR, Poll.PRI,
];

/** `fd_set`: a bit a descriptor. */
export type DescriptorSet = Uint8Array;

function has(set: DescriptorSet | null, fd: number): boolean {
  return set !== null && ((set[fd >> 3] ?? 0) & (1 << (fd & 7))) !== 0;
}

export class SelectOperation extends PollOperation {
  private wanted: PollEntry[] = [];
  /** The caller's, and what they held when the call was made. */
  private outward: readonly (DescriptorSet | null)[] = [];
  private sets: readonly (DescriptorSet | null)[] = [];
  /** How many bytes of each set the call is about: whole words of 64 bits (FDS_BYTES). */
  private bytes = 0;

  /** pselect(2): select(2) under a mask. */
  prepareMaskedSets(count: number, sets: readonly (DescriptorSet | null)[], timeoutUs: number, mask: SignalSet | null): number {
    this.temporaryMask = mask;
    return this.prepareSets(count, sets, timeoutUs);
  }

  /** Prepares select(2) on `sets` (read, write, except; null is empty): 0, or -EBADF, -EINVAL. Infinity waits for ever. */
  prepareSets(count: number, sets: readonly (DescriptorSet | null)[], timeoutUs: number): number {
    if (count < 0 || !(timeoutUs >= 0)) return -Errno.EINVAL;
    const { descriptors } = this.process;
    this.wanted = [];
    this.bytes = Math.ceil(Math.min(count, descriptors.mostSelected) / 64) * 8;
    this.outward = sets;
    // Of an array that was transferred nothing is left, and `slice` throws.
    this.sets = sets.map((set) => ((set?.length ?? 0) === 0 ? null : (set as DescriptorSet).slice()));
    for (let fd = 0; fd < Math.min(count, descriptors.mostSelected); fd++) {
      let events = 0;
      for (let i = 0; i < sets.length; i++) if (has(this.sets[i] as DescriptorSet | null, fd)) events |= MEANINGS[i] as number;
      if (events === 0) continue;
      if (descriptors.file(fd) === null) return -Errno.EBADF;
      this.wanted.push({ fd, events, revents: 0 });
    }
    this.prepareUs(this.wanted, timeoutUs);
    return 0;
  }

  /** The count is that of set bits: a descriptor that is ready both ways counts twice. */
  protected override step(): number {
    const found = super.step();
    if (found < 0) return found;
    let count = 0;
    for (const entry of this.wanted) for (let i = 0; i < this.sets.length; i++) if (this.readyIn(entry, i)) count++;
    return count > 0 || this.looksOnce ? count : -Errno.EAGAIN;
  }

  private readyIn({ fd, revents }: PollEntry, set: number): boolean {
    return (revents & (MEANINGS[set] as number)) !== 0 && has(this.sets[set] as DescriptorSet | null, fd);
  }

  /** Leaves in the caller's sets what is ready: 0, or -EFAULT when one of them has gone meanwhile. */
  fill(): number {
    for (let i = 0; i < this.sets.length; i++) {
      if ((this.outward[i]?.length ?? 0) < (this.sets[i]?.length ?? 0)) return -Errno.EFAULT;
    }
    for (let i = 0; i < this.sets.length; i++) {
      const set = this.outward[i];
      if (set == null || set.length === 0) continue;
      // What lies behind the words that were asked about stays as it is.
      set.fill(0, 0, this.bytes);
      for (const entry of this.wanted) {
        if (this.readyIn(entry, i)) set[entry.fd >> 3] = (set[entry.fd >> 3] ?? 0) | (1 << (entry.fd & 7));
      }
    }
    return 0;
  }
}
