/** /proc/net: devices, neighbours, routes, groups; sockets are in net-sockets.ts, counters in net-counters.ts. */
import type { IpAddress } from '../../base/inet-address.ts';
import type { GroupMembership } from '../../net/group-membership.ts';
import type { Interface, InterfaceAddress } from '../../net/interface.ts';
import { AddressScope } from '../../net/interface.ts';
import { type LocalRoute, localRoutes, LocalType } from '../../net/local-table.ts';
import { hasKnownMac, type Neighbour, NeighbourState } from '../../net/neighbour.ts';
import { type Route, RouteType } from '../../net/routes.ts';
import type { Kernel } from '../kernel.ts';
import { netstatText, snmp6Text, snmpText } from './net-counters.ts';
import {
  icmpText, netlinkText, packetText, rawText, sockstat6Text, sockstatText, tcpText, udpText, unixText, wordHex,
} from './net-sockets.ts';
import { ProcDirectory, ProcEntry, ProcNetFile } from './nodes.ts';
import type { ProcFileSystem } from './proc.ts';

const DEV_HEADER = 'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n';

function devText({ stack }: Kernel): string {
  return DEV_HEADER + stack.network.interfaces().map(({ device }) => {
    const { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped } = device.statistics;
    const columns: [number, number][] = [
      [rxBytes, 7], [rxPackets, 7], [rxErrors, 4], [rxDropped, 4], [0, 4], [0, 5], [0, 10], [0, 9],
      [txBytes, 8], [txPackets, 7], [txErrors, 4], [txDropped, 4], [0, 4], [0, 5], [0, 7], [0, 10],
    ];
    return `${device.name.padStart(6)}: ${columns.map(([value, width]) => String(value).padStart(width)).join(' ')}\n`;
  }).join('');
}

const HardwareType = { Ethernet: 1, Loopback: 772 } as const;
/** ATF_COM, ATF_PERM of <net/if_arp.h>. */
const COMPLETE = 2, PERMANENT = 4;

function macText({ macHi, macLo }: { macHi: number; macLo: number }): string {
  const digits = (macHi & 0xffff).toString(16).padStart(4, '0') + (macLo >>> 0).toString(16).padStart(8, '0');
  return (digits.match(/../g) as string[]).join(':');
}

function arpText({ stack }: Kernel): string {
  const line = (neighbour: Neighbour): string => {
    const type = neighbour.device.isLoopback ? HardwareType.Loopback : HardwareType.Ethernet;
    const flags = (neighbour.state & NeighbourState.Permanent) !== 0 ? PERMANENT | COMPLETE : hasKnownMac(neighbour) ? COMPLETE : 0;
    const mac = hasKnownMac(neighbour) ? macText(neighbour) : '00:00:00:00:00:00';
    return `${String(neighbour.address).padEnd(16)} 0x${type.toString(16).padEnd(10)}0x${flags.toString(16).padEnd(10)}${mac}     *        ` +
      `${neighbour.device.name}\n`;
  };
  return 'IP address       HW type     Flags       HW address            Mask     Device\n' +
    [...stack.network.neighbours4].filter(({ state }) => state !== NeighbourState.None).map(line).join('');
}

/** RTF_ of <linux/route.h>, <linux/ipv6_route.h>. */
const Flag = { UP: 1, GATEWAY: 2, HOST: 4, REJECT: 0x200, NONEXTHOP: 0x200000, LOCAL: 0x80000000 } as const;
const ROUTE_WIDTH = 127;

function hex(value: number, width: number): string {
  return (value >>> 0).toString(16).padStart(width, '0');
}

/** The main table's routes of IPv4, as the trie has them: by prefix, the longest of equal ones first (fib_route_seq_show). */
function routeText({ stack }: Kernel): string {
  const routes = stack.network.routes().filter(({ isV4 }) => isV4);
  routes.sort((a, b) => (a.prefix.d >>> 0) - (b.prefix.d >>> 0) || b.prefixLength - a.prefixLength);
  const lines = routes.map((route) => {
    const { prefix, prefixLength, gateway, metric, type, device } = route;
    const mask = prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
    const refused = type === RouteType.Unreachable || type === RouteType.Prohibit ? Flag.REJECT : 0;
    const flags = Flag.UP | refused | (gateway === null ? 0 : Flag.GATEWAY) | (mask === -1 ? Flag.HOST : 0);
    return [
      type === RouteType.Unicast ? device.name : '*', wordHex(prefix.d), wordHex(gateway?.d ?? 0), hex(flags, 4).toUpperCase(), 0, 0, metric,
      wordHex(mask), 0, 0, 0,
    ].join('\t');
  });
  const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  return [header, ...lines].map((line) => `${line.padEnd(ROUTE_WIDTH)}\n`).join('');
}

