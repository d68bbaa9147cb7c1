/**
 * Addresses of AF_UNIX (unix(7)), as `struct sockaddr_un` has them on a little-endian machine:
 *
 *   | family 2 LE | path up to 108 |
 *
 *   pathname   a path, with or without its final NUL; the kernel's own form always has it (unix_mkname_bsd)
 *   abstract   a NUL and a name: every byte of the length counts, NULs too
 *   unnamed    nothing but the family
 */
import { Errno } from '../../base/errno.ts';
import { AF } from '../constants.ts';

/** offsetof(struct sockaddr_un, sun_path). */
export const SUN_PATH = 2;
export const SUN_PATH_MAX = 108;

/** A bound socket's address, shared by the connections that a listener gave it to. */
export class UnixAddress {
  /** As getsockname(2) shows it: a path of 108 bytes makes it one byte longer than the structure. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export const UNNAMED: Uint8Array = Uint8Array.of(AF.UNIX, 0);

/** unix_validate_addr: 0, or -EINVAL for what is no name of this family. */
export function checkUnixAddress(address: Uint8Array): number {
  if (address.length <= SUN_PATH || address.length > SUN_PATH + SUN_PATH_MAX) return -Errno.EINVAL;
  return address[0] === AF.UNIX && address[1] === 0 ? 0 : -Errno.EINVAL;
}

export function isAbstract(address: Uint8Array): boolean {
  return address[SUN_PATH] === 0;
}

/** The path of a pathname address, without what follows its end. */
export function pathOf(address: Uint8Array): Uint8Array {
  const end = address.indexOf(0, SUN_PATH);
  return address.subarray(SUN_PATH, end < 0 ? address.length : end);
}

/** The kernel's form of a pathname address: its path and one NUL. */
export function pathAddress(path: Uint8Array): UnixAddress {
  const bytes = new Uint8Array(SUN_PATH + path.length + 1);
  bytes[0] = AF.UNIX;
  bytes.set(path, SUN_PATH);
  return new UnixAddress(bytes);
}

/** The address that autobind gives: a NUL and five hexadecimal digits. */
export function autobindAddress(number: number): UnixAddress {
  const bytes = new Uint8Array(SUN_PATH + 6);
  bytes[0] = AF.UNIX;
  const digits = number.toString(16).padStart(5, '0');
  for (let i = 0; i < 5; i++) bytes[SUN_PATH + 1 + i] = digits.charCodeAt(i);
  return new UnixAddress(bytes);
}
