/**
 * What random programs ask of netlink, and how its answers are compared: as words, like what raw sockets receive. Datagrams hold what is the kernel's own
 * (attributes that only one side has, inodes, times, automatic ports), and Linux keeps sockets in tables of its own order.
 */
import { attribute, F, ifaddr, ifinfo, lines, LO, message, packed, rtmsg, T, u32 } from '../netlink-text.ts';
import { hex } from '../address.ts';
import { AF, IPPROTO } from '../numbers.ts';
import { joined } from '../toolkit.ts';
import type { Model } from './model.ts';

const DIAG_BY_FAMILY = 20;
/** Requests from this number on are about sockets; the kinds of messages have numbers that rtnetlink has too. */
const DIAG_SEQUENCE = 1000;
const HEADER = 16;
const LISTEN = 10, ESTABLISHED = 1, ALL = 0xffffffff;
/** Of connections that come and go it depends on the moment whether they are still told of. */
const SETTLED_STATES = (1 << LISTEN) | (1 << ESTABLISHED);
const LOWEST_AUTOMATIC = 32768;
const RTA_DST = 1, RTA_OIF = 4, IFA_ADDRESS = 1, IFA_LOCAL = 2;
const SCOPE_LINK = 253, MAIN = 254, BOOT = 3, UNICAST = 1;

/** A request of NETLINK_ROUTE: dumps, single questions, changes that are acknowledged, and nonsense. */
export function routeRequest(m: Model): Uint8Array {
  const sequence = m.below(100);
  const ask = F.REQUEST | F.ACK;
  const dump = F.REQUEST | F.DUMP;
  const here = Uint8Array.of(10, 9, 0, m.below(3));
  switch (m.below(16)) {
    case 0: case 13: return message(T.GETLINK, dump, sequence, ifinfo(0));
    case 1: return message(T.GETLINK, m.pick([F.REQUEST, ask]), sequence, ifinfo(m.pick([LO, LO, LO, 99])));
    case 2: case 3: return message(T.GETADDR, dump, sequence, ifaddr(m.pick([AF.INET, AF.INET6, 0]), 0, 0));
    case 4: case 14: return message(T.GETROUTE, dump, sequence, rtmsg({ family: AF.INET }));
    case 5: {
      const to = m.pick([Uint8Array.of(127, 0, 0, 1), Uint8Array.of(127, 9, 9, 9), here, Uint8Array.of(192, 0, 2, 1)]);
      return message(T.GETROUTE, F.REQUEST, sequence, joined(rtmsg({ family: AF.INET, length: 32 }), attribute(RTA_DST, to)));
    }
    case 6: case 7: {
      const body = joined(ifaddr(AF.INET, m.pick([32, 32, 32, 33]), m.pick([LO, LO, LO, 99])), attribute(IFA_LOCAL, here), attribute(IFA_ADDRESS, here));
      return message(m.pick([T.NEWADDR, T.NEWADDR, T.DELADDR]), ask | m.pick([0, F.CREATE, F.CREATE | F.EXCL]), sequence, body);
    }
    case 8: case 9: {
      const head = rtmsg({ family: AF.INET, length: m.pick([24, 24, 33]), table: MAIN, protocol: BOOT, scope: SCOPE_LINK, type: UNICAST });
      const body = joined(head, attribute(RTA_DST, Uint8Array.of(10, 8, m.below(2), 0)), attribute(RTA_OIF, u32(m.pick([LO, LO, LO, 99]))));
      return message(m.pick([T.NEWROUTE, T.NEWROUTE, T.DELROUTE]), ask | m.pick([F.CREATE, F.CREATE | F.EXCL]), sequence, body);
    }
    case 10: return message(T.DELLINK, ask, sequence, ifinfo(m.pick([LO, 99])));
    case 11: return message(99, ask, sequence, new Uint8Array(4));
    default: {
      const whole = message(T.GETLINK, ask, sequence, ifinfo(LO));
      return whole.subarray(0, m.pick([whole.length, 20, 16, 10]));
    }
  }
}