function digits6({ a, b, c, d }: IpAddress): string {
  return [a, b, c, d].map((word) => hex(word, 8)).join('');
}

const NOWHERE = '0'.repeat(32);
/** Metrics of the host's own addresses, and of what is never chosen. */
const LOCAL_METRIC = 0, NULL_METRIC = 0xffffffff;

function route6Line(to: string, prefixLength: number, gateway: string, metric: number, flags: number, device: string): string {
  return `${to} ${hex(prefixLength, 2)} ${NOWHERE} 00 ${gateway} ${hex(metric, 8)} 00000001 00000000 ${hex(flags, 8)} ${device.padStart(8)}\n`;
}

/** Both tables' routes of IPv6, the main one first: addresses of the host and groups included. */
function routes6Text({ stack }: Kernel): string {
  const { network } = stack;
  const line = (route: Route): string => {
    const refused = route.type === RouteType.Unicast ? 0 : Flag.REJECT | Flag.NONEXTHOP;
    return route6Line(
      digits6(route.prefix), route.prefixLength, route.gateway === null ? NOWHERE : digits6(route.gateway), route.metric,
      Flag.UP | refused | (route.gateway === null ? 0 : Flag.GATEWAY), route.device.name,
    );
  };
  const local = ({ type, prefix, prefixLength, metric, device }: LocalRoute): string => {
    const flags = type === LocalType.Local ? (Flag.LOCAL | Flag.NONEXTHOP | Flag.UP) >>> 0 : Flag.UP;
    return route6Line(digits6(prefix), prefixLength, NOWHERE, metric, flags, device.name);
  };
  // The entry for what has no way ends each table.
  const none = route6Line(NOWHERE, 0, NOWHERE, NULL_METRIC, Flag.REJECT | Flag.NONEXTHOP, 'lo');
  const isOwn = ({ device, type, metric }: Route): boolean => device.isLoopback && type === RouteType.Unicast && metric === LOCAL_METRIC;
  const main = network.routes().filter((route) => !route.isV4 && !isOwn(route));
  const locals = localRoutes(network.interfaces()).filter(({ prefix }) => !prefix.isV4);
  const isAddress = ({ type }: LocalRoute): boolean => type === LocalType.Local;
  const inOrder = [...locals.filter(isAddress), ...locals.filter((route) => !isAddress(route))];
  return [...main.map(line), none, ...inOrder.map(local), none].join('');
}

/** IPV6_ADDR_ scopes, and IFA_F_ flags. */
const LINK_SCOPE = 0x20, HOST_SCOPE = 0x10, ADDRESS_PERMANENT = 0x80, ADDRESS_TENTATIVE = 0x40, ADDRESS_FAILED = 0x08;

function addresses6Text({ stack }: Kernel): string {
  const line = ({ address, prefixLength, scope, tentative, dadFailed }: InterfaceAddress, { index, name }: Interface): string => {
    const reach = scope === AddressScope.Host ? HOST_SCOPE : scope === AddressScope.Link ? LINK_SCOPE : 0;
    const flags = ADDRESS_PERMANENT | (tentative ? ADDRESS_TENTATIVE : 0) | (dadFailed ? ADDRESS_FAILED : 0);
    return `${digits6(address)} ${hex(index, 2)} ${hex(prefixLength, 2)} ${hex(reach, 2)} ${hex(flags, 2)} ${name.padStart(8)}\n`;
  };
  return stack.network.interfaces().flatMap((owner) => owner.addresses.filter(({ address }) => !address.isV4).map((entry) => line(entry, owner)))
    .join('');
}

/** The groups of one family, as Linux lists them: who joined last comes first. */
function groupsOf({ groups }: Interface, isV4: boolean): GroupMembership[] {
  return groups.filter(({ group }) => group.isV4 === isV4).reverse();
}

/** Groups of IPv4. The timer is an answer's that is due; in the newest version only queries for the group start it. */
function igmpText({ stack }: Kernel): string {
  let text = 'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n';
  const { now } = stack.context.loop;
  for (const owner of stack.network.interfaces()) {
    const { index, name } = owner;
    const own = groupsOf(owner, true);
    text += `${index}\t${name.padEnd(10)}: ${String(own.length).padStart(5)} ${`V${stack.network.groups.reporter(owner, true).version}`.padStart(7)}\n`;
    for (const { group, refs, deadline, isReporter } of own) {
      const left = deadline === Infinity ? '0:00000000' : `1:${hex(Math.max(0, Math.floor((deadline - now) / 1e4)), 8).toUpperCase()}`;
      text += `\t\t\t\t${wordHex(group.d)} ${String(refs).padStart(5)} ${left}\t\t${isReporter ? 1 : 0}\n`;
    }
  }
  return text;
}

