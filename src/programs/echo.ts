/**
 * echo (RFC 862): sends everything back as it came, over TCP and UDP.
 */
import { runService, sendAll } from './service.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

const ECHO_PORT = 7;
const BUFFER_BYTES = 65536;

/** `echo [PORT]`: serves until its process ends. */
export function echo(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  const converse = async (fd: number): Promise<void> => {
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const n = await process.recv(fd, buffer, 0);
      if (n === 0) return;
      await sendAll(process, fd, n === buffer.length ? buffer : buffer.subarray(0, n));
    }
  };
  return runService(process, 'echo', args, ECHO_PORT, listening, converse, (datagram) => datagram);
}
