/**
 * resolv.conf(5): whom the resolver asks, and how. Read anew for each lookup, as glibc does when the file has changed.
 */
import { inet_aton, IpAddress } from '../../base/inet-address.ts';
import { DNS_PORT } from '../../wire/dns.ts';
import type { NameProcess } from './name-process.ts';
import { readText } from './text-file.ts';
import { parseScopedAddress } from './scoped-address.ts';
import { sockaddrIn, sockaddrIn6 } from './sockaddr.ts';

/** MAXNS, RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of <resolv.h>: more is cut to these. */
const MAX_SERVERS = 3;
const MAX_NDOTS = 15;
const MAX_TIMEOUT_S = 30;
const MAX_ATTEMPTS = 5;

export interface ResolverConfig {
  /** Socket addresses of the name servers, in order. */
  readonly servers: readonly Uint8Array[];
  /** Domains that a name is tried in. */
  readonly search: readonly string[];
  /** So many dots make a name be tried as it is first. */
  readonly ndots: number;
  /** How long the first server is waited for. */
  readonly timeoutSeconds: number;
  /** How often the list of servers is gone through. */
  readonly attempts: number;
  /** Queries begin with any of the servers. */
  readonly rotate: boolean;
  /** TCP from the first. */
  readonly useVc: boolean;
  readonly edns0: boolean;
}

/** What /etc/resolv.conf says; without it a server of one's own, as the man page has it. */
export async function readResolverConfig(process: NameProcess): Promise<ResolverConfig> {
  const servers: Uint8Array[] = [];
  let search: string[] | null = null;
  let ndots = 1;
  let timeoutSeconds = 5;
  let attempts = 2;
  const flags = new Set<string>();
  for (const line of (await readText(process, '/etc/resolv.conf')).split('\n')) {
    // The keyword begins the line; what begins otherwise (`;` and `#` too) is no keyword of ours.
    const [keyword, ...values] = line.split(/[ \t]+/).filter((word, i) => i === 0 || word !== '');
    if (values.length === 0) continue;
    if (keyword === 'nameserver' && servers.length < MAX_SERVERS) {
      const address = await serverAddress(process, values[0]);
      if (address !== null) servers.push(address);
    }
    // The last of these lines counts.
    if (keyword === 'search') search = values;
    if (keyword === 'domain') search = [values[0]];
    if (keyword !== 'options') continue;
    for (const option of values) {
      const [name, text] = option.split(':');
      const number = Number.parseInt(text ?? '', 10);
      if (Number.isNaN(number)) flags.add(name);
      else if (name === 'ndots') ndots = Math.min(number, MAX_NDOTS);
      else if (name === 'timeout') timeoutSeconds = Math.min(number, MAX_TIMEOUT_S);
      else if (name === 'attempts') attempts = Math.min(number, MAX_ATTEMPTS);
    }
  }
  if (servers.length === 0) servers.push(sockaddrIn('127.0.0.1', DNS_PORT));
  return {
    servers, search: search ?? domainOf(await process.gethostname()), ndots, timeoutSeconds, attempts,
    rotate: flags.has('rotate'), useVc: flags.has('use-vc'), edns0: flags.has('edns0'),
  };
}

/** What follows the first dot of a host's name is the domain to search by default. */
function domainOf(hostname: string): string[] {
  const dot = hostname.indexOf('.');
  return dot < 0 || dot === hostname.length - 1 ? [] : [hostname.slice(dot + 1)];
}

async function serverAddress(process: NameProcess, text: string): Promise<Uint8Array | null> {
  const word = /\s/.test(text) ? null : inet_aton(text);
  if (word !== null) return sockaddrIn(IpAddress.fromV4(word), DNS_PORT);
  const scoped = await parseScopedAddress(process, text);
  return scoped === null ? null : sockaddrIn6(scoped.address, DNS_PORT, scoped.scopeId);
}
