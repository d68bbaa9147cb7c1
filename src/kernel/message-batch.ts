/**
 * recvmmsg(2) and sendmmsg(2): several messages by one call. Each is received or sent as recvmsg(2) and sendmsg(2) do it,
 * with waiting of its own; what there is before an error counts, and the error is the next call's (do_recvmmsg).
 */
import { Errno } from '../base/errno.ts';
import type { Socket } from '../socket/socket.ts';
import { Msg } from '../transport/endpoint.ts';
import type { OpenFile } from './open-file.ts';
import { PENDING } from './operation.ts';
import { ReceiveOperation, SendMessageOperation } from './transfer.ts';

/** UIO_MAXIOV: sendmmsg(2) looks at no more than so many. */
export const MOST_MESSAGES = 1024;
/** Flag of recvmmsg(2): after the first message it waits for no other. */
export const MSG_WAITFORONE = 0x10000;
/** Internal to Linux, and refused from outside. */
export const MSG_CMSG_COMPAT = 0x80000000;

/** Room for one message: one buffer, the caller's own ones when that only gathers for them, and room for control data. */
export interface MessageSlot {
  readonly buffer: Uint8Array;
  readonly parts: readonly Uint8Array[] | null;
  readonly controlRoom: number;
}

/** What came into a slot. */
export interface TakenMessage {
  readonly count: number;
  readonly name: Uint8Array;
  readonly control: Uint8Array;
  readonly flags: number;
}

/** The result is the number of messages. */
export class ReceiveManyOperation extends ReceiveOperation {
  readonly taken: TakenMessage[] = [];
  private slots: readonly MessageSlot[] = [];
  private manyFlags = 0;
  /** The moment after which no further message is received; Infinity without a timeout. */
  private endAt = Infinity;

  /** `timeoutUs` is looked at after each message, as on Linux: it ends no wait. */
  prepareMany(file: OpenFile, slots: readonly MessageSlot[], flags: number, timeoutUs: number): void {
    this.slots = slots;
    this.manyFlags = flags;
    this.endAt = this.loop.now + timeoutUs;
    this.file = file;
    if (slots.length > 0) this.prepareNext();
  }

  private prepareNext(): void {
    const { buffer, parts, controlRoom } = this.slots[this.taken.length] as MessageSlot;
    const flags = (this.manyFlags & ~MSG_WAITFORONE) | (this.waitsForNoMore ? Msg.DONTWAIT : 0);
    this.prepare(this.file as OpenFile, buffer, flags);
    this.parts = parts;
    this.controlRoom = controlRoom;
  }

  private get waitsForNoMore(): boolean {
    return this.taken.length > 0 && (this.manyFlags & MSG_WAITFORONE) !== 0;
  }

  protected override step(): number {
    if (this.slots.length === 0) return this.pendingError();
    if (this.taken.length === 0 && !this.isWaiting) {
      const error = this.pendingError();
      if (error < 0) return error;
    }
    for (;;) {
      const n = super.step();
      if (n === -Errno.EAGAIN && this.mayBlock) return n;
      if (n < 0) return this.endedBy(n);
      if (this.keep(n)) return this.taken.length;
    }
  }

  /** An error that waited already is reported at once. MSG_ERRQUEUE leaves it where it is. */
  private pendingError(): number {
    if ((this.manyFlags & Msg.ERRQUEUE) !== 0) return 0;
    return -((this.file as OpenFile).socket as Socket).takeError();
  }

  /** A message is there. Is it the last one? If not, the next one's wait begins. */
  private keep(count: number): boolean {
    const { received, control } = this;
    const socket = (this.file as OpenFile).socket as Socket;
    this.taken.push({ count, name: socket.sourceName(received), control, flags: received.flags });
    if (this.taken.length === this.slots.length) return true;
    if (this.loop.now >= this.endAt || (received.flags & Msg.OOB) !== 0) return true;
    this.prepareNext();
    if (this.isWaiting) this.setDeadline(this.waitFor());
    return false;
  }

