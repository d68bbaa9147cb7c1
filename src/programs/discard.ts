/**
 * discard (RFC 863): takes everything and answers nothing, over TCP and UDP.
 */
import { runService, swallow } from './service.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

const DISCARD_PORT = 9;
const BUFFER_BYTES = 65536;

/** `discard [PORT]`: serves until its process ends. */
export function discard(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  // What is read is never looked at, so all connections share one buffer.
  const buffer = new Uint8Array(BUFFER_BYTES);
  return runService(process, 'discard', args, DISCARD_PORT, listening, (fd) => swallow(process, fd, buffer), () => null);
}
