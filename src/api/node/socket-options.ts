/**
 * Socket options that Node has no call for: setsockopt(2) and getsockopt(2) of the socket below a `net.Socket`,
 * `net.Server`, `dgram.Socket` or `tls.TLSSocket`.
 *
 *   setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 5500);
 */
import { errnoName } from '../../base/errno.ts';
import { intBytes } from '../../socket/option-bytes.ts';
import { behind } from './in-place.ts';
import { StreamHandle } from './stream-handle.ts';
import { UdpHandle } from './udp-handle.ts';

/** What has a handle: dgram's is under a symbol. */
interface WithHandle {
  readonly _handle?: object | null;
  readonly [key: symbol]: unknown;
}

/** Sets an option: bytes as C lays them out, or a number for an `int`. Throws an Error with `code`, `errno` and `syscall`. */
export function setsockopt(socket: object, level: number, option: number, value: Uint8Array | number): void {
  const handle = handleOf(socket, 'setsockopt');
  const bytes = typeof value === 'number' ? intBytes(value, 4) : value;
  const result = handle.program.kernel.setOption(handle.kernelDescriptor, level, option, bytes);
  if (result < 0) throw failure(result, 'setsockopt');
}

/** An option's bytes, as many as there are up to `length`. Throws as `setsockopt` does. */
export function getsockopt(socket: object, level: number, option: number, length = 4): Uint8Array {
  const handle = handleOf(socket, 'getsockopt');
  const result = handle.program.kernel.getOption(handle.kernelDescriptor, level, option, length);
  if (typeof result === 'number') throw failure(result, 'getsockopt');
  return result;
}

function handleOf(socket: object, call: string): StreamHandle | UdpHandle {
  if (typeof socket !== 'object' || socket === null) throw new TypeError(`${call}: takes a socket of node:net or node:dgram`);
  const below = machineHandle(socket as WithHandle);
  if (below === null) throw new TypeError(`${call}: the socket has no descriptor: it is not connected or bound yet, or closed`);
  const ours = oursBehind(below);
  if (ours === null) throw new TypeError(`${call}: this socket is the machine's; only sockets of programs on sockscape hosts have options here`);
  return ours;
}

/** The handle of ours that this socket, server or handle of Node's stands on; null when it stands on none. */
export function handleUnder(socket: object): StreamHandle | UdpHandle | null {
  return oursBehind(machineHandle(socket as WithHandle) ?? socket);
}

function oursBehind(handle: object): StreamHandle | UdpHandle | null {
  const ours = behind(handle);
  return ours instanceof StreamHandle || ours instanceof UdpHandle ? ours : null;
}

/** What net and dgram hold: the handle that they take for one of the machine's. */
function machineHandle(socket: WithHandle): object | null {
  // dgram's first: Node warns of whoever looks at the `_handle` of one (DEP0112).
  const state = Object.getOwnPropertySymbols(socket).find((key) => key.description === 'state symbol');
  if (state !== undefined) return (socket[state] as { handle?: object | null }).handle ?? null;
  const { _handle: direct } = socket;
  // A TLSSocket's handle is TLSWrap, which has the one below as its parent.
  return (direct as { _parent?: object } | null | undefined)?._parent ?? direct ?? null;
}

function failure(result: number, syscall: string): Error {
  const code = errnoName(result);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: result, syscall });
}