  /** A message could not be received: what there is before it counts, and the next call hears of the error. */
  private endedBy(error: number): number {
    const count = this.taken.length;
    if (count === 0) return error;
    if (error < 0 && error !== -Errno.EAGAIN) ((this.file as OpenFile).socket as Socket).keepError(-error);
    return count;
  }

  protected override timeoutResult(): number {
    const part = super.timeoutResult();
    if (part < 0) return this.endedBy(part);
    this.keep(part);
    return this.taken.length;
  }

  protected override interruptResult(): number {
    const part = super.interruptResult();
    if (part >= 0) this.keep(part);
    // Deviation: without SO_RCVTIMEO Linux keeps ERESTARTSYS, an error of its own that no program should see.
    return this.waitFor() === Infinity ? this.taken.length || part : this.endedBy(part);
  }

  override goesOnAfter(hasHandler: boolean, restarts: boolean): boolean {
    return this.taken.length === 0 && this.done === 0 && super.goesOnAfter(hasHandler, restarts);
  }
}

/** One message to send: its bytes, its address, and its control data, which is read when its turn comes. */
export interface OutgoingMessage {
  readonly bytes: Uint8Array;
  readonly address: Uint8Array | null;
  readonly control: Uint8Array | null;
}

/** The result is the number of messages. */
export class SendManyOperation extends SendMessageOperation {
  /** How many bytes of each message were taken. */
  readonly counts: number[] = [];
  private messages: readonly OutgoingMessage[] = [];
  private manyFlags = 0;
  /** What was wrong with the control data of the message whose turn it is; 0 when nothing. */
  private fault = 0;
  /** It has waited, and its result is that of all messages. */
  private hasSettled = false;

  prepareMany(file: OpenFile, messages: readonly OutgoingMessage[], flags: number): void {
    this.file = file;
    this.messages = messages;
    this.manyFlags = flags;
    if (messages.length > 0) this.prepareNext();
  }

  private prepareNext(): void {
    const file = this.file as OpenFile;
    const { bytes, address, control } = this.messages[this.counts.length] as OutgoingMessage;
    this.prepare(file, bytes, this.manyFlags, address);
    this.letGo();
    this.fault = control === null ? 0 : this.takeControl(file, control);
  }

  /** One message after the other, each with what follows from it: a refusal of the first is the second one's error. */
  override start(): number {
    while (this.counts.length < this.messages.length) {
      const result = super.start();
      if (result === PENDING || this.hasSettled) return result;
      if (this.isLast(result)) return this.endedBy(result);
    }
    return 0;
  }

  /** The message's count, as long as the call has not waited; once it has, the result of the whole call. */
  protected override step(): number {
    const n = this.fault !== 0 ? this.fault : super.step();
    if (!this.isWaiting || n === -Errno.EAGAIN) return n;
    if (this.isLast(n)) return this.endedBy(n);
    this.setDeadline(this.waitFor());
    this.loop.ready(this);
    return -Errno.EAGAIN;
  }

  /** Does the call end with this message: by an error, because only a part of it was taken, or because there is no other? */
  private isLast(result: number): boolean {
    if (result < 0) return true;
    const { bytes } = this.messages[this.counts.length] as OutgoingMessage;
    if (this.counts.length === this.messages.length - 1 || result < bytes.length) return true;
    this.counts.push(result);
    this.prepareNext();
    return false;
  }

  protected override ended(): void {
    this.hasSettled = true;
    super.ended();
  }

  protected override timeoutResult(): number {
    return this.endedBy(super.timeoutResult());
  }

  protected override interruptResult(): number {
    return this.endedBy(super.interruptResult());
  }

  override goesOnAfter(hasHandler: boolean, restarts: boolean): boolean {
    return this.counts.length === 0 && this.done === 0 && super.goesOnAfter(hasHandler, restarts);
  }

  private endedBy(part: number): number {
    if (part >= 0) this.counts.push(part);
    return this.counts.length > 0 ? this.counts.length : part;
  }
}
