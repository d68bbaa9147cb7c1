/** eventfd(2): a counter as a descriptor. */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { Poll, WaitQueue } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';

/** The counter holds less than this; the value itself cannot be added. */
const MAX = 0xffffffffffffffffn;
const VALUE_BYTES = 8;

export class EventCounter extends WaitQueue implements FileOperations {
  readonly accessMode: number = O.RDWR;
  private count: bigint;
  /** EFD_SEMAPHORE: a read takes one. */
  private readonly semaphore: boolean;

  constructor(initial: number, semaphore: boolean) {
    super();
    this.count = BigInt(initial);
    this.semaphore = semaphore;
  }

  get anonymousName(): string {
    return 'eventfd';
  }

  /** It takes any position and has none (noop_llseek). */
  seek(): number {
    return 0;
  }

  get waiters(): WaitQueue {
    return this;
  }

  read(to: Uint8Array, at: number, length: number): number {
    if (length < VALUE_BYTES) return -Errno.EINVAL;
    if (this.count === 0n) return -Errno.EAGAIN;
    const taken = this.semaphore ? 1n : this.count;
    this.count -= taken;
    new DataView(to.buffer, to.byteOffset + at).setBigUint64(0, taken, true);
    this.wake(Poll.OUT);
    return VALUE_BYTES;
  }

  write(from: Uint8Array, at: number, length: number): number {
    if (length !== VALUE_BYTES) return -Errno.EINVAL;
    const value = new DataView(from.buffer, from.byteOffset + at).getBigUint64(0, true);
    if (value === MAX) return -Errno.EINVAL;
    if (MAX - this.count <= value) return -Errno.EAGAIN;
    this.count += value;
    this.wake(Poll.IN);
    return VALUE_BYTES;
  }

  /** What /proc/PID/fdinfo tells of it. */
  describe(): string {
    return `eventfd-count: ${this.count.toString(16).padStart(16)}\neventfd-id: 0\neventfd-semaphore: ${this.semaphore ? 1 : 0}\n`;
  }

  readiness(): number {
    return (this.count > 0n ? Poll.IN : 0) | (MAX - 1n > this.count ? Poll.OUT : 0) | (this.count === MAX ? Poll.ERR : 0);
  }

  control(): number {
    return -Errno.ENOTTY;
  }

  release(): void {}
}
