/**
 * What the servers of this room share: opening the socket, one task per connection, limits, complaints.
 *
 * Called by echo.ts, discard.ts, chargen.ts, http.ts, wrote.ts and name-server.ts. A server is one process: each connection is an async
 * function of its own, and nothing that happens to one connection ends another or the server.
 */
import {
  AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, MSG_NOSIGNAL, SO_KEEPALIVE, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM,
  SOL_SOCKET, SOMAXCONN,
} from '../api/posix/constants.ts';
import { isErrno } from '../api/posix/errors.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../api/posix/sockaddr.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';
import { wordsOf } from '../base/thrown.ts';

/** A program: user space over one process's calls. `listening` is called when a server is ready for its first client. */
export type Program = (process: Syscalls, args: readonly string[], listening?: () => void) => Promise<number>;

/** Connections that one server carries at a time; the rest wait in the accept queue. */
const MAX_CONNECTIONS = 1024;
/** How long accept rests when the process or the system is out of something and no connection of ours can end. */
const REST_MS = 100;
const STDERR = 2;
const ON = new Uint8Array([1, 0, 0, 0]);
const OFF = new Uint8Array(4);

/** A sentence on standard error; where there is none, nobody can be told. */
export async function complain(process: Syscalls, program: string, sentence: string): Promise<void> {
  await process.write(STDERR, new TextEncoder().encode(`${program}: ${sentence}\n`)).catch(() => {});
}

/** The port that `args` name: its first word, or `standard` without one; -1 when it is no port. */
export function portOf(args: readonly string[], standard: number): number {
  const text = args[0];
  if (text === undefined) return standard;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  return port > 0 && port <= 65535 ? port : -1;
}

/** A socket bound to `port` on every address of both families, or of IPv4 alone where there is no IPv6. */
export async function openService(process: Syscalls, type: typeof SOCK_STREAM | typeof SOCK_DGRAM, port: number): Promise<number> {
  let isV4 = false;
  let fd: number;
  try {
    fd = await process.socket(AF_INET6, type, 0);
  } catch (error) {
    if (!isErrno(error, 'EAFNOSUPPORT')) throw error;
    isV4 = true;
    fd = await process.socket(AF_INET, type, 0);
  }
  try {
    if (!isV4) await process.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, OFF);
    if (type === SOCK_STREAM) await process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON);
    await process.bind(fd, isV4 ? sockaddrIn('0.0.0.0', port) : sockaddrIn6('::', port));
    if (type === SOCK_STREAM) await process.listen(fd, SOMAXCONN);
    return fd;
  } catch (error) {
    await process.close(fd);
    throw error;
  }
}

/** Sends all of `bytes`; rejects as send(2) does. */
export async function sendAll(process: Syscalls, fd: number, bytes: Uint8Array, flags = 0): Promise<void> {
  let sent = await process.send(fd, bytes, flags | MSG_NOSIGNAL);
  while (sent < bytes.length) sent += await process.send(fd, bytes.subarray(sent), flags | MSG_NOSIGNAL);
}

/** Reads and forgets until the peer has said all it has to say. */
export async function swallow(process: Syscalls, fd: number, buffer: Uint8Array): Promise<void> {
  while ((await process.recv(fd, buffer, 0)) > 0);
}

/**
 * Accepts connections for ever, `most` at a time, and runs `converse` on each; closes the descriptor when it ends, well or
 * badly. Resolves when the listening socket itself is gone.
 */
export async function serveConnections(
  process: Syscalls, listener: number, converse: (fd: number, peer: Uint8Array) => Promise<void>, most: number = MAX_CONNECTIONS,
): Promise<void> {
  let open = 0;
  let ended: (() => void) | null = null;
  const oneEnds = (): Promise<void> => new Promise((resolve) => (ended = resolve));
  const carry = async (fd: number, peer: Uint8Array): Promise<void> => {
    try {
      await process.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, ON);
      await converse(fd, peer);
    } catch {
      // A reset, a peer that vanished: the end of this connection and of nothing else.
    }
    await process.close(fd).catch(() => {});
    open--;
    ended?.();
  };
  for (;;) {
    if (open >= most) await oneEnds();
    try {
      const { fd, address } = await process.accept(listener);
      open++;
      void carry(fd, address);
    } catch (error) {
      // A signal (EINTR) is no end; a process that has ended finds its descriptor closed at the next call.
      if (isErrno(error, 'EBADF') || isErrno(error, 'EINVAL')) return;
      const exhausted = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'].some((code) => isErrno(error, code));
      if (exhausted) await (open > 0 ? oneEnds() : process.poll([], REST_MS));
    }
  }
}

/**
 * Services that answer whatever they are sent; two of them facing each other would never stop, and a forged source port
 * is enough to make them. So no answer goes to these ports (as inetd does).
 */
const CHATTERERS = new Set([7, 13, 17, 19, 37]);

/** Takes datagrams for ever; what `answer` returns goes back to the sender. Resolves when the socket is gone. */
export async function serveDatagrams(
  process: Syscalls, fd: number, answer: (datagram: Uint8Array) => Uint8Array | null,
): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (;;) {
    try {
      const { count, address } = await process.recvfrom(fd, buffer, 0);
      const reply = answer(buffer.subarray(0, count));
      const port = readSockaddr(address)?.port ?? 0;
      if (reply !== null && !CHATTERERS.has(port)) await process.sendto(fd, reply, 0, address);
    } catch (error) {
      // Anything else is about one datagram: an answer that found no route, or none that fits.
      if (isErrno(error, 'EBADF')) return;
    }
  }
}

/** Runs a server over TCP, and over UDP too when `answer` is given, until its process ends. */
export async function runService(
  process: Syscalls, program: string, args: readonly string[], standardPort: number, listening: (() => void) | undefined,
  converse: (fd: number, peer: Uint8Array) => Promise<void>, answer: ((datagram: Uint8Array) => Uint8Array | null) | null,
): Promise<number> {
  const port = portOf(args, standardPort);
  if (port < 0 || args.length > 1) {
    await complain(process, program, `usage: ${program} [PORT]`);
    return 2;
  }
  let listener: number;
  let datagrams = -1;
  try {
    listener = await openService(process, SOCK_STREAM, port);
    if (answer !== null) datagrams = await openService(process, SOCK_DGRAM, port);
  } catch (error) {
    await complain(process, program, `port ${port}: ${wordsOf(error)}`);
    return 1;
  }
  listening?.();
  await Promise.all([
    serveConnections(process, listener, converse),
    answer === null ? null : serveDatagrams(process, datagrams, answer),
  ]);
  return 0;
}
