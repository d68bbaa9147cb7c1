/**
 * A process that writes down every call made through it: `Syscalls` in front of another `Syscalls`.
 *
 * One per process of a program; all processes of a run write into one trace.
 */
import type { MessageRoom } from '../../src/api/posix/batch-syscalls.ts';
import type { EventSyscalls } from '../../src/api/posix/event-syscalls.ts';
import type { FileSyscalls } from '../../src/api/posix/file-syscalls.ts';
import type { IpcSyscalls } from '../../src/api/posix/ipc-syscalls.ts';
import type { SpliceSyscalls } from '../../src/api/posix/splice-syscalls.ts';
import type { MessageHeader, PollFd, ReceivedMessage, Syscalls } from '../../src/api/posix/syscalls.ts';
import { AF, F, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { addressText, hex } from './address.ts';
import * as names from './names.ts';
import { type Described, okText } from './recorder-core.ts';
import { pidText, ProcessRecorder } from './recorder-processes.ts';
import { joined } from './toolkit.ts';
import type { Entry, Trace } from './trace.ts';

/** Types of control messages that say when something came: no two sides have the same clock. */
const TIMES: ReadonlySet<number> = new Set([SO.TIMESTAMP, SO.TIMESTAMPNS, SO.TIMESTAMP_NEW, SO.TIMESTAMPNS_NEW]);

/** Descriptor 5 means another socket in each process, so families are kept per process. */
export class Recorder
  extends ProcessRecorder implements Omit<Syscalls, keyof FileSyscalls | keyof EventSyscalls | keyof IpcSyscalls | keyof SpliceSyscalls> {
  /** What the processes of the run are called, for credentials. */
  private readonly pids: ReadonlyMap<number, string>;
  protected readonly families = new Map<number, string>();

  constructor(name: string, inner: Syscalls, trace: Trace, pids: ReadonlyMap<number, string>) {
    super(name, inner, trace);
    this.pids = pids;
  }

  async socket(domain: number, type: number, protocol: number): Promise<number> {
    const family = familyText(domain, type);
    const text = `${names.familyName(domain)}, ${names.typeName(type)}, ${names.protocolName(protocol)}`;
    const entry = this.trace.add(`${this.name}.socket(${text})`, 'socket', family);
    const fd = await this.run(entry, this.inner.socket(domain, type, protocol), fdText);
    this.families.set(fd, family);
    return fd;
  }

  async socketpair(domain: number, type: number, protocol: number): Promise<[number, number]> {
    const family = familyText(domain, type);
    const text = `${names.familyName(domain)}, ${names.typeName(type)}, ${names.protocolName(protocol)}`;
    const entry = this.trace.add(`${this.name}.socketpair(${text})`, 'socketpair', family);
    const pair = await this.run(entry, this.inner.socketpair(domain, type, protocol), ([one, other]) => ({
      text: `fds ${one} ${other}`, kind: 'fds', delivers: false,
    }));
    for (const fd of pair) this.families.set(fd, family);
    return pair;
  }

  bind(fd: number, address: Uint8Array): Promise<void> {
    return this.run(this.add('bind', fd, addressText(address)), this.inner.bind(fd, address), okText);
  }

  listen(fd: number, backlog: number): Promise<void> {
    return this.run(this.add('listen', fd, backlog), this.inner.listen(fd, backlog), okText);
  }

  connect(fd: number, address: Uint8Array): Promise<void> {
    return this.run(this.add('connect', fd, addressText(address)), this.inner.connect(fd, address), okText);
  }

  async accept(fd: number): Promise<{ fd: number; address: Uint8Array }> {
    return this.accepted(fd, this.add('accept', fd), this.inner.accept(fd));
  }

  async accept4(fd: number, flags: number): Promise<{ fd: number; address: Uint8Array }> {
    const text = names.acceptFlags(flags);
    return this.accepted(fd, this.add('accept4', fd, text, text), this.inner.accept4(fd, flags));
  }

  read(fd: number, buffer: Uint8Array): Promise<number> {
    return this.run(this.add('read', fd, buffer.length), this.inner.read(fd, buffer), this.received([buffer]));
  }

  write(fd: number, buffer: Uint8Array): Promise<number> {
    return this.run(this.add('write', fd, bytesText(buffer)), this.inner.write(fd, buffer), countText);
  }

  readv(fd: number, iov: Uint8Array[]): Promise<number> {
    return this.run(this.add('readv', fd, lengthsText(iov)), this.inner.readv(fd, iov), this.received(iov));
  }

  writev(fd: number, iov: Uint8Array[]): Promise<number> {
    return this.run(this.add('writev', fd, partsText(iov)), this.inner.writev(fd, iov), countText);
  }

  recv(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    const text = names.messageFlags(flags);
    const entry = this.add('recv', fd, `${buffer.length}, ${text}`, text);
    return this.run(entry, this.inner.recv(fd, buffer, flags), this.received([buffer]));
  }

  send(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    const text = names.messageFlags(flags);
    const entry = this.add('send', fd, `${bytesText(buffer)}, ${text}`, text);
    return this.run(entry, this.inner.send(fd, buffer, flags), countText);
  }

  recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }> {
    const text = names.messageFlags(flags);
    const entry = this.add('recvfrom', fd, `${buffer.length}, ${text}`, text);
    return this.run(entry, this.inner.recvfrom(fd, buffer, flags), ({ count, address }) => {
      const data = this.received([buffer])(count);
      return { text: `${data.text} from ${addressText(address)}`, kind: data.kind, delivers: true };
    });
  }

  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number> {
    const text = names.messageFlags(flags);
    const to = address === null ? 'null' : addressText(address);
    const entry = this.add('sendto', fd, `${bytesText(buffer)}, ${text}, ${to}`, text);
    return this.run(entry, this.inner.sendto(fd, buffer, flags, address), countText);
  }

  recvmsg(
    fd: number, iov: Uint8Array[], flags: number, nameLength = 0, controlLength = 0,
  ): Promise<ReceivedMessage> {
    const text = names.messageFlags(flags);
    const entry = this.add('recvmsg', fd, `${lengthsText(iov)}, ${text}, ${nameLength}, ${controlLength}`, text);
    return this.run(entry, this.inner.recvmsg(fd, iov, flags, nameLength, controlLength), (message) => this.messageText(message, iov));
  }

  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number> {
    const text = names.messageFlags(flags);
    const to = message.name == null ? 'null' : addressText(message.name);
    const { control: given = null } = message;
    const control = given === null ? '' : given.length > 4096 ? ` control(${given.length})` : ` control ${this.controlText(given)}`;
    const entry = this.add('sendmsg', fd, `${to}, [${partsText(message.iov)}],${control} ${text}`, text);
    return this.run(entry, this.inner.sendmsg(fd, message, flags), countText);
  }

  recvmmsg(fd: number, messages: readonly MessageRoom[], flags: number, timeoutUs = Infinity): Promise<ReceivedMessage[]> {
    const text = names.messageFlags(flags);
    const rooms = messages.map(({ iov, nameLength = 128, controlLength = 0 }) => `${lengthsText(iov)} ${nameLength} ${controlLength}`);
    const entry = this.add('recvmmsg', fd, `{${rooms.join(', ')}}, ${text}, ${timeoutUs}`, text);
    return this.run(entry, this.inner.recvmmsg(fd, messages, flags, timeoutUs), (came) => {
      const each = came.map((message, i) => this.messageText(message, messages[i]?.iov ?? []));
      return {
        text: `${came.length} {${each.map((one) => one.text).join(', ')}}`, kind: each.map((one) => one.kind).join(', ') || '0',
        delivers: each.some((one) => one.delivers),
      };
    });
  }

  sendmmsg(fd: number, messages: readonly MessageHeader[], flags: number): Promise<number[]> {
    const text = names.messageFlags(flags);
    const each = messages.map((message) => {
      const to = message.name == null ? 'null' : addressText(message.name);
      return `${to} [${message.iov.map(bytesText).join(' ')}]${message.control == null ? '' : ` control ${this.controlText(message.control)}`}`;
    });
    const entry = this.add('sendmmsg', fd, `{${each.slice(0, 8).join(', ')}}, ${messages.length}, ${text}`, text);
    return this.run(entry, this.inner.sendmmsg(fd, messages, flags), (counts) => {
      const shown = counts.length > 8 ? `${counts.length} messages` : `[${counts.join(' ')}]`;
      return { text: shown, kind: `${Math.min(counts.length, 3)} messages`, delivers: false };
    });
  }

  /** Count and bytes, or the words that the program has for them. */
  private received(iov: readonly Uint8Array[]): (count: number) => Described {
    return (count) => {
      const { words: tell } = this.trace;
      const words = tell === null ? null : tell(joined(...iov).subarray(0, count));
      return words === null ? countAndBytes(iov)(count) : { text: words, kind: 'words', delivers: true };
    };
  }

  private messageText(message: ReceivedMessage, iov: readonly Uint8Array[]): Described {
    const data = this.received(iov)(message.count);
    const shown = names.messageFlags(message.flags);
    const from = message.name.length === 0 ? 'no name' : addressText(message.name);
    const { length } = message.control;
    const control = length === 0 ? '' : ` control(${length}) ${this.controlText(message.control)}`;
    return {
      text: `${data.text} flags ${shown} ${from}${control}`, kind: `${data.kind} ${shown}${control}`,
      delivers: data.delivers || message.name.length > 0,
    };
  }

  shutdown(fd: number, how: number): Promise<void> {
    const text = names.shutdownName(how);
    return this.run(this.add('shutdown', fd, text, text), this.inner.shutdown(fd, how), okText);
  }

  async close(fd: number): Promise<void> {
    const entry = this.add('close', fd);
    // Like the table itself: whatever becomes of the close, the number is free.
    this.families.delete(fd);
    return this.run(entry, this.inner.close(fd), okText);
  }

  async dup(fd: number): Promise<number> {
    return this.duplicated(fd, await this.run(this.add('dup', fd), this.inner.dup(fd), fdText));
  }

  async dup2(fd: number, to: number): Promise<number> {
    return this.duplicated(fd, await this.run(this.add('dup2', fd, to), this.inner.dup2(fd, to), fdText));
  }

  async dup3(fd: number, to: number, flags: number): Promise<number> {
    const text = names.statusFlags(flags);
    return this.duplicated(fd, await this.run(this.add('dup3', fd, `${to}, ${text}`, text), this.inner.dup3(fd, to, flags), fdText));
  }

  close_range(first: number, last: number, flags: number): Promise<void> {
    return this.record('close_range', `${first}, ${last}, ${flags}`, String(flags), this.inner.close_range(first, last, flags), okText);
  }

  getsockname(fd: number): Promise<Uint8Array> {
    return this.run(this.add('getsockname', fd), this.inner.getsockname(fd), nameText);
  }

  getpeername(fd: number): Promise<Uint8Array> {
    return this.run(this.add('getpeername', fd), this.inner.getpeername(fd), nameText);
  }

  getsockopt(fd: number, level: number, option: number, length: number | Uint8Array): Promise<Uint8Array> {
    const text = names.optionName(level, option);
    const entry = this.add('getsockopt', fd, `${text}, ${typeof length === 'number' ? length : hex(length)}`, text);
    return this.run(entry, this.inner.getsockopt(fd, level, option, length), (value) => {
      const isCredentials = level === SOL.SOCKET && option === SO.PEERCRED && value.length === 12;
      const shown = `(${value.length}) ${isCredentials ? this.credentialsText(value) : hex(value)}`;
      return { text: shown, kind: shown, delivers: false };
    });
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array): Promise<void> {
    const text = names.optionName(level, option);
    const entry = this.add('setsockopt', fd, `${text}, ${hex(value)}`, text);
    return this.run(entry, this.inner.setsockopt(fd, level, option, value), okText);
  }

  async fcntl(fd: number, command: number, argument = 0): Promise<number> {
    const text = names.fcntlName(command);
    const shown = command === F.SETFL ? names.statusFlags(argument) : command === F.SETOWN ? pidText(argument) : argument;
    const entry = this.add('fcntl', fd, `${text}, ${shown}`, text);
    const result = await this.run(entry, this.inner.fcntl(fd, command, argument), (value) => {
      const text_ = command === F.GETFL ? names.statusFlags(value) : command === F.GETOWN ? pidText(value) : String(value);
      return { text: text_, kind: command === F.GETOWN ? 'owner' : text_, delivers: false };
    });
    return command === F.DUPFD || command === F.DUPFD_CLOEXEC ? this.duplicated(fd, result) : result;
  }

  poll(fds: PollFd[], timeoutMs: number): Promise<number> {
    const asked = fds.map(({ fd, events }) => `${fd}:${names.pollEvents(events)}`).join(' ');
    const entry = this.trace.add(
      `${this.name}.poll([${asked}], ${timeoutMs})`, 'poll', fds.map(({ fd }) => this.familyOf(fd)).join(', ') || 'none',
    );
    return this.run(entry, this.inner.poll(fds, timeoutMs), (count) => {
      const text = `${count} [${fds.map(({ revents }) => names.pollEvents(revents)).join(' ')}]`;
      return { text, kind: text, delivers: false };
    });
  }

  ioctl(fd: number, request: number): Promise<number> {
    const text = names.ioctlName(request);
    return this.run(this.add('ioctl', fd, text, text), this.inner.ioctl(fd, request), (value) => ({
      text: String(value), kind: String(value), delivers: false,
    }));
  }

  /** Control messages one by one; what is cut off or no message, as bytes. */
  private controlText(control: Uint8Array): string {
    const view = new DataView(control.buffer, control.byteOffset, control.length);
    const parts: string[] = [];
    let at = 0;
    while (at + 16 <= control.length) {
      const length = view.getUint32(at, true);
      const [level, type] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
      if (length < 16 || at + length > control.length) break;
      const data = control.subarray(at + 16, at + length);
      if (level === SOL.SOCKET && type === 1) parts.push(`rights(${length}) ${intsText(data)}`);
      else if (level === SOL.SOCKET && type === 2 && length === 28) parts.push(`credentials ${this.credentialsText(data)}`);
      else if (level === SOL.SOCKET && type === 2 && data.length >= 4) {
        parts.push(`credentials(${length}) ${this.pidText(data)} ${hex(data.subarray(4))}`);
      } else if (level === SOL.SOCKET && TIMES.has(type)) parts.push(`time ${type}(${length})`);
      else parts.push(`level ${level} type ${type}(${length}) ${hex(data)}`);
      at += (length + 7) & ~7;
    }
    if (at < control.length) parts.push(`rest ${hex(control.subarray(at))}`);
    return `[${parts.join(', ')}]`;
  }

  /** `struct ucred`: pids differ between the sides, their processes' names do not. */
  private credentialsText(ucred: Uint8Array): string {
    const view = new DataView(ucred.buffer, ucred.byteOffset, ucred.length);
    return `${this.pidText(ucred)} uid=${view.getInt32(4, true)} gid=${view.getInt32(8, true)}`;
  }

  private pidText(bytes: Uint8Array): string {
    const pid = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getInt32(0, true);
    return `pid=${this.pids.get(pid) ?? pid}`;
  }

  protected add(call: string, fd: number, text: string | number = '', variant = ''): Entry {
    const written = text === '' ? `${fd}` : `${fd}, ${text}`;
    const detail = variant === '' || variant === '0' ? call : `${call} ${variant}`;
    return this.trace.add(`${this.name}.${call}(${written})`, detail, this.familyOf(fd));
  }

  private familyOf(fd: number): string {
    return this.families.get(fd) ?? 'none';
  }

  private duplicated(from: number, to: number): number {
    this.families.set(to, this.familyOf(from));
    return to;
  }

  private async accepted(
    fd: number, entry: Entry, call: Promise<{ fd: number; address: Uint8Array }>,
  ): Promise<{ fd: number; address: Uint8Array }> {
    const family = this.familyOf(fd);
    const result = await this.run(entry, call, (accepted) => ({
      text: `fd ${accepted.fd} ${addressText(accepted.address)}`, kind: 'accepted', delivers: true,
    }));
    this.families.set(result.fd, family);
    return result;
  }
}

