/**
 * dns.lookup and dns.lookupService below Node's dns: `cares_wrap.getaddrinfo` and `getnameinfo`, answered by the resolver
 * of the host (its /etc/hosts, /etc/resolv.conf and the name servers that it reaches).
 */
import { AsyncResource } from 'node:async_hooks';
import dns from 'node:dns';
import { promisify } from 'node:util';
import { type Request, binding } from './bindings.ts';
import { Hold } from './hold.ts';
import { isLoaded } from './loaded-modules.ts';
import { NodeProgram } from './node-program.ts';

interface Lookup extends Request {
  oncomplete(error: number | null, addresses?: readonly string[], service?: string): void;
}

/** Values of `order`, in the versions that have them; before, a boolean says "verbatim". */
const cares = binding('cares_wrap');
const IPV4_FIRST = cares.DNS_ORDER_IPV4_FIRST ?? 1;
const IPV6_FIRST = cares.DNS_ORDER_IPV6_FIRST ?? 2;

export function installResolver(): void {
  const { getaddrinfo, getnameinfo } = cares;
  cares.getaddrinfo = (request, ...rest) => {
    const program = NodeProgram.current();
    if (program === null) return getaddrinfo.call(cares, request, ...rest);
    const [name, family, hints, order] = rest as [string, number, number, number | boolean];
    answer(program, 'GETADDRINFOREQWRAP', program.names.addresses(name, family, hints), (found) => {
      if (typeof found === 'number') (request as Lookup).oncomplete(found);
      else (request as Lookup).oncomplete(null, ordered(found, order));
    });
    return 0;
  };
  cares.getnameinfo = (request, ...rest) => {
    const program = NodeProgram.current();
    if (program === null) return getnameinfo.call(cares, request, ...rest);
    const [address, port] = rest as [string, number];
    answer(program, 'GETNAMEINFOREQWRAP', program.names.names(address, port), (found) => {
      if (typeof found === 'number') (request as Lookup).oncomplete(found);
      else (request as unknown as { oncomplete(e: null, h: string, s: string): void }).oncomplete(null, found.host, found.service);
    });
    return 0;
  };
  followPromises();
}

/** node:dns/promises takes both functions of C++ for itself when it is loaded, which may have been before us; node:dns does not. */
function followPromises(): void {
  if (!isLoaded('internal/dns/promises')) return;
  const { promises } = dns as unknown as { promises: Record<string, (...args: unknown[]) => unknown> };
  for (const [name, call] of [['lookup', dns.lookup], ['lookupService', dns.lookupService]] as const) {
    const machine = promises[name] as (...args: unknown[]) => unknown;
    const ours = promisify(call as never) as (...args: unknown[]) => unknown;
    promises[name] = (...args) => (NodeProgram.current() === null ? machine(...args) : ours(...args));
  }
}

/** Tells the answer in a macrotask of its own, in the context of whoever asked. */
function answer<T>(program: NodeProgram, type: string, found: Promise<T>, tell: (found: T) => void): void {
  const scope = new AsyncResource(type);
  const hold = new Hold(program);
  void found.then((value) => {
    program.later({ runEvent: () => {
      hold.release();
      scope.runInAsyncScope(tell, undefined, value);
    } });
  });
}

/** As uv_getaddrinfo's answers are put in order by Node: as they came, or one family before the other. */
function ordered(addresses: readonly string[], order: number | boolean): string[] {
  const isV6 = (address: string): boolean => address.includes(':');
  const v4 = addresses.filter((address) => !isV6(address));
  const v6 = addresses.filter(isV6);
  if (order === IPV6_FIRST) return [...v6, ...v4];
  if (order === IPV4_FIRST || order === false) return [...v4, ...v6];
  return [...addresses];
}
