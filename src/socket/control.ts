/**
 * Control data (cmsg(3)): the bytes that sendmsg(2) takes and recvmsg(2) leaves, as C lays them out on x86-64.
 *
 *   | cmsg_len 8 | cmsg_level 4 | cmsg_type 4 | data ... | padding to a multiple of 8 | next one ...
 *
 * `cmsg_len` counts the header and the data, not the padding. Read here is what programs sent, written what families have
 * to tell of a message; what that is stands with the family (`Socket.prepareAncillary`, `Socket.writeControl`).
 */
import { readBytes, readWhole } from '../base/arguments.ts';
import { Errno } from '../base/errno.ts';
import { Msg } from '../transport/endpoint.ts';
import { SCM, SOL } from './constants.ts';

/** sizeof(struct cmsghdr). */
export const CMSG_HEADER_LEN = 16;
const LEVEL = 8, TYPE = 12;

/** More bytes than any array has, and no more than the arithmetic below bears. */
const MOST_LENGTH = 0x7fffffff - CMSG_HEADER_LEN - 8;

/** CMSG_ALIGN: the next multiple of sizeof(long). Throws a TypeError or RangeError for what is no length; so do the next two. */
export function CMSG_ALIGN(length: number): number {
  return aligned(readWhole('CMSG_ALIGN: length', length, 0, MOST_LENGTH));
}

/** CMSG_LEN: what `cmsg_len` says for so many bytes of data. */
export function CMSG_LEN(length: number): number {
  return CMSG_HEADER_LEN + readWhole('CMSG_LEN: length', length, 0, MOST_LENGTH);
}

/** CMSG_SPACE: how much room a message with so many bytes of data takes. */
export function CMSG_SPACE(length: number): number {
  return CMSG_HEADER_LEN + aligned(readWhole('CMSG_SPACE: length', length, 0, MOST_LENGTH));
}

function aligned(length: number): number {
  return (length + 7) & ~7;
}

/** One control message of a buffer. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** One control message as bytes, padding included: put several behind each other with `controlData`. */
export function controlMessage(level: number, type: number, data: Uint8Array): Uint8Array {
  const plain = readBytes('controlMessage: data', data);
  const bytes = new Uint8Array(CMSG_HEADER_LEN + aligned(plain.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CMSG_HEADER_LEN + plain.length, true);
  view.setInt32(LEVEL, cInt('controlMessage: level', level), true);
  view.setInt32(TYPE, cInt('controlMessage: type', type), true);
  bytes.set(plain, CMSG_HEADER_LEN);
  return bytes;
}

/** Control messages behind each other: what msg_control points at. */
export function controlData(...messages: readonly Uint8Array[]): Uint8Array {
  const all = messages.map((message) => readBytes('controlData: every message', message));
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const message of all) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

/** SCM_RIGHTS: descriptors for the receiver. `sendmsg(fd, { iov: [text], control: rightsMessage(file) }, 0)`. */
export function rightsMessage(...descriptors: readonly number[]): Uint8Array {
  return controlMessage(SOL.SOCKET, SCM.RIGHTS, ints(descriptors.map((each) => cInt('rightsMessage: every descriptor', each))));
}

/** SCM_CREDENTIALS: who one says one is. */
export function credentialsMessage(pid: number, uid: number, gid: number): Uint8Array {
  const ids = [cInt('credentialsMessage: pid', pid), cInt('credentialsMessage: uid', uid), cInt('credentialsMessage: gid', gid)];
  return controlMessage(SOL.SOCKET, SCM.CREDENTIALS, ints(ids));
}

/** The control messages of what recvmsg(2) left (CMSG_FIRSTHDR, CMSG_NXTHDR); one that was cut off has the data that is there. */
export function readControl(control: Uint8Array): ControlMessage[] {
  return messagesOf(readBytes('readControl: control', control));
}

function messagesOf(control: Uint8Array): ControlMessage[] {
  const messages: ControlMessage[] = [];
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  for (let at = 0; at + CMSG_HEADER_LEN <= control.length;) {
    const length = view.getUint32(at, true);
    if (length < CMSG_HEADER_LEN) break;
    messages.push({
      level: view.getInt32(at + LEVEL, true), type: view.getInt32(at + TYPE, true),
      data: control.slice(at + CMSG_HEADER_LEN, Math.min(at + length, control.length)),
    });
    // One that says it is longer than all there is was the last (CMSG_NXTHDR).
    if (length > control.length - at) break;
    at += aligned(length);
  }
  return messages;
}

/** The descriptors that came with a message (SCM_RIGHTS). */
export function receivedDescriptors(control: Uint8Array): number[] {
  return messagesOf(readBytes('receivedDescriptors: control', control)).flatMap(({ level, type, data }) => (level === SOL.SOCKET && type === SCM.RIGHTS ? readInts(data) : []));
}

/** Who sent it (SCM_CREDENTIALS, with SO_PASSCRED); null when the message does not say. */
export function receivedCredentials(control: Uint8Array): { pid: number; uid: number; gid: number } | null {
  for (const { level, type, data } of messagesOf(readBytes('receivedCredentials: control', control))) {
    if (level !== SOL.SOCKET || type !== SCM.CREDENTIALS || data.length < 12) continue;
    const [pid, uid, gid] = readInts(data) as [number, number, number];
    return { pid, uid: uid >>> 0, gid: gid >>> 0 };
  }
  return null;
}

/** A C int, or an unsigned one (an id). */
function cInt(what: string, value: unknown): number {
  return readWhole(what, value, -0x80000000, 0xffffffff);
}

export function ints(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setInt32(i * 4, cInt('an int of a control message', value), true));
  return bytes;
}

