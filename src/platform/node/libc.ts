/**
 * The C library through koffi, for the few calls that Node does not have (ioctl, readv and writev without promises).
 *
 * koffi is an optional package: everything else works without it, and who needs it is told so in one sentence.
 */
import type * as Koffi from 'koffi';

/** Something the machine does not have or does not allow; the message is one sentence for the user. */
export class PlatformError extends Error {}

export interface Libc {
  ioctl(fd: number, request: number, argument: Uint8Array | number): number;
  /** `address`: of the first byte, or of an array of `struct iovec`, from `addressOf`. */
  write(fd: number, address: number, length: number): number;
  readv(fd: number, iovAddress: number, count: number): number;
  writev(fd: number, iovAddress: number, count: number): number;
  /** errno of the last call. */
  errno(): number;
  /** Where a buffer's memory begins. It never moves; the caller keeps the buffer alive. */
  addressOf(buffer: ArrayBuffer): number;
  /** Calls `fn` in the event loop whenever `fd` is readable (libuv's own poll handle). */
  pollReadable(fd: number, fn: () => void): PollHandle;
}

export interface PollHandle {
  close(): void;
  ref(): void;
  unref(): void;
}

let loaded: Libc | null = null;

/** The C library; throws a PlatformError where koffi is missing. `what` begins the sentence: "a TAP device". */
export async function loadLibc(what: string): Promise<Libc> {
  if (loaded !== null) return loaded;
  if (process.platform !== 'linux') throw new PlatformError(`${what} needs Linux`);
  let koffi: typeof Koffi;
  try {
    const module = await import('koffi');
    koffi = module.default as unknown as typeof Koffi;
  } catch {
    throw new PlatformError(`${what} needs the optional package koffi: run \`npm install koffi\``);
  }
  const library = koffi.load(null);
  // ioctl is variadic in C; with one pointer or integer behind the request the registers are the same (x86-64, arm64).
  const ioctl = library.func('int ioctl(int fd, unsigned long request, void *argument)');
  const ioctlNumber = library.func('int ioctl(int fd, unsigned long request, uintptr_t argument)');
  loaded = {
    ioctl: (fd, request, argument) =>
      typeof argument === 'number' ? ioctlNumber(fd, request, argument) : ioctl(fd, request, argument),
    // Addresses as numbers: as fast as BigInt (230 ns a call), and nothing is allocated per frame.
    write: library.func('long write(int fd, uintptr_t address, size_t length)'),
    readv: library.func('long readv(int fd, uintptr_t iov, int count)'),
    writev: library.func('long writev(int fd, uintptr_t iov, int count)'),
    errno: () => koffi.errno(),
    addressOf: (buffer) => Number(koffi.address(buffer)),
    pollReadable(fd, fn) {
      const handle = koffi.node.poll(fd, { readable: true }, fn);
      return {
        close(): void {
          handle.stop();
          handle.close();
        },
        ref: () => handle.ref(),
        unref: () => handle.unref(),
      };
    },
  };
  return loaded;
}
