/** Text files of a host: what a C program would read with fopen and fgets. */
import { Errno } from '../../base/errno.ts';
import { O_CLOEXEC, O_RDONLY } from './constants.ts';
import { isErrno, systemError } from './errors.ts';
import type { Syscalls } from './syscalls.ts';

const PIECE = 4096;
/** A longer line finds no memory. */
const LONGEST_LINE = 1 << 20;

/** A file's text, piece by piece; nothing when there is no file, or none that may be read. */
async function* piecesOf(process: Syscalls, path: string): AsyncGenerator<string> {
  let fd: number;
  try {
    fd = await process.open(path, O_RDONLY | O_CLOEXEC);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EACCES') || isErrno(error, 'ENOTDIR')) return;
    throw error;
  }
  try {
    const decoder = new TextDecoder();
    const piece = new Uint8Array(PIECE);
    for (let n = await process.read(fd, piece); n > 0; n = await process.read(fd, piece)) {
      yield decoder.decode(piece.subarray(0, n), { stream: true });
    }
    yield decoder.decode();
  } finally {
    await process.close(fd);
  }
}

/** A file's whole text; '' when there is none, or none that may be read. */
export async function readText(process: Syscalls, path: string): Promise<string> {
  let text = '';
  for await (const piece of piecesOf(process, path)) text += piece;
  return text;
}

/**
 * The lines of such a file, as many at once as have been read: who has found his line reads no further, and a long file is
 * never in memory as a whole. Rejects with ENOMEM at a line of more than 2^20 characters.
 */
export async function* readLines(process: Syscalls, path: string): AsyncGenerator<string[]> {
  let begun = '';
  for await (const piece of piecesOf(process, path)) {
    const lines = (begun + piece).split('\n');
    begun = lines.pop() as string;
    if (begun.length > LONGEST_LINE) throw systemError(Errno.ENOMEM, 'getline');
    if (lines.length > 0) yield lines;
  }
  if (begun !== '') yield [begun];
}
