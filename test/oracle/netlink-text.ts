/**
 * Netlink messages for oracle programs, written and read apart from the project's own code: what of an answer can be compared
 * (attributes that both sides have, times left out), as lines of text.
 */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { AF, MSG, SOCK } from './numbers.ts';
import { hex } from './address.ts';
import type { ProgramEnvironment } from './program.ts';
import { joined, room, silently } from './toolkit.ts';

export const T = {
  NEWLINK: 16, DELLINK: 17, GETLINK: 18, SETLINK: 19, NEWADDR: 20, DELADDR: 21, GETADDR: 22, NEWROUTE: 24, DELROUTE: 25, GETROUTE: 26,
  NEWNEIGH: 28, DELNEIGH: 29, GETNEIGH: 30,
} as const;
export const F = { REQUEST: 1, MULTI: 2, ACK: 4, ECHO: 8, ROOT: 0x100, DUMP: 0x300, REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400, APPEND: 0x800 } as const;
/** A request that wants to be acknowledged, and one that makes something new. */
export const ASK = F.REQUEST | F.ACK, MAKE = F.REQUEST | F.ACK | F.CREATE | F.EXCL;
export const LO = 1;

/** Numbers behind each other: `[value, bytes]`, little-endian. */
export function packed(...fields: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [, length]) => sum + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, length] of fields) {
    if (length === 1) view.setUint8(at, value);
    else if (length === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += length;
  }
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  return joined(bytes, new Uint8Array(-bytes.length & 3));
}

/** One attribute; `length` is written instead of its own when it is given. */
export function attribute(type: number, value: Uint8Array, length = 4 + value.length): Uint8Array {
  return padded(joined(packed([length, 2], [type, 2]), value));
}

export function u32(value: number): Uint8Array {
  return packed([value, 4]);
}

export function message(type: number, flags: number, sequence: number, body: Uint8Array, length = 16 + body.length, port = 0): Uint8Array {
  return padded(joined(packed([length, 4], [type, 2], [flags, 2], [sequence, 4], [port, 4]), body));
}

export function ifinfo(index: number, flags = 0, change = 0, family = 0): Uint8Array {
  return packed([family, 1], [0, 1], [0, 2], [index, 4], [flags, 4], [change, 4]);
}

export function ifaddr(family: number, prefixLength: number, index: number, flags = 0, scope = 0): Uint8Array {
  return packed([family, 1], [prefixLength, 1], [flags, 1], [scope, 1], [index, 4]);
}

export interface RouteHead {
  family: number;
  length?: number;
  sourceLength?: number;
  tos?: number;
  table?: number;
  protocol?: number;
  scope?: number;
  type?: number;
  flags?: number;
}

export function rtmsg(head: RouteHead): Uint8Array {
  const { family, length = 0, sourceLength = 0, tos = 0, table = 0, protocol = 0, scope = 0, type = 0, flags = 0 } = head;
  return packed([family, 1], [length, 1], [sourceLength, 1], [tos, 1], [table, 1], [protocol, 1], [scope, 1], [type, 1], [flags, 4]);
}

export function ndmsg(family: number, index: number, state: number, flags = 0, type = 0): Uint8Array {
  return packed([family, 1], [0, 1], [0, 2], [index, 4], [state, 2], [flags, 1], [type, 1]);
}

/** `struct sockaddr_nl`. */
export function nl(port: number, groups = 0, family: number = AF.NETLINK, length = 12): Uint8Array {
  return joined(packed([family, 2], [0, 2], [port, 4], [groups, 4]), new Uint8Array(Math.max(length - 12, 0))).subarray(0, length);
}

/** What of each kind is compared: header's length, and the attributes (those that only the kernel here has are left out). */
const KINDS: Readonly<Record<number, { name: string; header: number; attributes: readonly number[] }>> = {
  [T.NEWLINK]: { name: 'NEWLINK', header: 16, attributes: [3, 13, 16, 17, 4, 50, 51, 27, 30, 31, 32, 33, 1, 2, 6] },
  [T.DELLINK]: { name: 'DELLINK', header: 16, attributes: [3] },
  [T.NEWADDR]: { name: 'NEWADDR', header: 8, attributes: [1, 2, 3, 4, 8, 11] },
  [T.DELADDR]: { name: 'DELADDR', header: 8, attributes: [1, 2, 3, 4, 8, 11] },
  [T.NEWROUTE]: { name: 'NEWROUTE', header: 12, attributes: [1, 2, 4, 5, 6, 7, 15, 20, 25] },
  [T.DELROUTE]: { name: 'DELROUTE', header: 12, attributes: [1, 2, 4, 5, 6, 7, 15, 20, 25] },
  [T.NEWNEIGH]: { name: 'NEWNEIGH', header: 12, attributes: [1, 2] },
  [T.DELNEIGH]: { name: 'DELNEIGH', header: 12, attributes: [1, 2] },
};