function familyText(domain: number, type: number): string {
  const kinds: Record<number, string> = {
    [SOCK.STREAM]: 'stream', [SOCK.DGRAM]: 'dgram', [SOCK.RAW]: 'raw', [SOCK.SEQPACKET]: 'seqpacket',
  };
  const base = type & ~(SOCK.NONBLOCK | SOCK.CLOEXEC);
  const family = domain === AF.UNIX ? 'unix' : domain === AF.INET ? 'inet' : domain === AF.INET6 ? 'inet6' : names.familyName(domain);
  return `${family} ${kinds[base] ?? `type ${base}`}`;
}

function intsText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) values.push(String(view.getInt32(at, true)));
  return values.join(' ') + (bytes.length % 4 === 0 ? '' : ` +${hex(bytes.subarray(bytes.length & ~3))}`);
}

export function fdText(fd: number): Described {
  return { text: `fd ${fd}`, kind: 'fd', delivers: false };
}

export function countText(count: number): Described {
  return { text: String(count), kind: count === 0 ? '0' : 'count', delivers: false };
}

function nameText(address: Uint8Array): Described {
  return { text: addressText(address), kind: 'address', delivers: true };
}

/** A receive call's count and the bytes it left in the buffers (MSG_TRUNC counts more than there are). */
export function countAndBytes(iov: readonly Uint8Array[]): (count: number) => Described {
  return (count) => {
    const parts: string[] = [];
    let left = count;
    let room = 0;
    for (const part of iov) {
      if (parts.length < SHOWN_PARTS) parts.push(bytesText(part.subarray(0, left)));
      left -= Math.min(left, part.length);
      room += part.length;
    }
    const kind = count === 0 ? '0' : count > room ? 'bytes, cut off' : 'bytes';
    return { text: `${count} ${parts.join(' ')}`, kind, delivers: count > 0 && room > 0 };
  };
}

