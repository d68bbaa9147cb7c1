/** Files that a command reads, standard input among them. Called by tcpdump.ts and real-files.ts. */
import { readFileSync, readSync } from 'node:fs';
import { PlatformError } from '../platform/node/libc.ts';
import { retried } from './output.ts';

const READ_LEN = 1 << 16;

/** All of a file, '-' is standard input; throws a PlatformError. */
export function readFile(path: string): Uint8Array {
  try {
    const buffer = path === '-' ? readStandardInput() : readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    throw new PlatformError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** To its end. readFileSync(0) gives up when the descriptor is non-blocking and the other side takes its time. */
function readStandardInput(): Buffer {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.allocUnsafe(READ_LEN);
    const n = retried('EAGAIN', () => readSync(0, piece));
    if (n === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, n));
  }
}
