/**
 * All that a command writes: lines, complaints, capture files. Written at once, so that what a command has said is there
 * however it ends; a slow reader is waited for, one that has left ends the command, and a full disk is one sentence.
 *
 * Called by every command. Node's own streams queue what a pipe does not take, and process.exit loses the queue.
 */
import { constants, openSync, statSync, writeSync } from 'node:fs';
import { PlatformError } from '../platform/node/libc.ts';
import { endable } from './terminal.ts';

export const STDOUT = 1;
export const STDERR = 2;
/** How long a pipe that is full (or empty) is left alone before it is tried again. */
const PAUSE_MS = 2;
/** The same for a FIFO that nobody has opened for reading yet. */
const READER_PAUSE_MS = 20;
const clock = new Int32Array(new SharedArrayBuffer(4));
const encoder = new TextEncoder();

/** An open file, and what complaints call it. */
export interface Output {
  readonly fd: number;
  readonly name: string;
}

const STANDARD: Output = { fd: STDOUT, name: 'standard output' };

/** Calls `attempt` until it no longer fails with `code`: the descriptor is non-blocking, and we have to wait. */
export function retried<T>(code: string, attempt: () => T, pauseMs: number = PAUSE_MS): T {
  const once = (): { readonly value: T } | null => {
    try {
      return { value: attempt() };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === code) return null;
      throw error;
    }
  };
  const first = once();
  if (first !== null) return first.value;
  return endable(() => {
    for (;;) {
      Atomics.wait(clock, 0, 0, pauseMs);
      const next = once();
      if (next !== null) return next.value;
    }
  });
}

/** Writes all of `bytes`; throws a PlatformError when that cannot be. `sockscape tcpdump ... | head` is no error. */
export function writeAll(to: Output, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += retried('EAGAIN', () => writeSync(to.fd, bytes, at));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0);
    throw new PlatformError(`cannot write ${to.name}: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes to standard output. */
export function print(text: string | Uint8Array): void {
  writeAll(STANDARD, typeof text === 'string' ? encoder.encode(text) : text);
}

/** Writes to standard error. When that cannot be, there is nobody left to be told. */
export function complain(text: string | Uint8Array): void {
  try {
    writeAll({ fd: STDERR, name: 'standard error' }, typeof text === 'string' ? encoder.encode(text) : text);
  } catch {
    process.exit(1);
  }
}

/**
 * Opens a file that is made anew; '-' is standard output. Waits for the reader of a FIFO, so it comes before
 * `untilAsked`: Ctrl-C ends the command then.
 */
export function openForWriting(path: string): Output {
  if (path === '-') return STANDARD;
  try {
    return { fd: isFifo(path) ? openFifo(path) : openSync(path, 'w'), name: path };
  } catch (error) {
    throw new PlatformError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function isFifo(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
}

/** Non-blocking, as pipes are (see `untilAsked`): the kernel then refuses with ENXIO until there is a reader. */
function openFifo(path: string): number {
  return retried('ENXIO', () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), READER_PAUSE_MS);
}
