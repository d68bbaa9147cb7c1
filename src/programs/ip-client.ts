/**
 * What the commands of `ip` share: the netlink socket and its answers, what was asked for in words, and what goes to standard
 * output. Messages as rtnetlink(7) has them.
 */
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_ROUTE, SOCK_CLOEXEC, SOCK_RAW, SOL_NETLINK,
} from '../api/posix/constants.ts';
import {
  attributeText, IFINFOMSG_LEN, IFLA, NLM_F, NLMSG, NLMSG_HDRLEN, NLMSGERR_ATTR_MSG, type NetlinkMessage, NetlinkWriter, readAttributes,
  readNetlink, RTM, sockaddrNl,
} from '../api/posix/netlink.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';
import { readText } from '../api/posix/text-file.ts';
import { strerror } from '../base/errno.ts';
import { IpAddress } from '../base/inet-address.ts';
import { wordsOf } from '../base/thrown.ts';

/** The program ends with this on standard error, and this status. */
export class IpFailure extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** What stands before the object: `ip -4 -br addr`. */
export interface IpOptions {
  /** AF_UNSPEC, AF_INET, AF_INET6, or AF_PACKET for links alone. */
  family: number;
  isBrief: boolean;
  isOneLine: boolean;
  hasStatistics: boolean;
  hasDetails: boolean;
}

/** A message that came, opened: its header and its attributes. */
export class Answer {
  readonly type: number;
  readonly head: DataView;
  readonly attributes: ReadonlyMap<number, Uint8Array>;

  constructor({ type, body }: NetlinkMessage, headerLen: number) {
    this.type = type;
    this.head = new DataView(body.buffer, body.byteOffset, body.length);
    this.attributes = readAttributes(body.subarray(headerLen));
  }

  uint32(type: number): number | null {
    const value = this.attributes.get(type);
    return value === undefined || value.length < 4 ? null : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  }

  uint8(type: number): number | null {
    return this.attributes.get(type)?.[0] ?? null;
  }

  text(type: number): string | null {
    const value = this.attributes.get(type);
    return value === undefined ? null : attributeText(value);
  }

  address(type: number): IpAddress | null {
    const value = this.attributes.get(type);
    return value !== undefined && (value.length === 4 || value.length === 16) ? IpAddress.fromBytes(value) : null;
  }
}

const RECEIVE_BYTES = 32768;

export class IpClient {
  readonly options: IpOptions;
  private readonly process: Syscalls;
  private fd = -1;
  private sequence = 0;
  private readonly buffer = new Uint8Array(RECEIVE_BYTES);
  /** Links by number, once they were asked for. */
  readonly names: Map<number, string> = new Map();

  constructor(process: Syscalls, options: IpOptions) {
    this.process = process;
    this.options = options;
  }

