/**
 * The line between a world and a program in a process of its own: a local socket on which both ends write and read
 * without an event loop, so that a call of the program is a call: it blocks until its answer is there.
 *
 *   length (of what follows), kind, fields in the order in which they were put
 *
 * Both ends are of the same version of sockscape (program-process.ts starts the other one): nothing here is checked twice.
 */
import { readSync, writeSync } from 'node:fs';

/** Where the program's end of the line is, among its descriptors; and the variable that tells its preload. */
export const LINE_FD = 3;
export const LINE_VARIABLE = 'SOCKSCAPE_SPAWNED';

/** What the program says. Those up to `Lookup` are calls, which are answered by a `Result`. */
export const Call = {
  Socket: 1, Bind: 2, Listen: 3, Connect: 4, Accept: 5, Send: 6, SendTo: 7, Receive: 8, Shutdown: 9, Close: 10, GetOption: 11,
  SetOption: 12, LocalName: 13, PeerName: 14, Chmod: 15, Mkdir: 16, Unlink: 17, TextOf: 18, Interfaces: 19, Hostname: 20, Random: 21,
  /** Its output files hold much, or the other one of them goes on. */
  Output: 22,
  /** A name is asked for; what it is comes with a later turn. */
  Lookup: 23,
  /** It has nothing left to do until the time that it names: the turn is the world's. */
  Rest: 40,
  /** What it waits for, in words. */
  Description: 41,
  /** It has done what the world can neither time nor replay (virtual/escapes.ts). */
  Escape: 42,
  /** Its code does not come back, and it is about to be ended. */
  Loop: 43,
} as const;

/** What the world says. */
export const Answer = {
  Result: 1,
  /** It is so late, and this has happened: the turn is the program's. The first one says who it is (`Beginning`). */
  Turn: 2,
  /** What does it wait for? Asked while it rests. */
  Describe: 3,
} as const;

/** What the first turn says. */
export interface Beginning {
  readonly seed: string;
  readonly name: string;
  readonly pid: number;
  readonly epochUs: number;
  readonly loopLimitMs: number;
}

/** What a turn brings beside changes of sockets. */
export interface News {
  /** Names that were asked for, by the number of the question. */
  readonly answers?: readonly (readonly [id: number, answer: unknown])[];
  readonly signals?: readonly number[];
  readonly beginning?: Beginning;
}

const LENGTH_BYTES = 4;
/** A frame has that much room at first, and gets more when it needs it. */
const ROOM = 1 << 17;
/** What one call sends at most: a longer write is several, and a longer datagram is too long for every socket. */
export const MOST_SENT = 1 << 18;

export class Frames {
  private readonly fd: number;
  private out = Buffer.allocUnsafeSlow(ROOM);
  private outEnd = 0;
  private in = Buffer.allocUnsafeSlow(ROOM);
  /** Where the next field, the end of this frame and the end of what was read are in `in`. */
  private at = 0;
  private frameEnd = 0;
  private inEnd = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  // Out.

  begin(kind: number): this {
    this.outEnd = LENGTH_BYTES;
    return this.byte(kind);
  }

  private byte(value: number): this {
    this.out[this.outEnd++] = value;
    return this;
  }

  int(value: number): this {
    this.makeRoom(4);
    this.out.writeInt32LE(value, this.outEnd);
    this.outEnd += 4;
    return this;
  }

  double(value: number): this {
    this.makeRoom(8);
    this.out.writeDoubleLE(value, this.outEnd);
    this.outEnd += 8;
    return this;
  }

  bytes(value: Uint8Array, at = 0, length: number = value.length - at): this {
    this.int(length);
    this.makeRoom(length);
    this.out.set(at === 0 && length === value.length ? value : value.subarray(at, at + length), this.outEnd);
    this.outEnd += length;
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  private makeRoom(bytes: number): void {
    if (this.outEnd + bytes <= this.out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.out.length * 2, this.outEnd + bytes));
    this.out.copy(larger, 0, 0, this.outEnd);
    this.out = larger;
  }

  /** False when nobody is there any more. */
  send(): boolean {
    this.out.writeUInt32LE(this.outEnd - LENGTH_BYTES, 0);
    for (let at = 0; at < this.outEnd; ) {
      const n = attempt(() => writeSync(this.fd, this.out, at, this.outEnd - at));
      if (n < 0) return false;
      at += n;
    }
    return true;
  }

  // In.

  /** Waits for the next frame: its kind, or -1 when nobody is there any more. What it brought before is void. */
  receive(): number {
    this.at = this.frameEnd;
    if (this.at === this.inEnd) {
      this.at = 0;
      this.inEnd = 0;
    }
    if (!this.gather(LENGTH_BYTES)) return -1;
    const length = this.in.readUInt32LE(this.at);
    if (!this.gather(LENGTH_BYTES + length)) return -1;
    this.frameEnd = this.at + LENGTH_BYTES + length;
    this.at += LENGTH_BYTES;
    return this.in[this.at++] as number;
  }

  /** Reads until that much is there, from `at` on. */
  private gather(bytes: number): boolean {
    if (this.at > 0 && this.at + bytes > this.in.length) {
      this.in.copyWithin(0, this.at, this.inEnd);
      this.inEnd -= this.at;
      this.at = 0;
    }
    if (bytes > this.in.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.in.length * 2, bytes));
      this.in.copy(larger, 0, 0, this.inEnd);
      this.in = larger;
    }
    while (this.inEnd - this.at < bytes) {
      const n = attempt(() => readSync(this.fd, this.in, this.inEnd, this.in.length - this.inEnd, null));
      if (n <= 0) return false;
      this.inEnd += n;
    }
    return true;
  }

  takeInt(): number {
    const value = this.in.readInt32LE(this.at);
    this.at += 4;
    return value;
  }

  takeDouble(): number {
    const value = this.in.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  /** Valid until the next `receive`. */
  takeBytes(): Buffer {
    const length = this.takeInt();
    const value = this.in.subarray(this.at, this.at + length);
    this.at += length;
    return value;
  }

  takeText(): string {
    return this.takeBytes().toString('utf8');
  }
}

/** A read or write: -1 when the other end is gone. A signal that came in between does not count. */
function attempt(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || code === 'ECONNRESET') return -1;
      if (code !== 'EINTR') throw error;
    }
  }
}
