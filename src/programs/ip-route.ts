/** `ip route`: routes are added, replaced, deleted, flushed and looked up (ip-route(8)); how they are shown: ip-route-show.ts. */
import { AF_INET, AF_INET6, AF_UNSPEC } from '../api/posix/constants.ts';
import { NLM_F, type NetlinkWriter, RT_SCOPE, RT_TABLE, RTA, RTM, RTM_F, RTMSG_LEN, RTN, RTNH_F } from '../api/posix/netlink.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { addressOf, begins, familyOf, type IpClient, IpFailure, numberOf, type Prefix, prefixOf, scopeOf, Words } from './ip-client.ts';
import { findRoutes, NO_FILTER, protocolOf, readRouteFilter, routeLine, showRoutes, tableOf, TYPES } from './ip-route-show.ts';

/** RTPROT_BOOT: what a program makes that says nothing of itself. */
const BOOT = 3;

export async function ipRoute(client: IpClient, args: readonly string[]): Promise<number> {
  const [command = 'show', ...rest] = args;
  const words = new Words(rest);
  if (begins(command, 'list', 'show', 'lst')) return showRoutes(client, words);
  if (begins(command, 'get')) return get(client, words);
  if (begins(command, 'add')) return change(client, RTM.NEWROUTE, NLM_F.CREATE | NLM_F.EXCL, words);
  if (begins(command, 'append')) return change(client, RTM.NEWROUTE, NLM_F.CREATE | NLM_F.APPEND, words);
  if (begins(command, 'change', 'chg')) return change(client, RTM.NEWROUTE, NLM_F.REPLACE, words);
  if (begins(command, 'replace')) return change(client, RTM.NEWROUTE, NLM_F.CREATE | NLM_F.REPLACE, words);
  if (begins(command, 'prepend')) return change(client, RTM.NEWROUTE, NLM_F.CREATE, words);
  if (begins(command, 'test')) return change(client, RTM.NEWROUTE, NLM_F.EXCL, words);
  if (begins(command, 'delete')) return change(client, RTM.DELROUTE, 0, words);
  if (begins(command, 'flush')) return flush(client, words);
  if (begins(command, 'help')) throw new IpFailure(ROUTE_HELP, 255);
  throw new IpFailure(`Command "${command}" is unknown, try "ip route help".`, 255);
}

/** A route in words; null is left out. */
class RouteWords {
  family: number;
  to: Prefix | null = null;
  via: IpAddress | null = null;
  device: string | null = null;
  source: IpAddress | null = null;
  metric: number | null = null;
  table: number | null = null;
  protocol: number | null = null;
  scope: number | null = null;
  type: number | null = null;
  isOnLink = false;

  constructor(family: number) {
    this.family = family;
  }

  read(words: Words): void {
    for (let word = words.take(); word !== null; word = words.take()) this.readOne(word, words);
    if (this.to === null && this.type !== null) this.to = prefixOf('default', this.family);
  }

  private readOne(word: string, words: Words): void {
    switch (word) {
      case 'via': {
        const next = words.need();
        // The family of the gateway may be named, when it is the route's.
        this.via = this.learn(addressOf(next === 'inet' || next === 'inet6' ? words.need() : next, this.family));
        return;
      }
      case 'src': case 'from': this.source = this.learn(addressOf(words.need(), this.family)); return;
      case 'dev': case 'oif': this.device = words.need(); return;
      case 'metric': case 'priority': case 'preference': this.metric = numberOf(words.need(), '"metric" value is invalid'); return;
      case 'table': this.table = tableOf(words.need()); return;
      case 'proto': case 'protocol': this.protocol = protocolOf(words.need()); return;
      case 'scope': this.scope = scopeOf(words.need()); return;
      case 'onlink': this.isOnLink = true; return;
      default: break;
    }
    if (begins(word, 'help')) throw new IpFailure(ROUTE_HELP, 255);
    if (NOT_THERE.has(word)) throw new IpFailure(`Error: "${word}" is not there.`, 255);
    let given = word === 'to' ? words.need() : word;
    if (Object.hasOwn(TYPES, given) && this.type === null) {
      this.type = TYPES[given] as number;
      given = words.need();
    }
    if (this.to !== null) throw new IpFailure(`Error: either "to" is duplicate, or "${given}" is a garbage.`, 255);
    this.to = prefixOf(given, this.family);
    if (!/^(default|any|all)$/.test(given)) this.learn(this.to.address);
  }

  /** The first address says which family the others have. */
  private learn(address: IpAddress): IpAddress {
    if (this.family === AF_UNSPEC) this.family = familyOf(address);
    return address;
  }
}

const NOT_THERE: ReadonlySet<string> = new Set([
  'nexthop', 'nhid', 'tos', 'dsfield', 'mtu', 'advmss', 'rtt', 'window', 'encap', 'expires', 'pref', 'weight', 'realms', 'vrf', 'congctl',
]);

