/**
 * Every option of every level that a socket may be asked for: by number, so that none is left out, names or no names.
 * Each is asked for as it is when the socket is new, set to several values and to values that are too short, and asked
 * for again; then in several lengths, negative ones included. What is random or the machine's own is compared by length.
 */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL, TCP, UDP } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { FAMILIES, dgramPair, ints, pair, silently } from '../toolkit.ts';

const NETLINK_ROUTE = 0, NETLINK_SOCK_DIAG = 4;

interface Kind {
  name: string;
  domain: number;
  type: number;
  protocol: number;
}

const KINDS: readonly Kind[] = [
  { name: 'inet-stream', domain: AF.INET, type: SOCK.STREAM, protocol: 0 },
  { name: 'inet6-stream', domain: AF.INET6, type: SOCK.STREAM, protocol: 0 },
  { name: 'inet-dgram', domain: AF.INET, type: SOCK.DGRAM, protocol: 0 },
  { name: 'inet6-dgram', domain: AF.INET6, type: SOCK.DGRAM, protocol: 0 },
  { name: 'inet-raw', domain: AF.INET, type: SOCK.RAW, protocol: 200 },
  { name: 'inet6-raw', domain: AF.INET6, type: SOCK.RAW, protocol: 200 },
  { name: 'inet-raw-icmp', domain: AF.INET, type: SOCK.RAW, protocol: IPPROTO.ICMP },
  { name: 'inet6-raw-icmp', domain: AF.INET6, type: SOCK.RAW, protocol: IPPROTO.ICMPV6 },
  { name: 'inet-raw-raw', domain: AF.INET, type: SOCK.RAW, protocol: IPPROTO.RAW },
  { name: 'inet-ping', domain: AF.INET, type: SOCK.DGRAM, protocol: IPPROTO.ICMP },
  { name: 'inet6-ping', domain: AF.INET6, type: SOCK.DGRAM, protocol: IPPROTO.ICMPV6 },
  { name: 'unix-stream', domain: AF.UNIX, type: SOCK.STREAM, protocol: 0 },
  { name: 'unix-dgram', domain: AF.UNIX, type: SOCK.DGRAM, protocol: 0 },
  { name: 'unix-seqpacket', domain: AF.UNIX, type: SOCK.SEQPACKET, protocol: 0 },
  { name: 'netlink-route', domain: AF.NETLINK, type: SOCK.RAW, protocol: NETLINK_ROUTE },
  { name: 'netlink-diag', domain: AF.NETLINK, type: SOCK.DGRAM, protocol: NETLINK_SOCK_DIAG },
  { name: 'packet-raw', domain: AF.PACKET, type: SOCK.RAW, protocol: 0 },
  { name: 'packet-dgram', domain: AF.PACKET, type: SOCK.DGRAM, protocol: 0 },
];

interface Level {
  level: number;
  most: number;
}

const SOCKET_LEVEL: Level = { level: SOL.SOCKET, most: 92 };
/** One more than Linux 6.18 knows, and some. */
const LEVELS: readonly Level[] = [
  SOCKET_LEVEL,
  { level: IPPROTO.IP, most: 66 },
  { level: IPPROTO.IPV6, most: 86 },
  { level: IPPROTO.TCP, most: 46 },
  { level: IPPROTO.UDP, most: 106 },
  { level: SOL.RAW, most: 9 },
  { level: SOL.ICMPV6, most: 3 },
  { level: 7777, most: 2 },
];

/**
 * What docs/deviations.md says is refused here: as by a kernel built without it, which the Linux side is not. By level, for
 * all sockets.
 */
export const REFUSED: ReadonlyMap<number, readonly number[]> = new Map([
  [SOL.SOCKET, [
    SO.ATTACH_FILTER, SO.DETACH_FILTER, SO.LOCK_FILTER, SO.TIMESTAMPING, SO.TIMESTAMPING_NEW, SO.ATTACH_BPF,
    SO.ATTACH_REUSEPORT_CBPF, SO.ATTACH_REUSEPORT_EBPF, SO.DETACH_REUSEPORT_BPF, SO.PASSPIDFD, SO.PEERPIDFD, SO.DEVMEM_DONTNEED,
    // It wants the index of an interface that there is.
    SO.BINDTOIFINDEX,
  ]],
  [IPPROTO.IP, [IP.IPSEC_POLICY, IP.XFRM_POLICY, 64, 65, 66, 67]],
  [IPPROTO.IPV6, [
    IPV6.IPSEC_POLICY, IPV6.XFRM_POLICY, IPV6['2292PKTOPTIONS'], IPV6.FLOWLABEL_MGR, IPV6.ROUTER_ALERT, 27, 28,
    // Netfilter's.
    64, 65, 68, 69, 80,
  ]],
  [IPPROTO.TCP, [
    TCP.MD5SIG, TCP.MD5SIG_EXT, TCP.REPAIR, TCP.REPAIR_QUEUE, TCP.QUEUE_SEQ, TCP.REPAIR_OPTIONS, TCP.REPAIR_WINDOW, TCP.FASTOPEN,
    TCP.FASTOPEN_CONNECT, TCP.FASTOPEN_KEY, TCP.FASTOPEN_NO_COOKIE, TCP.CC_INFO, TCP.SAVE_SYN, TCP.SAVED_SYN, TCP.ULP,
    TCP.ZEROCOPY_RECEIVE, TCP.TX_DELAY, TCP.TIMESTAMP, 42, 43, 44, 45, 46,
  ]],
  // 10 and 11 are UDP-Lite's.
  [IPPROTO.UDP, [UDP.ENCAP, 10, 11, 103, 104]],
]);

