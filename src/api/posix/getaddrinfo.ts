/**
 * getaddrinfo(3): a name and a service to the socket addresses of it, as glibc gives them.
 *
 *   for (const { family, socktype, addr } of await getaddrinfo(process, 'www.example.org', 'http', { socktype: SOCK_STREAM })) {
 *     const fd = await process.socket(family, socktype, 0);
 *     ...
 *   }
 *
 * The work is done in resolver.ts (names), name-tables.ts (services) and address-order.ts (which comes first). RFC 3493
 * section 6.1 says what the flags mean.
 */
import { readNumber, readRecord, readText } from '../../base/arguments.ts';
import { inet_aton, IpAddress } from '../../base/inet-address.ts';
import { fieldOf, isKind } from '../../base/thrown.ts';
import { sortAddresses } from './address-order.ts';
import {
  AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, SOCK_DCCP, SOCK_DGRAM, SOCK_RAW,
  SOCK_SEQPACKET, SOCK_STREAM,
} from './constants.ts';
import { isErrno } from './errors.ts';
import { GaiError } from './gai-error.ts';
import { mustBeProcess, type NameProcess } from './name-process.ts';
import { getservbyname, type HostAddress, type HostEntry } from './name-tables.ts';
import {
  AI_ADDRCONFIG, AI_ALL, AI_CANONIDN, AI_CANONNAME, AI_IDN, AI_IDN_ALLOW_UNASSIGNED, AI_IDN_USE_STD3_ASCII_RULES, AI_NUMERICHOST,
  AI_NUMERICSERV, AI_PASSIVE, AI_V4MAPPED, EAI_ADDRFAMILY, EAI_AGAIN, EAI_BADFLAGS, EAI_FAMILY, EAI_IDN_ENCODE, EAI_MEMORY, EAI_NODATA,
  EAI_NONAME, EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM,
} from './netdb-constants.ts';
import { resolveHost } from './resolver.ts';
import { HostError } from './resolver-answer.ts';
import { parseScopedAddress } from './scoped-address.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from './sockaddr.ts';

/** What is wished for; 0 (or nothing) is any. */
export interface AddrinfoHints {
  /** AI_PASSIVE ... */
  flags?: number;
  family?: number;
  socktype?: number;
  protocol?: number;
}

/** A `struct addrinfo`. */
export interface Addrinfo {
  flags: number;
  family: number;
  socktype: number;
  protocol: number;
  /** A sockaddr_in or sockaddr_in6. */
  addr: Uint8Array;
  /** The first one's full name, with AI_CANONNAME; null otherwise. */
  canonname: string | null;
}

const KNOWN_FLAGS =
  AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_IDN | AI_CANONIDN | AI_IDN_ALLOW_UNASSIGNED |
  AI_IDN_USE_STD3_ASCII_RULES | AI_NUMERICSERV;
/** What glibc takes when there are no hints. */
const DEFAULT_FLAGS = AI_V4MAPPED | AI_ADDRCONFIG;
const IPPROTO_DCCP = 33;

/** A kind of socket that an address can be for. */
interface SocketKind {
  readonly socktype: number;
  readonly protocol: number;
  /** As services(5) names it; null for raw sockets, which have no services. */
  readonly name: string | null;
  /** Whether it is among the results when nobody asked for a kind. */
  readonly isDefault: boolean;
}

/** In glibc's order, which is that of the results. */
const SOCKET_KINDS: readonly SocketKind[] = [
  { socktype: SOCK_STREAM, protocol: IPPROTO_TCP, name: 'tcp', isDefault: true },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDP, name: 'udp', isDefault: true },
  { socktype: SOCK_DCCP, protocol: IPPROTO_DCCP, name: 'dccp', isDefault: false },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDPLITE, name: 'udplite', isDefault: false },
  { socktype: SOCK_STREAM, protocol: IPPROTO_SCTP, name: 'sctp', isDefault: false },
  { socktype: SOCK_SEQPACKET, protocol: IPPROTO_SCTP, name: 'sctp', isDefault: false },
  { socktype: SOCK_RAW, protocol: 0, name: null, isDefault: true },
];

/** What a result is for, with the port of the service there. */
interface Endpoint {
  readonly socktype: number;
  readonly protocol: number;
  readonly port: number;
}

/** The question, with its defaults filled in. */
interface Request {
  readonly flags: number;
  readonly family: number;
  readonly socktype: number;
  readonly protocol: number;
}

/**
 * getaddrinfo(3): `node` a name or an address as text, `service` a name or a port as text; one of them may be null.
 * Resolves to one address at least. Rejects with GaiError (EAI_NONAME, EAI_AGAIN, EAI_SERVICE ...); EAI_MEMORY
 * where /etc/hosts has more than 4,096 addresses of the name, or a line of more than 2^20 characters.
 */
