/**
 * The order in which a program should try the addresses of a name (RFC 6724 section 6), as glibc has it.
 *
 * Called by getaddrinfo.ts. The source address that each destination would get is asked of the kernel: a datagram socket
 * is connected to it, which sends nothing. glibc's table of policies is that of RFC 3484 with entries for site-local and
 * unique local addresses, not RFC 6724's: see gai.conf(5).
 */
import { commonPrefixLength, IpAddress, multicastScope } from '../../base/inet-address.ts';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM } from './constants.ts';
import { type Ifaddrs, prefixLengthOf } from './ifaddrs.ts';
import type { NameProcess } from './name-process.ts';
import type { HostAddress } from './name-tables.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from './sockaddr.ts';

interface Policy {
  readonly prefix: IpAddress;
  readonly length: number;
  readonly label: number;
  readonly precedence: number;
}

/** Longest prefix first. An IPv4 address is looked up in its v4-mapped form. */
const POLICIES: readonly Policy[] = ([
  ['::1', 128, 0, 50], ['::ffff:0:0', 96, 4, 10], ['::', 96, 3, 20], ['2001::', 32, 7, 40], ['2002::', 16, 2, 30],
  ['fec0::', 10, 5, 40], ['fc00::', 7, 6, 40], ['::', 0, 1, 40],
] as const).map(([text, length, label, precedence]) => ({ prefix: IpAddress.from(text), length, label, precedence }));

/** Scopes of RFC 4291 section 2.7, which unicast addresses have too. */
const LINK_SCOPE = 2;
const SITE_SCOPE = 5;
const GLOBAL_SCOPE = 14;

/** A destination with what the rules look at. */
interface Candidate {
  readonly host: HostAddress;
  readonly scope: number;
  readonly policy: Policy;
  /** What the kernel would send from; null when it has no route. */
  readonly source: IpAddress | null;
  readonly sourceScope: number;
  readonly sourceLabel: number;
  /** Leading bits that it shares with its source, as far as that says anything. */
  readonly sharedBits: number;
}

/** The addresses in the order to try them. */
export async function sortAddresses(process: NameProcess, hosts: readonly HostAddress[], port: number): Promise<HostAddress[]> {
  if (hosts.length < 2) return [...hosts];
  const interfaces = masksOf(await process.getifaddrs());
  const candidates: Candidate[] = [];
  for (const host of hosts) candidates.push(candidateOf(host, await sourceFor(process, host, port), interfaces));
  // Array.prototype.sort is stable, which is rule 10.
  return candidates.sort(compare).map(({ host }) => host);
}

async function sourceFor(process: NameProcess, { family, address, scopeId }: HostAddress, port: number): Promise<IpAddress | null> {
  let fd = -1;
  try {
    const to = family === AF_INET ? sockaddrIn(address, port) : sockaddrIn6(address, port, scopeId);
    fd = await process.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    await process.connect(fd, to);
    const name = readSockaddr(await process.getsockname(fd));
    return name === null ? null : IpAddress.from(name.address);
  } catch {
    return null;
  } finally {
    if (fd >= 0) await process.close(fd);
  }
}

/** glibc looks at the masks only where there is an IPv6 address other than ::1; otherwise every subnet has one address. */
function masksOf(interfaces: readonly Ifaddrs[]): readonly Ifaddrs[] {
  const hasV6 = interfaces.some(({ addr }) => {
    const own = readSockaddr(addr);
    return own?.family === AF_INET6 && own.address !== '::1';
  });
  return hasV6 ? interfaces : [];
}

function candidateOf(host: HostAddress, source: IpAddress | null, interfaces: readonly Ifaddrs[]): Candidate {
  return {
    host,
    scope: scopeOf(host.family, host.address),
    policy: policyOf(host.address),
    source,
    sourceScope: source === null ? -1 : scopeOf(host.family, source),
    sourceLabel: source === null ? -1 : policyOf(source).label,
    sharedBits: source === null ? 0 : sharedBits(host, source, interfaces),
  };
}

/** Below 0 when `one` comes first. Rules 3, 4 and 7 (deprecated, home and tunnelled addresses) have nothing to tell apart here. */
function compare(one: Candidate, other: Candidate): number {
  // Rule 1: avoid unusable destinations.
  if ((one.source === null) !== (other.source === null)) return one.source === null ? 1 : -1;
  // Rule 2: prefer matching scope.
  const matches = (one.scope === one.sourceScope ? 0 : 1) - (other.scope === other.sourceScope ? 0 : 1);
  if (matches !== 0 && one.source !== null) return matches;
  // Rule 5: prefer matching label.
  const labels = (one.policy.label === one.sourceLabel ? 0 : 1) - (other.policy.label === other.sourceLabel ? 0 : 1);
  if (labels !== 0 && one.source !== null) return labels;
  // Rule 6: prefer higher precedence.
  if (one.policy.precedence !== other.policy.precedence) return other.policy.precedence - one.policy.precedence;
  // Rule 8: prefer smaller scope.
  if (one.scope !== other.scope) return one.scope - other.scope;
  // Rule 9: use longest matching prefix.
  return one.host.family === other.host.family ? other.sharedBits - one.sharedBits : 0;
}

/**
 * Deviation of glibc from rule 9: bits that IPv4 addresses share say something inside of one subnet alone, since networks
 * are given out without regard to them.
 */
function sharedBits({ family, address }: HostAddress, source: IpAddress, interfaces: readonly Ifaddrs[]): number {
  if (family !== AF_INET) return commonPrefixLength(address, source);
  const own = interfaces.find(({ addr, netmask }) => netmask !== null && readSockaddr(addr)?.address === source.toString());
  const length = own === undefined ? 32 : prefixLengthOf(own.netmask as Uint8Array);
  return address.isIn(source, length) ? commonPrefixLength(address, source) : 0;
}

function policyOf(address: IpAddress): Policy {
  // The last one fits every address.
  return POLICIES.find(({ prefix, length }) => address.isIn(prefix, prefix.isV4 ? length - 96 : length)) as Policy;
}

/** RFC 6724 section 3.1 and 3.2: loopback is like link-local. For glibc an IPv4 address as an AF_INET6 one is global, always. */
function scopeOf(family: number, address: IpAddress): number {
  if (family !== AF_INET && address.isV4) return GLOBAL_SCOPE;
  if (family !== AF_INET && address.isMulticast) return multicastScope(address.a);
  if (address.isLoopback || address.isLinkLocal) return LINK_SCOPE;
  return !address.isV4 && address.a >>> 22 === 0x3fb ? SITE_SCOPE : GLOBAL_SCOPE;
}
