/**
 * What programs call a host: by its name with the address behind it, or by the address alone; and why a call failed.
 *
 * Called by ping/, traceroute/, nc/ and telnet.ts.
 */
import { gai_strerror, GaiError } from '../api/posix/gai-error.ts';
import { getnameinfo } from '../api/posix/getnameinfo.ts';
import type { NameProcess } from '../api/posix/name-process.ts';
import { NI_NAMEREQD, NI_NUMERICHOST } from '../api/posix/netdb-constants.ts';
import { strerror } from '../base/errno.ts';

/** The address as text. */
export async function numericHost(process: NameProcess, address: Uint8Array): Promise<string> {
  return (await getnameinfo(process, address, NI_NUMERICHOST)).host;
}

/** The host's name, or null. */
export async function nameOfHost(process: NameProcess, address: Uint8Array): Promise<string | null> {
  try {
    return (await getnameinfo(process, address, NI_NAMEREQD)).host;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return null;
  }
}

/** `name (address)`, or the address alone. */
export async function nameAndAddress(process: NameProcess, address: Uint8Array, isNumeric: boolean): Promise<string> {
  const text = await numericHost(process, address);
  const name = isNumeric ? null : await nameOfHost(process, address);
  return name === null ? text : `${name} (${text})`;
}

/** What strerror(3) or gai_strerror(3) says of a call that failed. Throws anything else again: it is no call's. */
export function reasonOf(error: unknown): string {
  if (error instanceof GaiError) return gai_strerror(error.errno);
  const { errno } = error as { errno?: unknown };
  if (typeof errno === 'number') return strerror(-errno);
  throw error;
}