export async function getaddrinfo(
  process: NameProcess, node: string | null, service: string | null, hints: AddrinfoHints | null = null,
): Promise<Addrinfo[]> {
  mustBeProcess('getaddrinfo', process);
  if (node !== null) readText('getaddrinfo: node', node, 'a string or null');
  if (service !== null) readText('getaddrinfo: service', service, 'a string or null');
  const wanted = hints === null ? null : readHints(hints);
  try {
    return await search(process, node === '*' ? null : node, service === '*' ? null : service, wanted);
  } catch (error) {
    if (isErrno(error, 'ENOMEM')) throw failure(EAI_MEMORY, error);
    // A call that failed (no descriptor is left, the process has ended) is EAI_SYSTEM, as in C.
    if (isKind(error, Error) && !isKind(error, GaiError) && fieldOf(error, 'syscall') !== undefined) throw failure(EAI_SYSTEM, error);
    throw error;
  }
}

function readHints(hints: unknown): AddrinfoHints {
  const field = (of: Readonly<Record<string, unknown>>, name: string): number => readNumber(`getaddrinfo: hints.${name}`, of[name]) ?? 0;
  return readRecord('getaddrinfo: hints', hints, '{ flags, family, socktype, protocol } or null', (of) => ({
    flags: field(of, 'flags'), family: field(of, 'family'), socktype: field(of, 'socktype'), protocol: field(of, 'protocol'),
  }));
}

async function search(
  process: NameProcess, node: string | null, service: string | null, hints: AddrinfoHints | null,
): Promise<Addrinfo[]> {
  if (node === null && service === null) throw failure(EAI_NONAME);
  const { flags = hints === null ? DEFAULT_FLAGS : 0, family = AF_UNSPEC, socktype = 0, protocol = 0 } = hints ?? {};
  if ((flags & ~KNOWN_FLAGS) !== 0 || ((flags & AI_CANONNAME) !== 0 && node === null)) throw failure(EAI_BADFLAGS);
  const request = { flags, family: await configuredFamily(process, flags, family), socktype, protocol };
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) throw failure(EAI_FAMILY);
  const endpoints = await endpointsOf(process, service, request);
  const { canonical, addresses } = node === null ? ownAddresses(request) : await addressesOf(process, node, request);
  const results: Addrinfo[] = [];
  for (const { family: own, address, scopeId } of await sortAddresses(process, addresses, endpoints[0].port)) {
    for (const { socktype: type, protocol: number, port } of endpoints) {
      const addr = own === AF_INET ? sockaddrIn(address, port) : sockaddrIn6(address, port, scopeId);
      const canonname = results.length === 0 && (flags & AI_CANONNAME) !== 0 ? canonical : null;
      results.push({ flags, family: own, socktype: type, protocol: number, addr, canonname });
    }
  }
  return results;
}

function failure(eai: number, cause?: unknown): GaiError {
  return new GaiError(eai, 'getaddrinfo', cause);
}

/** AI_ADDRCONFIG: no family that the host has no address of, loopback's not counted. */
async function configuredFamily(process: NameProcess, flags: number, family: number): Promise<number> {
  if ((flags & AI_ADDRCONFIG) === 0) return family;
  const own = (await process.getifaddrs()).map(({ addr }) => readSockaddr(addr)).filter((each) => each !== null);
  // glibc: 127.0.0.1 and ::1 alone, not all of 127.0.0.0/8; link-local addresses count.
  const has4 = own.some((each) => each.family === AF_INET && each.address !== '127.0.0.1');
  const has6 = own.some((each) => each.family === AF_INET6 && each.address !== '::1');
  if (family === AF_UNSPEC && has4 !== has6) return has4 ? AF_INET : AF_INET6;
  if ((family === AF_INET && !has4) || (family === AF_INET6 && !has6)) throw failure(EAI_NONAME);
  return family;
}

/** The kinds of socket that fit the request, with the port of the service for each. */
async function endpointsOf(process: NameProcess, service: string | null, request: Request): Promise<Endpoint[]> {
  const { socktype, protocol } = request;
  const isAny = socktype === 0 && protocol === 0;
  const fitting = SOCKET_KINDS.filter((kind) =>
    (socktype === 0 || kind.socktype === socktype) && (protocol === 0 || kind.name === null || kind.protocol === protocol));
  if (fitting.length === 0) throw failure(socktype !== 0 ? EAI_SOCKTYPE : EAI_SERVICE);
  // One kind that was asked for is the first that fits; of a raw socket's protocol nothing is known here.
  const endpoint = (kind: SocketKind, port: number): Endpoint =>
    ({ socktype: kind.socktype, protocol: kind.name === null ? protocol : kind.protocol, port });
  const isNamed = service !== null && service !== '';
  if (isNamed && !isAny && fitting[0].name === null) throw failure(EAI_SERVICE);
  const number = isNamed ? portNumber(service) : 0;
  if (number === null && (request.flags & AI_NUMERICSERV) !== 0) throw failure(EAI_NONAME);
  if (number !== null && number >= 0) {
    const port = number & 0xffff;
    return isAny ? SOCKET_KINDS.filter((kind) => kind.isDefault).map((kind) => endpoint(kind, port)) : [endpoint(fitting[0], port)];
  }
  const endpoints: Endpoint[] = [];
  for (const kind of isAny ? SOCKET_KINDS : fitting.slice(0, 1)) {
    const entry = kind.name === null ? null : await getservbyname(process, service as string, kind.name);
    if (entry !== null) endpoints.push(endpoint(kind, entry.port));
  }
  if (endpoints.length === 0) throw failure(EAI_SERVICE);
  return endpoints;
}

