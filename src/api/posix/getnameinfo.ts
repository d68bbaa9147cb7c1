/**
 * getnameinfo(3): a socket address to the names of its host and service, as glibc gives them.
 */
import { readBytes, readNumber } from '../../base/arguments.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import { GaiError } from './gai-error.ts';
import { mustBeProcess, type NameProcess } from './name-process.ts';
import { getservbyport } from './name-tables.ts';
import {
  EAI_AGAIN, EAI_BADFLAGS, EAI_FAMILY, EAI_NONAME, NI_DGRAM, NI_IDN, NI_NAMEREQD, NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV,
} from './netdb-constants.ts';
import { resolveAddress } from './resolver.ts';
import { HostError } from './resolver-answer.ts';
import { formatScopedAddress } from './scoped-address.ts';
import { readSockaddr } from './sockaddr.ts';

const KNOWN_FLAGS = NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM | NI_IDN;
const SOCKADDR_IN6_LEN = 28;

/**
 * Resolves to the host's name, or its address as text, and the service's name, or its port. Rejects with GaiError:
 * EAI_NONAME (NI_NAMEREQD), EAI_AGAIN, EAI_FAMILY, EAI_BADFLAGS.
 */
export async function getnameinfo(process: NameProcess, addr: Uint8Array, flags: number): Promise<{ host: string; service: string }> {
  mustBeProcess('getnameinfo', process);
  return nameOf(process, readBytes('getnameinfo: addr', addr, 'bytes of a sockaddr (sockaddrIn(...))'), readNumber('getnameinfo: flags', flags) ?? 0);
}

async function nameOf(process: NameProcess, addr: Uint8Array, flags: number): Promise<{ host: string; service: string }> {
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new GaiError(EAI_BADFLAGS, 'getnameinfo');
  const name = readSockaddr(addr);
  if (name === null || (name.family === AF_INET6 && addr.length < SOCKADDR_IN6_LEN)) throw new GaiError(EAI_FAMILY, 'getnameinfo');
  const address = IpAddress.from(name.address);
  let host: string | null = null;
  if ((flags & NI_NUMERICHOST) === 0) {
    const found = await resolveAddress(process, name.family, address);
    if (found === HostError.TryAgain) throw new GaiError(EAI_AGAIN, 'getnameinfo');
    if (typeof found === 'string') host = (flags & NI_NOFQDN) === 0 ? found : withoutDomain(found, await process.gethostname());
  }
  if (host === null && (flags & NI_NAMEREQD) !== 0) throw new GaiError(EAI_NONAME, 'getnameinfo');
  host ??= name.family === AF_INET ? name.address : await formatScopedAddress(process, address, name.scopeId);
  const isNumeric = (flags & NI_NUMERICSERV) !== 0;
  const entry = isNumeric ? null : await getservbyport(process, name.port, (flags & NI_DGRAM) !== 0 ? 'udp' : 'tcp');
  return { host, service: entry?.name ?? String(name.port) };
}

/** NI_NOFQDN: a host of one's own domain goes by its first name. */
function withoutDomain(host: string, own: string): string {
  const dot = own.indexOf('.');
  const domain = dot < 0 ? '' : own.slice(dot);
  return domain !== '' && host.length > domain.length && host.endsWith(domain) ? host.slice(0, -domain.length) : host;
}