async function change(client: IpClient, type: number, flags: number, words: Words): Promise<number> {
  if (words.isOver) throw new IpFailure(ROUTE_HELP, 255);
  const route = new RouteWords(client.options.family);
  route.read(words);
  const family = route.family === AF_UNSPEC ? AF_INET : route.family;
  const isNew = type === RTM.NEWROUTE;
  const index = route.device === null ? 0 : await client.indexOf(route.device);
  const table = route.table ?? RT_TABLE.MAIN;
  const kind = route.type ?? (isNew ? RTN.UNICAST : RTN.UNSPEC);
  await client.change(type, flags, (to) => {
    to.uint8(family).uint8(route.to?.length ?? 0).uint8(0).uint8(0).uint8(table < 256 ? table : 0);
    to.uint8(route.protocol ?? (isNew ? BOOT : 0)).uint8(scopeFor(route, isNew, family)).uint8(kind).uint32(route.isOnLink ? RTNH_F.ONLINK : 0);
    if (table >= 256) to.attributeUint32(RTA.TABLE, table);
    if (route.to !== null && route.to.length > 0) to.attribute(RTA.DST, route.to.address.toBytes());
    if (route.via !== null) to.attribute(RTA.GATEWAY, route.via.toBytes());
    if (route.source !== null) to.attribute(RTA.PREFSRC, route.source.toBytes());
    if (index !== 0) to.attributeUint32(RTA.OIF, index);
    if (route.metric !== null) to.attributeUint32(RTA.PRIORITY, route.metric);
  });
  return 0;
}

/** How far the destinations are, when nobody says: on the link without a gateway, of this host for local routes. */
function scopeFor({ scope, type, via, device }: RouteWords, isNew: boolean, family: number): number {
  if (scope !== null) return scope;
  if (!isNew) return RT_SCOPE.NOWHERE;
  if (family === AF_INET6) return RT_SCOPE.UNIVERSE;
  if (type === RTN.LOCAL) return RT_SCOPE.HOST;
  const isDirect = type === null || type === RTN.UNICAST;
  if (type === RTN.BROADCAST || type === RTN.MULTICAST || type === RTN.ANYCAST) return RT_SCOPE.LINK;
  return isDirect && via === null && device !== null ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE;
}

async function get(client: IpClient, words: Words): Promise<number> {
  let to: Prefix | null = null;
  let from: IpAddress | null = null;
  let device: string | null = null;
  let { family } = client.options;
  let flags: number = RTM_F.LOOKUP_TABLE;
  for (let word = words.take(); word !== null; word = words.take()) {
    if (word === 'from') from = addressOf(words.need(), family);
    else if (word === 'dev' || word === 'oif') device = words.need();
    else if (word === 'fibmatch') flags |= RTM_F.FIB_MATCH;
    else if (begins(word, 'help')) throw new IpFailure(ROUTE_HELP, 255);
    else if (GET_NOT_THERE.has(word)) throw new IpFailure(`Error: "${word}" is not there.`, 255);
    else {
      to = prefixOf(word === 'to' ? words.need() : word, family);
      family = familyOf(to.address);
    }
  }
  if (to === null) throw new IpFailure('need at least a destination address', 1);
  const asked = to;
  const index = device === null ? 0 : await client.indexOf(device);
  const answer = await client.ask(RTM.GETROUTE, RTMSG_LEN, (writer) => {
    writer.uint8(family).uint8(asked.length).uint8(from === null ? 0 : asked.address.isV4 ? 32 : 128).uint8(0);
    writer.uint8(0).uint8(0).uint8(0).uint8(0).uint32(flags).attribute(RTA.DST, asked.address.toBytes());
    if (from !== null) writer.attribute(RTA.SRC, from.toBytes());
    if (index !== 0) writer.attributeUint32(RTA.OIF, index);
  });
  await client.write(await routeLine(client, answer, NO_FILTER));
  return 0;
}

const GET_NOT_THERE: ReadonlySet<string> = new Set(['iif', 'tos', 'mark', 'vrf', 'uid', 'ipproto', 'sport', 'dport', 'notify', 'connected']);

async function flush(client: IpClient, words: Words): Promise<number> {
  if (words.isOver) throw new IpFailure('"ip route flush" requires arguments.', 255);
  const filter = await readRouteFilter(client, words);
  let count = 0;
  for (const route of await findRoutes(client, { ...filter, family: filter.family === AF_UNSPEC ? AF_INET : filter.family })) {
    await client.change(RTM.DELROUTE, 0, (to: NetlinkWriter) => {
      // All of the route that the kernel told, so that no other one is meant.
      for (let at = 0; at < RTMSG_LEN; at++) to.uint8(route.head.getUint8(at));
      for (const type of [RTA.DST, RTA.GATEWAY, RTA.PREFSRC, RTA.OIF, RTA.PRIORITY, RTA.TABLE]) {
        const value = route.attributes.get(type);
        if (value !== undefined) to.attribute(type, value);
      }
    });
    count++;
  }
  if (client.options.hasStatistics) {
    await client.write(count === 0 ? 'Nothing to flush.\n' : `\n*** Round 1, deleting ${count} entries ***\n*** Flush is complete after 1 round ***\n`);
  }
  return 0;
}

const ROUTE_HELP = `usage: ip route [show] [SELECTOR]
       ip route get [fibmatch] ADDRESS [from ADDRESS] [oif DEVICE]
       ip route { add | replace | append | prepend | change | delete } [TYPE] PREFIX [via ADDRESS] [dev DEVICE] [src ADDRESS]
                [metric N] [proto PROTOCOL] [scope SCOPE] [onlink]
       ip route flush SELECTOR
SELECTOR is [[root | match | exact] PREFIX] [table TABLE] [dev DEVICE] [via PREFIX] [src PREFIX] [proto PROTOCOL] [type TYPE] [scope SCOPE].
TYPE is unicast, blackhole, unreachable or prohibit; in the table local also local, broadcast and multicast.
TABLE is main, local, all or a number; PROTOCOL kernel, boot, static, ra or a number; SCOPE global, link, host or a number.`;