/**
 * The int that C makes of a service's digits (strtoul): blanks and a sign may come first, and too many digits wrap around.
 * Null when it is no number.
 */
function portNumber(text: string): number | null {
  const parts = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(text);
  if (parts === null) return null;
  const [, sign, digits] = parts;
  // Beyond 64 bits strtoul gives the largest number, which is -1 in an int.
  if (Number(digits) >= 2 * 0x80000000 * 0x100000000) return -1;
  let value = 0;
  for (const digit of digits) value = (Math.imul(value, 10) + Number(digit)) | 0;
  return sign === '-' ? -value | 0 : value;
}

/** Without a name: where a server listens (AI_PASSIVE), or loopback. */
function ownAddresses({ flags, family }: Request): HostEntry {
  const [six, four] = (flags & AI_PASSIVE) !== 0 ? ['::', '0.0.0.0'] : ['::1', '127.0.0.1'];
  const addresses: HostAddress[] = [];
  if (family !== AF_INET) addresses.push({ family: AF_INET6, address: IpAddress.from(six), scopeId: 0 });
  if (family !== AF_INET6) addresses.push({ family: AF_INET, address: IpAddress.from(four), scopeId: 0 });
  return { canonical: '', addresses };
}

async function addressesOf(process: NameProcess, node: string, request: Request): Promise<HostEntry> {
  const numeric = await numericAddress(process, node, request);
  if (numeric !== null) return { canonical: node, addresses: [numeric] };
  const { flags, family } = request;
  if ((flags & AI_NUMERICHOST) !== 0) throw failure(EAI_NONAME);
  // Names beyond ASCII would have to be written in Punycode first.
  if ((flags & AI_IDN) !== 0 && /[^\0-\x7f]/.test(node)) throw failure(EAI_IDN_ENCODE);
  // Where no name in full is asked for, glibc calls gethostbyname2, which takes digits and dots for a broken address.
  const isPlain = family === AF_INET && (flags & AI_CANONNAME) === 0;
  if (isPlain && looksNumeric(node)) throw failure(EAI_NONAME);
  const found = await resolveHost(process, node, family);
  if (family === AF_INET6 && (flags & AI_V4MAPPED) !== 0) return withMapped(process, node, found, (flags & AI_ALL) !== 0);
  if (typeof found === 'number') throw failure(found === HostError.DeadEnd && isPlain ? EAI_NODATA : hostFailure(found));
  return found;
}

/** AI_V4MAPPED: IPv4 addresses in IPv6 form where a name has no others; with AI_ALL beside them. */
async function withMapped(process: NameProcess, node: string, six: HostEntry | HostError, all: boolean): Promise<HostEntry> {
  if (typeof six !== 'number' && !all) {
    // glibc: what came as an IPv6 address of that form does not count then.
    const addresses = six.addresses.filter(({ address }) => !address.isV4);
    if (addresses.length === 0) throw failure(EAI_NONAME);
    return { canonical: six.canonical, addresses };
  }
  const four = await resolveHost(process, node, AF_INET);
  if (typeof six === 'number' && typeof four === 'number') throw failure(hostFailure(six));
  const entries = [six, four].filter((entry) => typeof entry !== 'number');
  const addresses = entries.flatMap((entry) => entry.addresses).map((each) => ({ ...each, family: AF_INET6 }));
  return { canonical: entries[0].canonical, addresses };
}

function looksNumeric(node: string): boolean {
  return /^\d[\d.]*$/.test(node) ? !node.endsWith('.') : /^[\da-f:][\da-f:.]*$/i.test(node) && node.includes(':');
}

/** What the text of an address says; null when it is a name. */
async function numericAddress(process: NameProcess, node: string, { flags, family }: Request): Promise<HostAddress | null> {
  // inet_aton takes 127.1 and 0x7f000001, and glibc allows nothing behind it here.
  const word = /[\s\0]/.test(node) ? null : inet_aton(node);
  if (word !== null) {
    const address = IpAddress.fromV4(word);
    if (family !== AF_INET6) return { family: AF_INET, address, scopeId: 0 };
    if ((flags & AI_V4MAPPED) !== 0) return { family: AF_INET6, address, scopeId: 0 };
    throw failure(EAI_ADDRFAMILY);
  }
  const percent = node.indexOf('%');
  const bare = IpAddress.parse(percent < 0 ? node : node.slice(0, percent));
  if (bare === null || !node.includes(':')) return null;
  if (family === AF_INET && !bare.isV4) throw failure(EAI_ADDRFAMILY);
  const scoped = await parseScopedAddress(process, node);
  if (scoped === null) throw failure(EAI_NONAME);
  return { family: family === AF_INET ? AF_INET : AF_INET6, ...scoped };
}

function hostFailure(error: HostError): number {
  if (error === HostError.TryAgain) return EAI_AGAIN;
  return error === HostError.NoData ? EAI_NODATA : EAI_NONAME;
}
