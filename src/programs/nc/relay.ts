/** What nc does with a connection: standard input goes out, what comes in goes to standard output. Called by nc.ts. */
import { CLOCK_MONOTONIC, MSG_NOSIGNAL, POLLERR, POLLHUP, POLLIN, SHUT_WR } from '../../api/posix/constants.ts';
import { isErrno } from '../../api/posix/errors.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import type { NcOptions } from './options.ts';

const STDIN = 0;
const STDOUT = 1;
const BUFFER_BYTES = 16384;
const LF = 10, CR = 13;

/** Resolves when the peer has ended, or the time of -w or -q is over. */
export async function relay(process: NameProcess, fd: number, options: NcOptions): Promise<void> {
  const out = new Uint8Array(BUFFER_BYTES);
  const input = new Uint8Array(BUFFER_BYTES);
  let hasInput = !options.noInput;
  let quitsAt = Infinity;
  for (;;) {
    const fds = [{ fd, events: POLLIN, revents: 0 }];
    if (hasInput) fds.push({ fd: STDIN, events: POLLIN, revents: 0 });
    const now = await process.clock_gettime(CLOCK_MONOTONIC);
    if (now >= quitsAt) return;
    const silence = options.timeout < 0 ? Infinity : options.timeout * 1000;
    const wait = Math.min(silence, Math.ceil((quitsAt - now) / 1000));
    try {
      if ((await process.poll(fds, wait === Infinity ? -1 : wait)) === 0) return;
    } catch (error) {
      if (isErrno(error, 'EINTR')) continue;
      throw error;
    }
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) !== 0) {
      const n = await receive(process, fd, out);
      // A datagram may be empty.
      if (n < 0 || (n === 0 && !options.udp)) return;
      await writeAll(process, out.subarray(0, n));
    }
    if ((fds[1]?.revents ?? 0) === 0) continue;
    const n = await process.read(STDIN, input);
    if (n > 0) {
      if (!(await transmit(process, fd, options.crlf ? withCrLf(input.subarray(0, n)) : input.subarray(0, n)))) return;
      continue;
    }
    hasInput = false;
    if (options.shutdown && !options.udp) await process.shutdown(fd, SHUT_WR).catch(() => {});
    if (options.quitAfter === 0) {
      // What has come by now is still shown.
      quitsAt = now + 1000;
    } else if (options.quitAfter > 0) quitsAt = now + options.quitAfter * 1e6;
  }
}

/** -1 when the peer has broken off; a datagram that found nobody is no end. */
async function receive(process: NameProcess, fd: number, into: Uint8Array): Promise<number> {
  try {
    return await process.recv(fd, into, 0);
  } catch (error) {
    if (typeof (error as { errno?: unknown }).errno !== 'number') throw error;
    return -1;
  }
}

async function transmit(process: NameProcess, fd: number, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let sent = 0; sent < bytes.length;) sent += await process.send(fd, bytes.subarray(sent), MSG_NOSIGNAL);
    return true;
  } catch (error) {
    if (typeof (error as { errno?: unknown }).errno !== 'number') throw error;
    return false;
  }
}

async function writeAll(process: NameProcess, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await process.write(STDOUT, bytes.subarray(done));
}

/** -C: a line feed alone gets its carriage return. */
function withCrLf(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (const byte of bytes) {
    if (byte === LF && out[out.length - 1] !== CR) out.push(CR);
    out.push(byte);
  }
  return Uint8Array.from(out);
}
