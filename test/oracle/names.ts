/** Names of option, flag and event numbers for traces: the number's name in the project's constants. */
import { Resource } from '../../src/kernel/resource-limits.ts';
import { ActionFlag, MaskHow, Signal } from '../../src/kernel/signal-numbers.ts';
import { WaitFlag } from '../../src/kernel/wait-child.ts';
import { AF, F, IOCTL, IP, IPPROTO, IPV6, MCAST, O, PACKET, SO, SOCK, SOL, TCP, UDP } from '../../src/socket/constants.ts';
import { Msg } from '../../src/transport/endpoint.ts';

type Names = Readonly<Record<string, number>>;

export const POLL = {
  IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 0x10, NVAL: 0x20, RDNORM: 0x40, RDBAND: 0x80, WRNORM: 0x100, WRBAND: 0x200,
  RDHUP: 0x2000,
} as const;

function nameIn(names: Names, value: number, prefix: string): string {
  for (const [name, number] of Object.entries(names)) if (number === value) return `${prefix}${name}`;
  return `${prefix}${value}`;
}

function flagsIn(names: Names, value: number): string {
  if (value === 0) return '0';
  const parts: string[] = [];
  let left = value;
  for (const [name, bit] of Object.entries(names)) {
    if (bit !== 0 && (left & bit) === bit) {
      parts.push(name);
      left &= ~bit;
    }
  }
  if (left !== 0) parts.push(`0x${(left >>> 0).toString(16)}`);
  return parts.join('|');
}

export function familyName(domain: number): string {
  return nameIn(AF, domain, 'AF_');
}

export function typeName(type: number): string {
  const flags = type & (SOCK.NONBLOCK | SOCK.CLOEXEC);
  const base = nameIn(SOCK, type & ~flags, 'SOCK_');
  return flags === 0 ? base : `${base}|${flagsIn({ NONBLOCK: SOCK.NONBLOCK, CLOEXEC: SOCK.CLOEXEC }, flags)}`;
}

export function protocolName(protocol: number): string {
  return protocol === 0 ? '0' : nameIn(IPPROTO, protocol, 'IPPROTO_');
}

const MCAST_NAMES = Object.fromEntries(Object.entries(MCAST).map(([name, value]) => [`MCAST_${name}`, value]));

export function optionName(level: number, option: number): string {
  switch (level) {
    case SOL.SOCKET: return nameIn(SO, option, 'SO_');
    case IPPROTO.IP: return nameIn({ ...IP, ...MCAST_NAMES }, option, 'IP_');
    case IPPROTO.IPV6: return nameIn({ ...IPV6, ...MCAST_NAMES }, option, 'IPV6_');
    case IPPROTO.TCP: return nameIn(TCP, option, 'TCP_');
    case IPPROTO.UDP: return nameIn(UDP, option, 'UDP_');
    case SOL.PACKET: return nameIn(PACKET, option, 'PACKET_');
    default: return `level ${level} option ${option}`;
  }
}

export function messageFlags(flags: number): string {
  return flagsIn(Msg, flags);
}

export function acceptFlags(flags: number): string {
  return flagsIn({ NONBLOCK: SOCK.NONBLOCK, CLOEXEC: SOCK.CLOEXEC }, flags);
}

export function pollEvents(events: number): string {
  return flagsIn(POLL, events);
}

export function fcntlName(command: number): string {
  return nameIn(F, command, 'F_');
}

export function statusFlags(flags: number): string {
  return flagsIn({
    WRONLY: O.WRONLY, RDWR: O.RDWR, APPEND: O.APPEND, NONBLOCK: O.NONBLOCK, ASYNC: O.ASYNC, CLOEXEC: O.CLOEXEC,
  }, flags);
}

export function signalName(signo: number): string {
  return nameIn(Signal, signo, '');
}

export function signalSet(signals: Iterable<number>): string {
  return `{${[...signals].map(signalName).join(' ')}}`;
}

export function actionFlags(flags: number): string {
  // SA_RESETHAND is the sign bit.
  return (flags & ActionFlag.RESETHAND) === 0
    ? flagsIn(ActionFlag, flags) : `RESETHAND ${flagsIn(ActionFlag, flags & ~ActionFlag.RESETHAND)}`;
}

export function maskHow(how: number): string {
  return nameIn(MaskHow, how, 'SIG_');
}

export function waitFlags(flags: number): string {
  return flagsIn(WaitFlag, flags);
}

export function resourceName(resource: number): string {
  return nameIn(Resource, resource, 'RLIMIT_');
}

export function ioctlName(request: number): string {
  switch (request) {
    case IOCTL.FIONREAD: return 'FIONREAD';
    case IOCTL.SIOCOUTQ: return 'SIOCOUTQ';
    case IOCTL.SIOCATMARK: return 'SIOCATMARK';
    default: return nameIn(IOCTL, request, '');
  }
}

export function shutdownName(how: number): string {
  return ['SHUT_RD', 'SHUT_WR', 'SHUT_RDWR'][how] ?? `how ${how}`;
}

export function openFlags(flags: number): string {
  const access = ['RDONLY', 'WRONLY', 'RDWR', 'ACCMODE'][flags & O.ACCMODE] as string;
  const { RDONLY: _r, WRONLY: _w, RDWR: _rw, ACCMODE: _a, ...rest } = O;
  const left = flags & ~O.ACCMODE;
  return left === 0 ? access : `${access}|${flagsIn(rest, left)}`;
}
