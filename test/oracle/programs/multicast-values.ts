/** The structures of <linux/in.h> about multicast, written apart from the project's own. */
import { in4, in6 } from '../address.ts';
import { AF } from '../numbers.ts';
import { ints, joined } from '../toolkit.ts';

export function v4(text: string): Uint8Array {
  return in4(text, 0).subarray(4, 8);
}

export function v6(text: string): Uint8Array {
  return in6(text, 0).subarray(8, 24);
}

export function storage(text: string, family: number = text.includes(':') ? AF.INET6 : AF.INET): Uint8Array {
  const bytes = new Uint8Array(128);
  bytes.set(text.includes(':') ? in6(text, 0, 0, family) : in4(text, 0, family));
  return bytes;
}

export const mreq = (group: string, address = '127.0.0.1'): Uint8Array => joined(v4(group), v4(address));
export const mreqn = (group: string, address: string, index: number): Uint8Array => joined(v4(group), v4(address), ints(index));
export const mreqSource = (group: string, source: string, address = '127.0.0.1'): Uint8Array => joined(v4(group), v4(address), v4(source));
export const msfilter = (group: string, mode: number, sources: readonly string[], address = '127.0.0.1', count = sources.length): Uint8Array =>
  joined(v4(group), v4(address), ints(mode, count), ...sources.map(v4));
export const mreq6 = (group: string, index = 1): Uint8Array => joined(v6(group), ints(index));
export const groupReq = (group: string, index = 1): Uint8Array => joined(ints(index, 0), storage(group));
export const groupSource = (group: string, source: string, index = 1): Uint8Array => joined(ints(index, 0), storage(group), storage(source));
export const groupFilter = (group: string, mode: number, sources: readonly string[], index = 1, count = sources.length): Uint8Array =>
  joined(ints(index, 0), storage(group), ints(mode, count), ...sources.map((source) => storage(source)));