/** A datagram's messages as lines; port ids of autobound sockets are left out. */
export function lines(datagram: Uint8Array): string[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const found: string[] = [];
  for (let at = 0; at + 16 <= datagram.length;) {
    const length = view.getUint32(at, true);
    if (length < 16 || length > datagram.length - at) {
      found.push(`a length of ${length}`);
      break;
    }
    const type = view.getUint16(at + 4, true);
    const flags = view.getUint16(at + 6, true);
    const head = `flags ${flags.toString(16)} seq ${view.getUint32(at + 8, true)}`;
    found.push(body(type, flags, head, datagram.subarray(at + 16, at + length)));
    at += (length + 3) & ~3;
  }
  return found;
}

function body(type: number, flags: number, head: string, bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (type === 3) {
    const [words] = (flags & 0x200) === 0 ? [] : attributesOf(bytes.subarray(4));
    return `DONE ${head} ${view.getInt32(0, true)} ${words === undefined ? '' : String.fromCharCode(...words[1].subarray(0, -1))}`;
  }
  if (type === 2) return errorText(flags, head, bytes, view);
  const kind = KINDS[type];
  if (kind === undefined) return `type ${type} ${head} ${hex(bytes)}`;
  const shown = attributesOf(bytes.subarray(kind.header)).filter(([number]) => kind.attributes.includes(number));
  return `${kind.name} ${head} ${hex(bytes.subarray(0, kind.header))} ${shown.map(([number, value]) => `${number}:${hex(value)}`).join(' ')}`;
}

function errorText(flags: number, head: string, bytes: Uint8Array, view: DataView): string {
  const quoted = (flags & 0x100) !== 0 ? 16 : view.getUint32(4, true);
  const rest = bytes.subarray((4 + quoted + 3) & ~3);
  const [words] = (flags & 0x200) === 0 ? [] : attributesOf(rest).filter(([number]) => number === 1);
  // That there is something beside the words, such as where the fault lies, is not compared.
  const told = words === undefined ? '' : ` "${String.fromCharCode(...words[1].subarray(0, -1))}"`;
  const shown = words === undefined ? head.replace(/^flags \w+/, `flags ${(flags & ~0x200).toString(16)}`) : head;
  return `ERROR ${view.getInt32(0, true)} ${shown} quotes ${hex(bytes.subarray(4, 4 + quoted))}${told}`;
}

function attributesOf(bytes: Uint8Array): [number, Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: [number, Uint8Array][] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || length > bytes.length - at) break;
    found.push([view.getUint16(at + 2, true) & 0x3fff, bytes.slice(at + 4, at + length)]);
    at += (length + 3) & ~3;
  }
  return found;
}

/** A netlink socket of the program, and what it says. */
export class Talk {
  readonly p: Syscalls;
  readonly fd: number;
  private readonly env: ProgramEnvironment;
  private sequence = 0;

  private constructor(env: ProgramEnvironment, p: Syscalls, fd: number) {
    this.env = env;
    this.p = p;
    this.fd = fd;
  }

  static async open(env: ProgramEnvironment, p: Syscalls, port: number, options: readonly number[] = [11], groups = 0): Promise<Talk> {
    const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
    await p.bind(fd, nl(port, groups));
    for (const option of options) await p.setsockopt(fd, 270, option, u32(1));
    return new Talk(env, p, fd);
  }

  /** Sends a request and compares all that comes back: as lines, and how they were cut into datagrams. */
  async ask(what: string, type: number, flags: number, ...parts: readonly Uint8Array[]): Promise<void> {
    await this.send(what, message(type, flags, ++this.sequence, joined(...parts)));
  }

  async send(what: string, bytes: Uint8Array): Promise<void> {
    await this.env.attempt(this.p.send(this.fd, bytes, 0));
    await this.hear(what);
  }

  /** What lies in the queue. */
  async hear(what: string, length = 32768): Promise<void> {
    const quiet = silently(this.p);
    for (let datagram = 1; datagram < 64; datagram++) {
      const buffer = room(length);
      let count = 0;
      try {
        count = await quiet.recv(this.fd, buffer, MSG.DONTWAIT);
      } catch (error) {
        this.env.note(`${what}: in the end`, (error as { code: string }).code);
        return;
      }
      for (const [i, line] of lines(buffer.subarray(0, count)).entries()) this.env.note(`${what}: ${datagram}.${i + 1}`, line);
    }
  }
}
