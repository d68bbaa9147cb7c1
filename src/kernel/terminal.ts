/**
 * The standard streams of a process: an input that somebody feeds and an output that somebody listens to. In the
 * command-line program they are the real terminal's; in worlds and tests they are buffers.
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { ChunkWriter } from '../base/slab.ts';
import { StreamBuffer } from '../base/stream-buffer.ts';
import { Poll, WaitQueue } from '../base/wait-queue.ts';
import { IOCTL, O } from '../socket/constants.ts';

/** Input beyond this many bytes is refused until the process has read some. */
const INPUT_LIMIT = 1 << 20;

export class Terminal implements FileOperations {
  readonly waiters: WaitQueue = new WaitQueue();
  readonly accessMode: number = O.RDWR;
  /** Permissions, as fstat(2) shows them. */
  mode = 0o620;
  private readonly writer = new ChunkWriter();
  private readonly input = new StreamBuffer();
  private inputEnded = false;
  /** Nobody will read: the last descriptor is closed. */
  private isHungUp = false;
  private readonly output: (bytes: Uint8Array) => void;

  /** `output` is called with a fresh array for each write; it must not call back into the kernel. */
  constructor(output: (bytes: Uint8Array) => void) {
    this.output = output;
  }

  /** Bytes typed at this terminal. Returns how many were taken: none when nobody has it open any more. */
  feed(bytes: Uint8Array): number {
    if (this.isHungUp) return 0;
    const n = Math.min(bytes.length, INPUT_LIMIT - this.input.length);
    if (n > 0) {
      this.input.append(bytes, 0, n, this.writer);
      this.waiters.wake(Poll.IN);
    }
    return n;
  }

  /** The end of the input (Ctrl-D). */
  end(): void {
    this.inputEnded = true;
    this.waiters.wake(Poll.IN | Poll.HUP);
  }

  read(to: Uint8Array, at: number, length: number): number {
    if (this.input.length > 0) return this.input.read(to, at, length);
    return this.inputEnded || length === 0 ? 0 : -Errno.EAGAIN;
  }

  write(from: Uint8Array, at: number, length: number): number {
    // A transferred array has nothing left, and its `slice` throws.
    this.output(length === 0 ? new Uint8Array(0) : from.slice(at, at + length));
    return length;
  }

  readiness(): number {
    return Poll.OUT | Poll.WRNORM | (this.input.length > 0 || this.inputEnded ? Poll.IN | Poll.RDNORM : 0);
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? this.input.length : -Errno.ENOTTY;
  }

  release(): void {
    this.isHungUp = true;
    this.input.clear();
    this.writer.release();
  }
}
