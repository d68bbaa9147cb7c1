/**
 * Values for setsockopt, as C lays them out on a little-endian 64-bit machine. For programs; the stack reads them in
 * socket/options.ts.
 */
import { readWhole, wrongKind } from '../../base/arguments.ts';

const MAX_INT = 0x7fffffff;

/**
 * An `int`, what most options take (man 7 socket, man 7 tcp). `true` is 1, `false` 0.
 *
 *   await process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1));
 *   await process.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(65536));    // bytes
 */
export function int32(value: number | boolean): Uint8Array {
  return intBytes('int32: value', value);
}

function intBytes(what: string, value: unknown): Uint8Array {
  const number = typeof value === 'boolean' ? Number(value) : readWhole(what, value, -MAX_INT - 1, MAX_INT);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, number, true);
  return bytes;
}

/**
 * A `struct timeval` of 16 bytes from seconds, fractions down to a microsecond: what SO_RCVTIMEO and SO_SNDTIMEO take.
 * 0 is no limit.
 *
 *   await process.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(1.5));    // read fails with EAGAIN after 1.5 s
 */
export function timeval(seconds: number): Uint8Array {
  if (typeof seconds !== 'number') throw wrongKind('timeval: seconds', 'a number', seconds);
  if (!(seconds >= 0 && seconds <= Number.MAX_SAFE_INTEGER / 1e6)) {
    throw new RangeError(`timeval: seconds must be a number of seconds, 0 or more, not ${seconds}`);
  }
  const micros = Math.round(seconds * 1e6);
  const whole = Math.floor(micros / 1e6);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, whole, true);
  view.setUint32(4, Math.floor(whole / 0x100000000), true);
  view.setUint32(8, micros - whole * 1e6, true);
  return bytes;
}

/**
 * A `struct linger` for SO_LINGER: with `on`, close waits up to `seconds` (whole ones) until all data is acknowledged;
 * with 0 seconds it sends a RST at once.
 *
 *   await process.setsockopt(fd, SOL_SOCKET, SO_LINGER, linger(true, 5));
 */
export function linger(on: boolean | number, seconds: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set(intBytes('linger: on', on), 0);
  bytes.set(intBytes('linger: seconds', seconds), 4);
  return bytes;
}
