/** System V semaphores: semget(2), semop(2), semctl(2). */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { Poll } from '../../base/wait-queue.ts';
import { Operation, Restart } from '../operation.ts';
import type { KernelProcess } from '../process.ts';
import { IPC, IpcObject, READ, WRITE } from './ipc-object.ts';

export const SEM_UNDO = 0x1000;
/** kernel.sem: SEMMSL, SEMOPM, SEMMNI; and the largest value (SEMVMX). */
export const SEMMSL = 32000;
export const SEMOPM = 500;
export const SEMMNI = 32000;
export const SEMVMX = 32767;
/** SEMMNS: semaphores of all sets. Linux has a thousand million, and memory ends before. */
export const MOST_SEMAPHORES = 1 << 22;

/** What a set of so many takes of the host's memory: a value and a process each. */
export function setBytes(count: number): number {
  return Cost.IPC + count * 8;
}

/** And what a process's end takes back of such a set. */
export function undoBytes(count: number): number {
  return Cost.IPC + count * 4;
}

/** `struct sembuf`. */
export interface SemaphoreOperation {
  num: number;
  op: number;
  flg: number;
}

export class SemaphoreSet extends IpcObject {
  readonly values: Int32Array;
  /** Who changed each of them last. */
  readonly pids: Int32Array;
  /** What each process's end takes back. */
  readonly undos = new Map<KernelProcess, Int32Array>();
  operatedUs = 0;
  changedUs: number;

  constructor(id: number, key: number, mode: number, owner: Credentials, count: number, nowUs: number) {
    super(id, key, mode, owner);
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
    this.changedUs = nowUs;
  }

  /** How many tasks wait for a semaphore to become zero, or to grow. */
  waiting(num: number, forZero: boolean): number {
    let count = 0;
    this.each((waiter) => {
      const { blocker } = waiter as SemaphoreWait;
      if (blocker !== null && blocker.num === num && (blocker.op === 0) === forZero) count++;
    });
    return count;
  }

  /** A value set from outside: what processes would take back of it is forgotten. */
  set(num: number, value: number, pid: number): void {
    this.values[num] = value;
    this.pids[num] = pid;
    for (const undo of this.undos.values()) undo[num] = 0;
  }

  /** A process has ended: its adjustments are taken back, as far as values go (exit_sem). */
  undo(process: KernelProcess): void {
    const adjustments = this.undos.get(process);
    if (adjustments === undefined) return;
    this.undos.delete(process);
    process.kernel.memory.letGo(undoBytes(this.values.length));
    adjustments.forEach((adjustment, num) => {
      if (adjustment === 0) return;
      this.values[num] = Math.min(Math.max((this.values[num] as number) + adjustment, 0), SEMVMX);
      this.pids[num] = process.pid;
    });
    this.changed();
  }
}

/** semop(2), semtimedop(2): all operations, or none and a wait. */
export class SemaphoreWait extends Operation {
  /** The operation that could not be done, while it waits. */
  blocker: SemaphoreOperation | null = null;
  private set: SemaphoreSet | null = null;
  private operations: readonly SemaphoreOperation[] = [];
  private timeoutUs = Infinity;

  prepare(set: SemaphoreSet, operations: readonly SemaphoreOperation[], timeoutUs: number): void {
    this.set = set;
    // Copied, as from user space; C's members are whole numbers.
    this.operations = operations.map(({ num, op, flg }) => ({ num: num & 0xffff, op: (op << 16) >> 16, flg: flg | 0 }));
    this.timeoutUs = timeoutUs;
    this.blocker = null;
    this.mayBlock = true;
  }

  protected step(): number {
    const set = this.set as SemaphoreSet;
    if (set.removed) return -Errno.EIDRM;
    // What is to be taken back needs its place before anything else is looked at, also of who waits then (find_alloc_undo).
    if (this.operations.some(({ flg }) => (flg & SEM_UNDO) !== 0) && !this.hasUndo(set)) return -Errno.ENOMEM;
    const changes = this.operations.some(({ op }) => op !== 0);
    const denied = set.permits(this.process.credentials, changes ? WRITE : READ);
    if (denied < 0) return denied;
    for (const { num } of this.operations) if (num < 0 || num >= set.values.length) return -Errno.EFBIG;
    return this.perform(set, changes);
  }

  private perform(set: SemaphoreSet, changes: boolean): number {
    const values = set.values.slice();
    for (const operation of this.operations) {
      const { num, op, flg } = operation;
      const value = values[num] as number;
      if (op === 0 ? value !== 0 : value + op < 0) {
        this.blocker = operation;
        if ((flg & IPC.NOWAIT) !== 0) this.mayBlock = false;
        return -Errno.EAGAIN;
      }
      if (value + op > SEMVMX) return -Errno.ERANGE;
      if ((flg & SEM_UNDO) !== 0 && !this.mayUndo(set, num, op)) return -Errno.ERANGE;
      values[num] = value + op;
    }
    set.values.set(values);
    for (const { num, op, flg } of this.operations) {
      set.pids[num] = this.process.pid;
      if ((flg & SEM_UNDO) !== 0) (set.undos.get(this.process) as Int32Array)[num] -= op;
    }
    set.operatedUs = this.process.kernel.realtimeUs;
    this.blocker = null;
    if (changes) set.changed();
    return 0;
  }

  private mayUndo(set: SemaphoreSet, num: number, op: number): boolean {
    const adjusted = ((set.undos.get(this.process)?.[num] ?? 0) as number) - op;
    return adjusted >= -SEMVMX - 1 && adjusted <= SEMVMX;
  }

  /** The process has a place for what is taken back of this set, or gets one now; false when there is no memory for it. */
  private hasUndo(set: SemaphoreSet): boolean {
    if (set.undos.has(this.process)) return true;
    const { ipc, memory } = this.process.kernel;
    if (!memory.take(undoBytes(set.values.length))) return false;
    set.undos.set(this.process, new Int32Array(set.values.length));
    ipc.willUndo(this.process, set);
    return true;
  }

  protected override joinQueues(): void {
    (this.set as SemaphoreSet).add(this);
  }

  protected waitFor(): number {
    this.events = Poll.IN;
    return this.timeoutUs;
  }

  protected timeoutResult(): number {
    return -Errno.EAGAIN;
  }

  /** signal(7): never restarted. */
  protected override get restart(): Restart {
    return Restart.Never;
  }
}