const OF_THE_MACHINE: readonly number[] = [SO.COOKIE, SO.NETNS_COOKIE, SO.PEERCRED];
/** Of a connection: which processor it is handled by, and what holds an automatic port. */
const OF_THE_CONNECTION: readonly [number, number][] = [
  [SOL.SOCKET, SO.INCOMING_CPU], [SOL.SOCKET, SO.PEERNAME], [IPPROTO.IP, IP.PROTOCOL],
];

/** Random, or the machine's: how long the value is must do. */
function isOfTheMachine(level: number, option: number): boolean {
  if (level === SOL.SOCKET) return OF_THE_MACHINE.includes(option);
  return level === IPPROTO.TCP && (option === TCP.INFO || option === TCP.CONGESTION);
}

function optionsOf({ level, most }: Level): number[] {
  const refused = REFUSED.get(level) ?? [];
  return Array.from({ length: most + 1 }, (_, option) => option).filter((option) => !refused.includes(option));
}

async function get(env: ProgramEnvironment, p: Syscalls, fd: number, level: number, option: number, length: number): Promise<void> {
  if (!isOfTheMachine(level, option)) {
    await env.attempt(p.getsockopt(fd, level, option, length));
    return;
  }
  let result: string | number | null = null;
  const error = await env.attempt(silently(p).getsockopt(fd, level, option, length).then((value) => {
    result = value.length;
  }));
  env.note(`bytes of level ${level} option ${option} for ${length}`, result ?? (error as string));
}

const SETS: readonly Uint8Array[] = [
  ints(1), ints(0), ints(-1), ints(2), ints(300), ints(7, 0), ints(1).subarray(0, 1), ints(0).subarray(0, 2), ints().subarray(0, 0), ints(1, 1, 1, 1),
];
const LENGTHS: readonly number[] = [0, 1, 2, 3, 5, 8, 64, -1];

async function walkOption(env: ProgramEnvironment, p: Syscalls, fd: number, level: number, option: number): Promise<void> {
  await get(env, p, fd, level, option, 4);
  // Where nobody knows the option, one value, one that is too short, and one length will do.
  if (!isOfTheMachine(level, option) && (await env.attempt(p.setsockopt(fd, level, option, ints(1)))) === 'ENOPROTOOPT'
    && (await env.attempt(p.getsockopt(fd, level, option, 64))) !== null) {
    await env.attempt(p.setsockopt(fd, level, option, ints().subarray(0, 0)));
    return get(env, p, fd, level, option, -1);
  }
  for (const value of SETS) {
    await env.attempt(p.setsockopt(fd, level, option, value));
    await get(env, p, fd, level, option, 4);
  }
  for (const length of LENGTHS) await get(env, p, fd, level, option, length);
}

const walks: Program[] = KINDS.map((kind) => program(`option-walk-${kind.name}`, async (env) => {
  const p = await env.process();
  await env.sysctl('net.ipv4.ping_group_range', '0 0');
  const isWhole = kind.domain !== AF.NETLINK && kind.domain !== AF.PACKET;
  for (const level of LEVELS) {
    // Netlink and packet sockets know no option of IP and its kin: a few of each will do.
    const options = isWhole || level === SOCKET_LEVEL ? optionsOf(level) : optionsOf(level).slice(0, 4);
    for (const option of options) {
      const fd = await p.socket(kind.domain, kind.type, kind.protocol);
      await walkOption(env, p, fd, level.level, option);
      await p.close(fd);
    }
  }
}));

/** What there is to read on sockets that are connected, or listen. */
const connected: Program[] = FAMILIES.map((family) => program(`option-walk-connected-${family.name}`, async (env) => {
  const p = await env.process();
  const { listening, client, server } = await pair(p, family);
  const { a } = await dgramPair(p, family);
  await env.settle();
  for (const fd of [listening, client, server, a]) {
    for (const level of LEVELS) {
      for (const option of optionsOf(level)) {
        if (OF_THE_CONNECTION.some((it) => it[0] === level.level && it[1] === option)) continue;
        await get(env, p, fd, level.level, option, 4);
        await get(env, p, fd, level.level, option, 64);
      }
    }
  }
}));

const localPairs: Program[] = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET].map((type) => program(`option-walk-socketpair-${type}`, async (env) => {
  const p = await env.process();
  const [a] = await p.socketpair(AF.UNIX, type, 0);
  for (const option of optionsOf(SOCKET_LEVEL)) {
    await get(env, p, a, SOL.SOCKET, option, 4);
    await get(env, p, a, SOL.SOCKET, option, 64);
  }
}));

export const programs: Program[] = [...walks, ...connected, ...localPairs];