/** Whole C ints; a rest of fewer than four bytes does not count. */
export function readInts(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) values.push(view.getInt32(at, true));
  return values;
}

/**
 * Calls `each` for every control message that a program hands in, until one returns a negative errno, which is the result;
 * -EINVAL when a length is wrong (CMSG_OK). Fewer bytes than a header are none at all (CMSG_FIRSTHDR).
 */
export function walkControl(control: Uint8Array, each: (message: ControlMessage) => number): number {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  for (let at = 0; at + CMSG_HEADER_LEN <= control.length;) {
    const length = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0 || length < CMSG_HEADER_LEN || length > control.length - at) return -Errno.EINVAL;
    const result = each({
      level: view.getInt32(at + LEVEL, true), type: view.getInt32(at + TYPE, true),
      data: control.subarray(at + CMSG_HEADER_LEN, at + length),
    });
    if (result < 0) return result;
    at += aligned(length);
  }
  return 0;
}

/** Writes control messages into the room that recvmsg(2) was given; what does not fit is cut off, and MSG_CTRUNC says so. */
/** More than all messages together ever take: a larger buffer of the caller's costs nothing. */
const MOST_ROOM = 65536;

export class ControlWriter {
  private readonly bytes: Uint8Array;
  private used = 0;
  /** MSG_CTRUNC, once something did not fit. */
  flags = 0;

  /** `room` 0: the call has no control buffer at all. */
  constructor(room: number) {
    this.bytes = new Uint8Array(Math.min(room, MOST_ROOM));
  }

  get hasBuffer(): boolean {
    return this.bytes.length > 0;
  }

  /** How many bytes of data the next message may have without being cut off. */
  get dataRoom(): number {
    return this.bytes.length - this.used - CMSG_HEADER_LEN;
  }

  truncated(): void {
    this.flags |= Msg.CTRUNC;
  }

  /** Appends one message (put_cmsg). */
  put(level: number, type: number, data: Uint8Array): void {
    if (this.dataRoom < 0) return this.truncated();
    const fits = Math.min(data.length, this.dataRoom);
    if (fits < data.length) this.truncated();
    const view = new DataView(this.bytes.buffer, this.used);
    view.setUint32(0, CMSG_HEADER_LEN + fits, true);
    view.setInt32(LEVEL, level, true);
    view.setInt32(TYPE, type, true);
    this.bytes.set(data.subarray(0, fits), this.used + CMSG_HEADER_LEN);
    this.used = Math.min(this.used + CMSG_HEADER_LEN + aligned(data.length), this.bytes.length);
  }

  /** What was written, the padding of the last one included as far as there is room. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.used);
  }
}