const SHOWN_BYTES = 64;

const NOTIFY_PID = 'NOTIFY_PID:';
const DIGIT_0 = 0x30;

/** The text that is read from a POSIX message queue, with a 1 for the number of whoever is notified. */
function withoutPid(bytes: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(NOTIFY_PID);
  if (at < 0) return bytes;
  const mapped = bytes.slice();
  const begin = at + NOTIFY_PID.length;
  let end = begin;
  while (end < mapped.length && mapped[end] !== 0x0a) end++;
  if (mapped[begin] === DIGIT_0) return bytes;
  mapped.fill(0x20, begin, end);
  if (end > begin) mapped[begin] = DIGIT_0 + 1;
  return mapped;
}

/** Printable bytes in quotes, others in hex, many as their length and a digest (FNV-1a). */
export function bytesText(given: Uint8Array): string {
  const bytes = withoutPid(given);
  if (bytes.length > SHOWN_BYTES) {
    let digest = 0x811c9dc5;
    for (const byte of bytes) digest = Math.imul(digest ^ byte, 0x01000193);
    return `${bytes.length} bytes #${(digest >>> 0).toString(16).padStart(8, '0')}`;
  }
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return JSON.stringify(String.fromCharCode(...bytes));
  return `x${hex(bytes)}`;
}

const SHOWN_PARTS = 16;

function lengthsText(iov: readonly Uint8Array[]): string {
  return iov.length > SHOWN_PARTS ? `[${iov.length} parts]` : `[${iov.map((part) => part.length).join(' ')}]`;
}

function partsText(iov: readonly Uint8Array[]): string {
  return iov.length > SHOWN_PARTS ? `${iov.length} parts` : iov.map(bytesText).join(' ');
}
