/**
 * `struct sockaddr_nl` of netlink(7), little-endian:
 *
 *   | family 2 | zero 2 | port id 4 | groups 4 |
 */
import { readBytes, readWhole } from '../../base/arguments.ts';
import { AF } from '../constants.ts';

export const SOCKADDR_NL_LEN = 12;

/** A `struct sockaddr_nl`; port 0 is the kernel, or a socket that wants to be given one. */
export function sockaddrNl(port = 0, groups = 0): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_NL_LEN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF.NETLINK, true);
  view.setUint32(4, readWhole('sockaddrNl: port', port, -0x80000000, 0xffffffff), true);
  view.setUint32(8, readWhole('sockaddrNl: groups', groups, -0x80000000, 0xffffffff), true);
  return bytes;
}

/** Null for another family or too few bytes. */
export function readSockaddrNl(bytes: Uint8Array): { port: number; groups: number } | null {
  const plain = readBytes('readSockaddrNl: address', bytes);
  if (plain.length < SOCKADDR_NL_LEN) return null;
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  return view.getUint16(0, true) === AF.NETLINK ? { port: view.getUint32(4, true), groups: view.getUint32(8, true) } : null;
}

/** Of several groups only the lowest is meant by those who send (ffs). */
export function lowestGroup(groups: number): number {
  return groups === 0 ? 0 : 32 - Math.clz32(groups & -groups);
}
