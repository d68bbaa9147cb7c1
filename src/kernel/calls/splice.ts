/** sendfile(2), splice(2), tee(2). Offsets are the caller's, or -1 for the description's own position. */
import { Errno } from '../../base/errno.ts';
import { O } from '../../socket/constants.ts';
import { breakPipe } from '../broken-pipe.ts';
import type { OpenFile } from '../open-file.ts';
import type { Pipe } from '../pipe.ts';
import type { KernelProcess } from '../process.ts';
import { mayMove, pipeOf, seekable, SPLICE_F, type SpliceOperation, takesSplice } from '../splice.ts';

/** What one call moves at most (MAX_RW_COUNT). */
const MOST = 0x7ffff000;
const ALL_FLAGS = SPLICE_F.MOVE | SPLICE_F.NONBLOCK | SPLICE_F.MORE | SPLICE_F.GIFT;

/** Prepares sendfile(2). The source is a file. */
export function prepareSendfile(
  process: KernelProcess, operation: SpliceOperation, out: number, from: number, offset: number, count: number,
): number {
  const source = process.descriptors.file(from);
  const target = process.descriptors.file(out);
  if (source === null || source.operations.accessMode === O.WRONLY) return -Errno.EBADF;
  // The source and the offset are looked at before the target is (do_sendfile).
  if (offset !== -1 && source.operations.readAt === undefined) return -Errno.ESPIPE;
  if (!(count >= 0) || offset < -1) return -Errno.EINVAL;
  if (target === null || target.operations.accessMode === O.RDONLY) return -Errno.EBADF;
  if (target.append) return -Errno.EINVAL;
  const pipe = pipeOf(target);
  if (pipe === null && source.operations.seek === undefined) return -Errno.EINVAL;
  if (count === 0 || (pipe !== null && pipeOf(source) !== null)) {
    // Room in a pipe is looked for even when nothing is to go there, and before a pipe is refused that has no splice_read.
    const refused = pipe === null ? 0 : withoutRoom(process, pipe, target);
    if (refused < 0 || count > 0) return refused < 0 ? refused : -Errno.EINVAL;
    operation.prepareNothing();
    return 0;
  }
  const moving = { keeps: false, toTheEnd: pipe === null, nonBlocking: false };
  operation.prepare(source, target, offset, -1, Math.min(count, MOST), moving);
  return 0;
}

/** Why nothing can go into a pipe now; 0 when something can (wait_for_space). */
function withoutRoom(process: KernelProcess, pipe: Pipe, target: OpenFile): number {
  if (pipe.readers === 0) {
    breakPipe(process, 0);
    return -Errno.EPIPE;
  }
  return pipe.isFull && target.nonBlocking ? -Errno.EAGAIN : 0;
}

/** Prepares splice(2). One of the two is a pipe. */
export function prepareSplice(
  process: KernelProcess, operation: SpliceOperation, from: number, fromOffset: number, to: number, toOffset: number, count: number,
  flags: number,
): number {
  if (count === 0 && !process.exited) {
    operation.prepareNothing();
    return 0;
  }
  if ((flags & ~ALL_FLAGS) !== 0 || !(count >= 0)) return -Errno.EINVAL;
  const source = process.descriptors.file(from);
  const target = process.descriptors.file(to);
  const bad = mayMove(source, target);
  if (bad < 0) return bad;
  const [sourceFile, targetFile] = [source as OpenFile, target as OpenFile];
  const [sourcePipe, targetPipe] = [pipeOf(sourceFile), pipeOf(targetFile)];
  if ((sourcePipe !== null && fromOffset !== -1) || (targetPipe !== null && toOffset !== -1)) return -Errno.ESPIPE;
  if (sourcePipe === null && targetPipe === null) return -Errno.EINVAL;
  if (sourcePipe !== null && sourcePipe === targetPipe) return -Errno.EINVAL;
  if (fromOffset < -1 || toOffset < -1) return -Errno.EINVAL;
  for (const [file, offset] of [[sourceFile, fromOffset], [targetFile, toOffset]] as const) {
    if (offset !== -1 && seekable(file.operations) === null) return -Errno.EINVAL;
  }
  if (targetPipe === null && (targetFile.append || !takesSplice(targetFile))) return -Errno.EINVAL;
  const nonBlocking = (flags & SPLICE_F.NONBLOCK) !== 0;
  operation.prepare(sourceFile, targetFile, fromOffset, toOffset, Math.min(count, MOST), { keeps: false, toTheEnd: false, nonBlocking });
  return 0;
}

/** Prepares tee(2), from one pipe to another. */
export function prepareTee(
  process: KernelProcess, operation: SpliceOperation, from: number, to: number, count: number, flags: number,
): number {
  if ((flags & ~ALL_FLAGS) !== 0 || !(count >= 0)) return -Errno.EINVAL;
  const source = process.descriptors.file(from);
  const target = process.descriptors.file(to);
  const bad = mayMove(source, target);
  if (bad < 0) return bad;
  const [sourceFile, targetFile] = [source as OpenFile, target as OpenFile];
  if (pipeOf(sourceFile) === null || pipeOf(targetFile) === null || pipeOf(sourceFile) === pipeOf(targetFile)) return -Errno.EINVAL;
  const nonBlocking = (flags & SPLICE_F.NONBLOCK) !== 0;
  operation.prepare(sourceFile, targetFile, -1, -1, Math.min(count, MOST), { keeps: true, toTheEnd: false, nonBlocking });
  return 0;
}
