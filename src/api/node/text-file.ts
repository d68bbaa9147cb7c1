/** Whole text files of a host, read at once: what c-ares reads when a channel begins. */
import * as descriptors from '../../kernel/calls/descriptors.ts';
import { pread, prepareOpen } from '../../kernel/calls/files.ts';
import { OpenOperation } from '../../kernel/open.ts';
import { LingerOperation } from '../../kernel/transfer.ts';
import { O } from '../../socket/constants.ts';
import type { NodeProgram } from './node-program.ts';

const PIECE = 4096;
/** More than any such file has. */
const MOST_BYTES = 1 << 20;

/** The text; '' when there is no such file, or none that may be read. */
export function textOf({ core }: NodeProgram, path: string): string {
  const opening = new OpenOperation(core);
  const bad = prepareOpen(core, opening, path, O.RDONLY | O.NONBLOCK | O.CLOEXEC, 0);
  const fd = bad < 0 ? bad : opening.start();
  if (fd < 0) return '';
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < MOST_BYTES; ) {
    const piece = new Uint8Array(PIECE);
    const n = pread(core, fd, piece, at);
    if (n <= 0) break;
    pieces.push(piece.subarray(0, n));
    at += n;
  }
  descriptors.close(core, fd, new LingerOperation(core));
  return Buffer.concat(pieces).toString('utf8');
}