  private async open(): Promise<number> {
    if (this.fd >= 0) return this.fd;
    try {
      this.fd = await this.process.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
      const on = Uint8Array.of(1, 0, 0, 0);
      for (const option of [NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) await this.process.setsockopt(this.fd, SOL_NETLINK, option, on);
      await this.process.bind(this.fd, sockaddrNl());
    } catch (error) {
      throw new IpFailure(`Cannot open netlink socket: ${wordsOf(error)}`, 1);
    }
    return this.fd;
  }

  async close(): Promise<void> {
    if (this.fd >= 0) await this.process.close(this.fd);
    this.fd = -1;
  }

  /** A text file's contents. */
  text(path: string): Promise<string> {
    return readText(this.process, path);
  }

  async write(text: string): Promise<void> {
    await writeAll(this.process, 1, text);
  }

  /** Writes to standard error. */
  async complain(text: string): Promise<void> {
    await writeAll(this.process, 2, text);
  }

  /** Begins a request; `put` writes its body. */
  private async send(type: number, flags: number, put: (to: NetlinkWriter) => void): Promise<void> {
    const fd = await this.open();
    const writer = new NetlinkWriter();
    writer.begin(type, NLM_F.REQUEST | flags, ++this.sequence, 0);
    put(writer);
    writer.end();
    await this.process.send(fd, writer.take(), 0);
  }

  /** Messages that answer the last request, until it is answered; an error is an IpFailure of status 2. */
  private async *answers(isDump: boolean): AsyncGenerator<NetlinkMessage> {
    for (;;) {
      const count = await this.process.recv(this.fd, this.buffer, 0);
      for (const message of readNetlink(this.buffer.slice(0, count))) {
        if (message.sequence !== this.sequence) continue;
        if (message.type === NLMSG.DONE) {
          refuse(message, 4, true);
          return;
        }
        if (message.type === NLMSG.ERROR) {
          refuse(message, 4 + quotedLength(message), false);
          return;
        }
        yield message;
        if (!isDump) return;
      }
    }
  }

  /** A change: resolves when it is acknowledged. */
  async change(type: number, flags: number, put: (to: NetlinkWriter) => void): Promise<void> {
    await this.send(type, flags | NLM_F.ACK, put);
    for await (const message of this.answers(true)) void message;
  }

  /** A question with one answer. */
  async ask(type: number, headerLen: number, put: (to: NetlinkWriter) => void): Promise<Answer> {
    await this.send(type, 0, put);
    for await (const message of this.answers(false)) return new Answer(message, headerLen);
    throw new IpFailure('Answer expected', 2);
  }

  async dump(type: number, headerLen: number, put: (to: NetlinkWriter) => void): Promise<Answer[]> {
    await this.send(type, NLM_F.DUMP, put);
    const found: Answer[] = [];
    for await (const message of this.answers(true)) found.push(new Answer(message, headerLen));
    return found;
  }

  // Links by name and number.

  async links(): Promise<Answer[]> {
    const { family } = this.options;
    const links = await this.dump(RTM.GETLINK, IFINFOMSG_LEN, (to) => to.uint8(family === AF_INET6 ? AF_UNSPEC : family).raw(new Uint8Array(15)));
    for (const link of links) this.names.set(link.head.getInt32(4, true), link.text(IFLA.IFNAME) ?? '');
    return links;
  }

  async nameOf(index: number): Promise<string> {
    if (!this.names.has(index)) await this.links();
    return this.names.get(index) ?? `if${index}`;
  }

  /** The number of a device; `missing` says how its absence is put. */
  async indexOf(name: string, missing: (name: string) => IpFailure = noDevice): Promise<number> {
    if (name.length > 15 || name === '') throw new IpFailure(`Error: argument "${name}" is wrong: "dev" not a valid ifname\n`, 255);
    await this.links();
    for (const [index, known] of this.names) if (known === name) return index;
    throw missing(name);
  }
}

export function noDevice(name: string): IpFailure {
  return new IpFailure(`Cannot find device "${name}"`, 1);
}

/** NLMSG_ERROR quotes the request after its errno: the whole of it, or its header. */
function quotedLength({ flags, body }: NetlinkMessage): number {
  const isShort = (flags & NLM_F.CAPPED) !== 0 || body.length < 8;
  return isShort ? NLMSG_HDRLEN : (new DataView(body.buffer, body.byteOffset, body.length).getUint32(4, true) + 3) & ~3;
}

/** Throws when an answer says that the request failed, in the kernel's words where it has some. */
function refuse({ flags, body }: NetlinkMessage, wordsAt: number, isDump: boolean): void {
  const error = body.length < 4 ? 0 : new DataView(body.buffer, body.byteOffset, body.length).getInt32(0, true);
  if (error >= 0) return;
  const words = (flags & NLM_F.ACK_TLVS) === 0 ? undefined : readAttributes(body.subarray(wordsAt)).get(NLMSGERR_ATTR_MSG);
  const said = words === undefined ? `RTNETLINK answers: ${strerror(-error)}` : `Error: ${sentence(attributeText(words))}`;
  throw new IpFailure(isDump ? `${said}\nDump terminated` : said, 2);
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}

export async function writeAll(process: Syscalls, fd: number, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await process.write(fd, bytes.subarray(at));
}

// Words.

/** The words of a command, one after the other. */
export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  get isOver(): boolean {
    return this.at >= this.words.length;
  }

