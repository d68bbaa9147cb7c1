/** `ip route show`: which routes, and a line for each. */
import { AF_INET, AF_UNSPEC } from '../api/posix/constants.ts';
import { RT_TABLE, RTA, RTCF, RTM, RTM_F, RTMSG_LEN, RTN, RTNH_F } from '../api/posix/netlink.ts';
import { IpAddress } from '../base/inet-address.ts';
import { type Answer, begins, familyOf, type IpClient, IpFailure, numberOf, type Prefix, prefixOf, scopeOf, scopeWord, type Words, wrong } from './ip-client.ts';

const FAMILY = 0, LENGTH = 1, TABLE = 4, PROTOCOL = 5, SCOPE = 6, TYPE = 7, FLAGS = 8;
/** RTN_ types by their words. */
export const TYPES: Readonly<Record<string, number>> = {
  unicast: RTN.UNICAST, local: RTN.LOCAL, broadcast: RTN.BROADCAST, brd: RTN.BROADCAST, anycast: RTN.ANYCAST, multicast: RTN.MULTICAST,
  blackhole: RTN.BLACKHOLE, unreachable: RTN.UNREACHABLE, prohibit: RTN.PROHIBIT,
};
const PROTOCOLS: Readonly<Record<string, number>> = {
  unspec: 0, redirect: 1, kernel: 2, boot: 3, static: 4, gated: 8, ra: 9, mrt: 10, zebra: 11, bird: 12, dhcp: 16, babel: 42, bgp: 186,
};
const TABLES: Readonly<Record<string, number>> = { all: 0, default: 253, main: RT_TABLE.MAIN, local: RT_TABLE.LOCAL };
const BOOT = 3;

export function protocolOf(word: string): number {
  return Object.hasOwn(PROTOCOLS, word) ? (PROTOCOLS[word] as number) : numberOf(word, '"protocol" value is invalid', 255);
}

export function tableOf(word: string): number {
  return Object.hasOwn(TABLES, word) ? (TABLES[word] as number) : numberOf(word, 'table id value is invalid');
}

function wordIn(words: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(words).find((word) => words[word] === value) ?? String(value);
}

/** Which routes; 0 and null are all. What is asked for by one value is not printed. */
export interface RouteFilter {
  readonly family: number;
  /** 0 for all, when `isTableGiven`. */
  readonly table: number;
  readonly isTableGiven: boolean;
  readonly index: number;
  readonly protocol: number | null;
  readonly type: number | null;
  readonly scope: number | null;
  readonly via: Prefix | null;
  readonly source: Prefix | null;
  /** Routes within a prefix, and routes around one. */
  readonly root: Prefix | null;
  readonly match: Prefix | null;
}

export const NO_FILTER: RouteFilter = {
  family: AF_UNSPEC, table: 0, isTableGiven: false, index: 0, protocol: null, type: null, scope: null, via: null, source: null, root: null, match: null,
};

export async function readRouteFilter(client: IpClient, words: Words): Promise<RouteFilter> {
  const filter = { ...NO_FILTER, family: client.options.family, table: RT_TABLE.MAIN as number };
  const prefix = (word: string): Prefix => {
    const read = prefixOf(word, filter.family);
    if (filter.family === AF_UNSPEC && !/^(default|any|all)$/.test(word)) filter.family = familyOf(read.address);
    return read;
  };
  for (let word = words.take(); word !== null; word = words.take()) {
    switch (word) {
      case 'table': {
        const name = words.need();
        filter.isTableGiven = true;
        if (name === 'cache') throw wrong(name, 'there is no cache of routes');
        filter.table = tableOf(name);
        break;
      }
      case 'dev': case 'oif': filter.index = await client.indexOf(words.need()); break;
      case 'proto': case 'protocol': {
        const name = words.need();
        filter.protocol = name === 'all' ? null : protocolOf(name);
        break;
      }
      case 'scope': {
        const name = words.need();
        filter.scope = name === 'all' ? null : scopeOf(name);
        break;
      }
      case 'type': {
        const name = words.need();
        if (!Object.hasOwn(TYPES, name)) throw wrong(name, 'node type value is invalid');
        filter.type = TYPES[name] as number;
        break;
      }
      case 'via': filter.via = prefix(words.need()); break;
      case 'src': filter.source = prefix(words.need()); break;
      case 'root': filter.root = prefix(words.need()); break;
      case 'match': filter.match = prefix(words.need()); break;
      default: {
        if (begins(word, 'help')) throw new IpFailure('Command "help" is not there: try "ip route help".', 255);
        const both = prefix(word === 'exact' || word === 'to' ? words.need() : word);
        filter.root = both;
        filter.match = both;
      }
    }
  }
  return filter;
}

function contains(outer: Prefix, inner: IpAddress, innerLength: number): boolean {
  return outer.length <= innerLength && outer.address.isV4 === inner.isV4 && inner.isIn(outer.address, outer.length);
}

