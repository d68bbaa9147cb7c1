/**
 * Routes in words, as `ip route add PREFIX via ADDRESS dev DEVICE metric N src ADDRESS` takes them: what people write, turned
 * into what route-configuration.ts asks for. Called by Host.
 *
 * What cannot be read throws a sentence, as in the other places where a program configures a machine; what can be read and
 * cannot be done is an errno.
 */
import { ANY4, ANY6, Cidr, IpAddress, parseCidr } from '../base/inet-address.ts';
import { Device } from '../link/device.ts';
import type { RouteTarget } from './route-configuration.ts';
import { RouteScope, RouteType } from './routes.ts';

export interface RouteOptions {
  /** The next hop; left out when the destinations are on the device's link. */
  readonly via?: string | IpAddress;
  /** Left out, the device is that on whose link the next hop is. */
  readonly device?: Device;
  /** Of equal prefixes the least counts; 0 for IPv4, 1024 for IPv6. */
  readonly metric?: number;
  /** The source address of what this machine sends by this route. */
  readonly source?: string | IpAddress;
  /** IPv4: `global` with a next hop, `link` without. */
  readonly scope?: 'global' | 'link' | 'host';
  /** All but `unicast` refuse: without a word, or with ICMP's "host unreachable" or "administratively prohibited". */
  readonly type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  /** The next hop is on the device's link, though no address says so. */
  readonly onlink?: boolean;
}

export interface RouteRequest {
  readonly prefix: Cidr;
  readonly target: RouteTarget;
}

const SCOPES = { global: RouteScope.Universe, link: RouteScope.Link, host: RouteScope.Host } as const;
const TYPES = {
  unicast: RouteType.Unicast, blackhole: RouteType.Blackhole, unreachable: RouteType.Unreachable, prohibit: RouteType.Prohibit,
} as const;
const OPTIONS = ['via', 'device', 'metric', 'source', 'scope', 'type', 'onlink'] as const satisfies readonly (keyof RouteOptions)[];

/** Reads `10.2.0.0/16`, `2001:db8::/32`, an address, or `default` (of the family of `via`; of IPv4 without one). */
export function readRoute(to: string | Cidr, options: RouteOptions): RouteRequest {
  for (const name of Object.keys(options)) {
    if ((OPTIONS as readonly string[]).includes(name)) continue;
    throw new TypeError(`route: unknown option ${name}; there are ${OPTIONS.join(', ')}`);
  }
  const gateway = readAddress('via', options.via);
  const source = readAddress('source', options.source);
  const { metric, device, onlink } = options;
  if (metric !== undefined && !(Number.isInteger(metric) && metric >= 0 && metric <= 0xffffffff)) {
    throw new TypeError(`route: the metric is a whole number from 0 to 4294967295, not ${metric}`);
  }
  if (device !== undefined && !(device instanceof Device)) throw new TypeError(`route: device takes a device (cable.a), not '${String(device)}'`);
  const isV4 = (gateway ?? source ?? ANY4).isV4;
  const prefix = to === 'default' ? new Cidr(isV4 ? ANY4 : ANY6, 0) : typeof to === 'string' ? parseCidr(to) : to;
  if (prefix === null) throw new TypeError(`route: '${String(to)}' is no prefix such as 10.2.0.0/16, and not 'default'`);
  return {
    prefix,
    target: {
      gateway, source, device: device ?? null, onLink: onlink === true,
      ...(metric === undefined ? {} : { metric }),
      ...(options.scope === undefined ? {} : { scope: readWord('scope', SCOPES, options.scope) }),
      ...(options.type === undefined ? {} : { type: readWord('type', TYPES, options.type) }),
    },
  };
}

function readAddress(option: string, given: string | IpAddress | undefined): IpAddress | null {
  if (given === undefined) return null;
  const address = given instanceof IpAddress ? given : IpAddress.parse(String(given));
  if (address === null) throw new TypeError(`route: ${option} takes an address, not '${String(given)}'`);
  return address;
}

function readWord<T>(option: string, known: Readonly<Record<string, T>>, word: string): T {
  if (!Object.hasOwn(known, word)) throw new TypeError(`route: ${option} is one of ${Object.keys(known).join(', ')}, not '${word}'`);
  return known[word] as T;
}