/** MAF_LAST_REPORTER, MAF_LOADED, MAF_NOREPORT: what is never reported, such as all nodes, is told apart. */
const LOADED = 4, NOT_REPORTED = 8;

/** Groups of IPv6, the newest first (__ipv6_dev_mc_inc). */
function groups6Text({ stack }: Kernel): string {
  return stack.network.interfaces().flatMap((owner) => groupsOf(owner, false).map(({ group, refs }) => {
    const { index, name } = owner;
    const scope = (group.a >>> 16) & 0xf;
    const isAllNodes = group.b === 0 && group.c === 0 && group.d === 1 && scope === 2;
    const flags = scope < 2 ? NOT_REPORTED : isAllNodes ? LOADED | NOT_REPORTED : LOADED;
    return `${String(index).padEnd(4)} ${name.padEnd(15)} ${digits6(group)} ${String(refs).padStart(5)} ${hex(flags, 8).toUpperCase()} 0\n`;
  })).join('');
}

/** Source filters: how many sockets include a source, and how many exclude it (igmp_mcf_seq_show, igmp6_mcf_seq_show). */
function filtersText({ stack }: Kernel, isV4: boolean): string {
  let text = isV4
    ? 'Idx Device        MCA        SRC    INC    EXC\n'
    : 'Idx Device                Multicast Address                   Source Address    INC    EXC\n';
  for (const owner of stack.network.interfaces()) {
    const place = `${String(owner.index).padStart(3)} ${owner.name.slice(0, 6).padStart(6)}`;
    for (const member of groupsOf(owner, isV4)) {
      const { group } = member;
      for (const { address, including, excluding } of member.namedSources()) {
        const ends = isV4 ? `0x${hex(group.d, 8)} 0x${hex(address.d, 8)}` : `${digits6(group)} ${digits6(address)}`;
        text += `${place} ${ends} ${String(including).padStart(6)} ${String(excluding).padStart(6)}\n`;
      }
    }
  }
  return text;
}

/** The link-layer addresses that cards take frames for, each once: several groups may have the same. */
function linkGroupsText({ stack }: Kernel): string {
  let text = '';
  for (const { index, name, groups, device } of stack.network.interfaces()) {
    if (device.isLoopback) continue;
    const users = new Map<string, number>();
    for (const { group } of groups) {
      // What does not leave the interface needs no frames.
      if (!group.isV4 && ((group.a >>> 16) & 0xf) < 2) continue;
      const address = group.isV4 ? `01005e${hex(group.d & 0x7fffff, 6)}` : `3333${hex(group.d >>> 0, 8)}`;
      users.set(address, (users.get(address) ?? 0) + 1);
    }
    for (const [address, count] of users) text += `${String(index).padEnd(4)} ${name.padEnd(15)} ${String(count).padEnd(5)} 0     ${address}\n`;
  }
  return text;
}

export function netDirectory({ kernel, numbers, root }: ProcFileSystem): ProcDirectory {
  const { stack } = kernel;
  const directory = new ProcDirectory(numbers, 'net', root);
  const texts: readonly (readonly [string, () => string])[] = [
    ['tcp', () => tcpText(kernel, true)], ['tcp6', () => tcpText(kernel, false)],
    ['udp', () => udpText(kernel, true)], ['udp6', () => udpText(kernel, false)],
    ['raw', () => rawText(kernel, true)], ['raw6', () => rawText(kernel, false)],
    ['icmp', () => icmpText(kernel, true)], ['icmp6', () => icmpText(kernel, false)],
    ['unix', () => unixText(kernel)], ['packet', () => packetText(kernel)], ['netlink', () => netlinkText(kernel)],
    ['dev', () => devText(kernel)], ['arp', () => arpText(kernel)], ['route', () => routeText(kernel)],
    ['if_inet6', () => addresses6Text(kernel)], ['ipv6_route', () => routes6Text(kernel)],
    ['dev_mcast', () => linkGroupsText(kernel)], ['igmp', () => igmpText(kernel)], ['igmp6', () => groups6Text(kernel)],
    ['mcfilter', () => filtersText(kernel, true)], ['mcfilter6', () => filtersText(kernel, false)],
  ];
  // Of these open(2) does not look whether they are to be written (single_open_net).
  const counts: typeof texts = [
    ['snmp', () => snmpText(stack)], ['netstat', () => netstatText(stack)], ['snmp6', () => snmp6Text(stack)],
    ['sockstat', () => sockstatText(kernel)], ['sockstat6', () => sockstat6Text(kernel)],
  ];
  for (const [name, text] of texts) directory.add(name, new ProcNetFile(numbers, text));
  for (const [name, text] of counts) directory.add(name, new ProcEntry(numbers, text));
  return directory;
}