/** A dump of sockets of one kind; now and then of a kind that nobody has, or of none. */
export function diagRequest(m: Model): Uint8Array {
  const sequence = DIAG_SEQUENCE + m.below(100);
  const flags = F.REQUEST | F.DUMP;
  const things = [...m.things()].filter(({ kind, isSocket }) => isSocket || kind.startsWith('packet'));
  // Most times of a kind that there is.
  const one = things.length > 0 && m.chance(80) ? m.pick(things) : null;
  const dice = one === null ? m.below(8) : one.isUnix ? 0 : one.kind.startsWith('packet') ? 2 : 7;
  // Where processes have children, Linux's side has sockets of its own to talk with them.
  const isUnix = m.mayWait && dice <= 1;
  switch (isUnix ? 0 : Math.max(dice, 2)) {
    case 0: return message(DIAG_BY_FAMILY, flags, sequence, packed([AF.UNIX, 1], [0, 1], [0, 2], [ALL, 4], [0, 4], [0, 4], [ALL, 4], [ALL, 4]));
    case 2: return message(DIAG_BY_FAMILY, flags, sequence, packed([AF.PACKET, 1], [0, 1], [0, 2], [0, 4], [0, 4], [ALL, 4], [ALL, 4]));
    case 3: return message(DIAG_BY_FAMILY, flags, sequence, packed([m.pick([99, AF.INET]), 1], [0, 1]));
    default: {
      const family = one?.domain ?? m.pick([AF.INET, AF.INET6]);
      const protocol = one === null ? m.pick([IPPROTO.TCP, IPPROTO.UDP]) : one.kind === 'tcp' ? IPPROTO.TCP : IPPROTO.UDP;
      const states = protocol === IPPROTO.TCP ? SETTLED_STATES : ALL;
      const id = Array.from({ length: 10 }, () => [0, 4] as const);
      return message(DIAG_BY_FAMILY, flags, sequence, packed([family, 1], [protocol, 1], [0, 1], [0, 1], [states, 4], ...id, [ALL, 4], [ALL, 4]));
    }
  }
}

/** A datagram of netlink's in words; null when it is something else. What is cut off is told as that alone. */
export function netlinkWords(bytes: Uint8Array): string | null {
  if (bytes.length < 6) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(4, true);
  if (view.getUint16(2, true) !== 0 || !ANSWERS.has(type)) return null;
  if (bytes.length < HEADER) return 'a part of an answer';
  if (view.getUint32(8, true) < DIAG_SEQUENCE) return lines(bytes).join('; ');
  const words: string[] = [];
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER || length > bytes.length - at) break;
    words.push(socketWords(view.getUint16(at + 4, true), bytes.subarray(at + HEADER, at + length)));
    at += (length + 3) & ~3;
  }
  return words.sort().join('; ');
}

/**
 * A raw socket's datagram without what each kernel chooses: the packet's number, an automatic port, and the sums that follow
 * from them; null when it is something else.
 */
export function packetWords(bytes: Uint8Array): string | null {
  const IPV4 = 0x45;
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = (at: number): string => (view.getUint16(at) >= LOWEST_AUTOMATIC ? `{port:${view.getUint16(at)}}` : String(view.getUint16(at)));
  // AF_INET6 passes on no header of its own.
  if (view.getUint16(4) === bytes.length && view.getUint16(0) >= LOWEST_AUTOMATIC) return `udp ${port(0)}>${port(2)} ${hex(bytes.subarray(8))}`;
  if (bytes.length < 20 || bytes[0] !== IPV4 || bytes[9] !== IPPROTO.UDP) return null;
  const header = `ip ${hex(bytes.subarray(0, 4))} ${hex(bytes.subarray(6, 10))} ${hex(bytes.subarray(12, 20))}`;
  if (bytes.length < 28) return `${header}, cut off at ${bytes.length}`;
  return `${header} ${port(20)}>${port(22)} ${hex(bytes.subarray(24, 26))} ${hex(bytes.subarray(28))}`;
}

const ANSWERS: ReadonlySet<number> = new Set([2, 3, ...Object.values(T)]);

function socketWords(type: number, body: Uint8Array): string {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (type === 2 || type === 3) return `${type === 3 ? 'DONE' : 'ERROR'} ${view.getInt32(0, true)}`;
  const [family, second, third] = body;
  if (family === AF.UNIX) return `unix type ${second} state ${third}`;
  if (family === AF.PACKET) return `packet type ${second} of ${view.getUint16(2, true)}`;
  const port = (at: number): string => (view.getUint16(at) >= LOWEST_AUTOMATIC ? 'automatic' : String(view.getUint16(at)));
  const queues = second === LISTEN ? `queue ${view.getUint32(56, true)} of ${view.getUint32(60, true)}` : '';
  return `inet ${family} state ${second} ${port(4)}>${port(6)} ${body.subarray(8, 40).join('.')} on ${view.getUint32(40, true)} ${queues}`;
}