  take(): string | null {
    return this.words[this.at++] ?? null;
  }

  peek(): string | null {
    return this.words[this.at] ?? null;
  }

  /** What must follow `word`. */
  need(): string {
    const word = this.take();
    if (word === null) throw new IpFailure('Command line is not complete. Try option "help"', 255);
    return word;
  }
}

/** Is `word` the beginning of a keyword? */
export function begins(word: string, ...keywords: readonly string[]): boolean {
  return keywords.some((keyword) => keyword.startsWith(word));
}

export function wrong(word: string, why: string): IpFailure {
  return new IpFailure(`Error: argument "${word}" is wrong: ${why}\n`, 255);
}

/** A number, decimal, octal or hexadecimal as strtoul(3) reads it, of at most `most`. */
export function numberOf(word: string, why: string, most = 0xffffffff): number {
  const value = /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(word) ? (/^0[0-7]+$/.test(word) ? Number.parseInt(word, 8) : Number(word)) : Number.NaN;
  if (Number.isNaN(value) || value > most) throw wrong(word, why);
  return value;
}

export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
  /** A length was given. */
  readonly hasLength: boolean;
}

function familyName(family: number): string {
  return family === AF_INET ? 'inet' : family === AF_INET6 ? 'inet6' : 'any valid';
}

/** `10.0.0.0/8`, an address, or `default`; of a family when it is given. */
export function prefixOf(word: string, family: number): Prefix {
  if (word === 'default' || word === 'any' || word === 'all') {
    return { address: family === AF_INET6 ? ANY6 : ANY4, length: 0, hasLength: word !== 'any' };
  }
  const [text, length] = word.split('/', 2) as [string, string | undefined];
  const address = IpAddress.parse(text);
  const longest = address?.isV4 === true ? 32 : 128;
  const bits = length === undefined ? longest : /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (address === null || !fits(address, family) || !(bits <= longest)) {
    throw new IpFailure(`Error: ${familyName(family)} prefix is expected rather than "${word}".`, 1);
  }
  return { address, length: bits, hasLength: length !== undefined };
}

const ANY4 = IpAddress.fromV4(0), ANY6 = new IpAddress(0, 0, 0, 0);

export function addressOf(word: string, family: number): IpAddress {
  const address = IpAddress.parse(word);
  if (address === null || !fits(address, family)) {
    throw new IpFailure(`Error: ${familyName(family)} address is expected rather than "${word}".`, 1);
  }
  return address;
}

function fits(address: IpAddress, family: number): boolean {
  return family === AF_UNSPEC || family === (address.isV4 ? AF_INET : AF_INET6);
}

export function familyOf(address: IpAddress): number {
  return address.isV4 ? AF_INET : AF_INET6;
}

/** `02:00:00:00:00:01`. */
export function macWords(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Reads one; a failure that says so otherwise. */
export function macOf(word: string): Uint8Array {
  const parts = word.split(':');
  if (!parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) throw new IpFailure(`"${word}" is invalid lladdr.`, 1);
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

const SCOPES: Readonly<Record<string, number>> = { global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255 };

export function scopeOf(word: string): number {
  if (Object.hasOwn(SCOPES, word)) return SCOPES[word] as number;
  return numberOf(word, 'invalid "scope" value', 255);
}

export function scopeWord(scope: number): string {
  if (scope === 0) return 'global';
  return Object.keys(SCOPES).find((word) => SCOPES[word] === scope) ?? String(scope);
}
