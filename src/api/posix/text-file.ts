/** Whole text files of a host: what a C program would read with fopen and fgets. */
import { O_CLOEXEC, O_RDONLY } from './constants.ts';
import { isErrno } from './errors.ts';
import type { Syscalls } from './syscalls.ts';

const PIECE = 4096;

/** A file's text; '' when there is none, or none that may be read. */
export async function readText(process: Syscalls, path: string): Promise<string> {
  let fd: number;
  try {
    fd = await process.open(path, O_RDONLY | O_CLOEXEC);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EACCES') || isErrno(error, 'ENOTDIR')) return '';
    throw error;
  }
  try {
    const decoder = new TextDecoder();
    const piece = new Uint8Array(PIECE);
    let text = '';
    for (;;) {
      const n = await process.read(fd, piece);
      if (n === 0) return text + decoder.decode();
      text += decoder.decode(piece.subarray(0, n), { stream: true });
    }
  } finally {
    await process.close(fd);
  }
}
