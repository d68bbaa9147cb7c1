/**
 * The children of a process: by number, by age, and those of them first that have something to tell, so that thousands that
 * end are waited for in about the time of as many single ones.
 */
import type { KernelProcess } from './process.ts';

export class Children {
  /** The oldest first. */
  private readonly all: Map<number, KernelProcess> = new Map();
  /** A heap by age of those that have ended, stopped or been continued; some may have been heard already. */
  private readonly tellers: KernelProcess[] = [];

  add(child: KernelProcess): void {
    this.all.set(child.pid, child);
    if (child.exited) this.tells(child);
  }

  delete(child: KernelProcess): void {
    this.all.delete(child.pid);
  }

  clear(): void {
    this.all.clear();
    this.tellers.length = 0;
  }

  find(pid: number): KernelProcess | null {
    return this.all.get(pid) ?? null;
  }

  get size(): number {
    return this.all.size;
  }

  [Symbol.iterator](): Iterator<KernelProcess> {
    return this.all.values();
  }

  /** It has ended, stopped or been continued. */
  tells(child: KernelProcess): void {
    if (child.isTeller) return;
    child.isTeller = true;
    this.push(child);
  }

  /** The oldest that tells what is asked for; null when none does. */
  oldest(isAsked: (child: KernelProcess) => boolean): KernelProcess | null {
    const passedOver: KernelProcess[] = [];
    let found: KernelProcess | null = null;
    while (found === null && this.tellers.length > 0) {
      const child = this.tellers[0] as KernelProcess;
      const isThere = this.all.get(child.pid) === child && child.hasReport;
      if (isThere && isAsked(child)) found = child;
      else {
        this.pop();
        child.isTeller = false;
        if (isThere) passedOver.push(child);
      }
    }
    for (const child of passedOver) this.tells(child);
    return found;
  }

  private push(child: KernelProcess): void {
    const heap = this.tellers;
    let at = heap.length;
    heap.push(child);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as KernelProcess;
      if (above.birth <= child.birth) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = child;
  }

  private pop(): void {
    const heap = this.tellers;
    const last = heap.pop() as KernelProcess;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && (heap[right] as KernelProcess).birth < (heap[child] as KernelProcess).birth) child = right;
      if ((heap[child] as KernelProcess).birth >= last.birth) break;
      heap[at] = heap[child] as KernelProcess;
      at = child;
    }
    heap[at] = last;
  }
}