function isWanted(filter: RouteFilter, route: Answer): boolean {
  const { head } = route;
  const destination = destinationOf(route);
  const length = head.getUint8(LENGTH);
  const table = tableIn(route);
  if (filter.table !== 0 && filter.table !== table) return false;
  if (filter.index !== 0 && route.uint32(RTA.OIF) !== filter.index) return false;
  if (filter.protocol !== null && head.getUint8(PROTOCOL) !== filter.protocol) return false;
  if (filter.type !== null && head.getUint8(TYPE) !== filter.type) return false;
  if (filter.scope !== null && head.getUint8(SCOPE) !== filter.scope) return false;
  for (const [wanted, type] of [[filter.via, RTA.GATEWAY], [filter.source, RTA.PREFSRC]] as const) {
    const address = route.address(type);
    if (wanted !== null && (address === null || !contains(wanted, address, 128))) return false;
  }
  if (filter.root !== null && !contains(filter.root, destination, length)) return false;
  if (filter.match !== null && (length > filter.match.length || !contains({ address: destination, length, hasLength: true }, filter.match.address, 128))) return false;
  return true;
}

function destinationOf(route: Answer): IpAddress {
  return route.address(RTA.DST) ?? (route.head.getUint8(FAMILY) === AF_INET ? IpAddress.fromV4(0) : new IpAddress(0, 0, 0, 0));
}

function tableIn(route: Answer): number {
  return route.uint32(RTA.TABLE) ?? route.head.getUint8(TABLE);
}

/** The kernel limits the dump to the table; the rest is seen to here. */
export async function findRoutes(client: IpClient, filter: RouteFilter): Promise<Answer[]> {
  const { family, table } = filter;
  const routes = await client.dump(RTM.GETROUTE, RTMSG_LEN, (to) => {
    to.uint8(family).uint8(0).uint8(0).uint8(0).uint8(0).uint8(0).uint8(0).uint8(0).uint32(0);
    if (table !== 0) to.attributeUint32(RTA.TABLE, table);
  });
  return routes.filter((route) => isWanted(filter, route));
}

export async function showRoutes(client: IpClient, words: Words): Promise<number> {
  const filter = await readRouteFilter(client, words);
  // Without a word about families it is IPv4, unless all tables are meant.
  const family = filter.family === AF_UNSPEC && filter.table !== 0 ? AF_INET : filter.family;
  let text = '';
  for (const route of await findRoutes(client, { ...filter, family })) text += await routeLine(client, route, filter);
  await client.write(text);
  return 0;
}

/** A route, without what the filter says already. */
export async function routeLine(client: IpClient, route: Answer, filter: RouteFilter): Promise<string> {
  const { hasDetails, isOneLine } = client.options;
  const { head } = route;
  const isV4 = head.getUint8(FAMILY) === AF_INET;
  const flags = head.getUint32(FLAGS, true);
  const isCloned = (flags & RTM_F.CLONED) !== 0;
  const type = head.getUint8(TYPE);
  const length = head.getUint8(LENGTH);
  const address = destinationOf(route);
  let text = type !== RTN.UNICAST || hasDetails ? `${wordIn(TYPES, type)} ` : '';
  text += length === 0 && route.address(RTA.DST) === null ? 'default' : String(address);
  text += length === 0 || length === (isV4 ? 32 : 128) ? ' ' : `/${length} `;
  const from = route.address(RTA.SRC);
  if (from !== null) text += `from ${String(from)} `;
  const gateway = route.address(RTA.GATEWAY);
  if (gateway !== null && !(filter.via !== null && filter.via.length === (isV4 ? 32 : 128))) text += `via ${String(gateway)} `;
  const index = route.uint32(RTA.OIF);
  if (index !== null && filter.index === 0) text += `dev ${await client.nameOf(index)} `;
  if (!isCloned) {
    const table = tableIn(route);
    if (table !== RT_TABLE.MAIN && (filter.table === 0 || !filter.isTableGiven)) text += `table ${wordIn(TABLES, table)} `;
    const protocol = head.getUint8(PROTOCOL);
    if ((protocol !== BOOT || hasDetails) && filter.protocol === null) text += `proto ${wordIn(PROTOCOLS, protocol)} `;
    const scope = head.getUint8(SCOPE);
    if ((scope !== 0 || hasDetails) && filter.scope === null) text += `scope ${scopeWord(scope)} `;
  }
  const source = route.address(RTA.PREFSRC);
  if (source !== null && !(filter.source !== null && filter.source.length === (isV4 ? 32 : 128))) text += `src ${String(source)} `;
  const metric = route.uint32(RTA.PRIORITY);
  if (metric !== null) text += `metric ${metric} `;
  if ((flags & RTNH_F.DEAD) !== 0) text += 'dead ';
  if ((flags & RTNH_F.ONLINK) !== 0) text += 'onlink ';
  if ((flags & RTNH_F.LINKDOWN) !== 0) text += 'linkdown ';
  const uid = route.uint32(RTA.UID);
  if (uid !== null) text += `uid ${uid} `;
  if (isCloned && isV4) text += `${isOneLine ? '\\' : '\n'}    cache ${cacheWords(flags)}`;
  const preference = route.uint8(RTA.PREF);
  if (preference !== null) text += `pref ${preference === 1 ? 'high' : preference === 3 ? 'low' : 'medium'}`;
  return `${text}\n`;
}

function cacheWords(flags: number): string {
  const words = [
    ...((flags & RTCF.LOCAL) !== 0 ? ['local'] : []), ...((flags & RTCF.BROADCAST) !== 0 ? ['brd'] : []),
    ...((flags & RTCF.MULTICAST) !== 0 ? ['mc'] : []),
  ];
  return words.length === 0 ? '' : `<${words.join(',')}> `;
}
