/** System V message queues: msgget(2), msgop(2), msgctl(2). */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import { Poll } from '../../base/wait-queue.ts';
import { Operation, Restart } from '../operation.ts';
import { IPC, IpcObject, READ, WRITE } from './ipc-object.ts';

export const MSG = { NOERROR: 0o10000, EXCEPT: 0o20000, COPY: 0o40000 } as const;
/** kernel.msgmax, kernel.msgmnb, kernel.msgmni. */
export const MSGMAX = 8192;
export const MSGMNB = 16384;
export const MSGMNI = 32000;

export interface QueuedMessage {
  readonly type: number;
  readonly text: Uint8Array;
}

/** What the messages of all queues of a host may take. */
export class MessageRoom {
  private bytes = MESSAGE_ROOM_BYTES;
  private readonly memory: KernelMemory;

  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  /** Is there memory for a message of this length? */
  fits(length: number): boolean {
    return this.bytes >= length + MESSAGE_BYTES && !this.memory.lacks(length + Cost.QUEUED);
  }

  take(length: number): void {
    this.bytes -= length + MESSAGE_BYTES;
    this.memory.hold(length + Cost.QUEUED);
  }

  giveBack(length: number): void {
    this.bytes += length + MESSAGE_BYTES;
    this.memory.letGo(length + Cost.QUEUED);
  }
}

const MESSAGE_ROOM_BYTES: number = 64 * 1024 * 1024;
/** sizeof(struct msg_msg). */
const MESSAGE_BYTES = 48;

export class MessageQueue extends IpcObject {
  readonly messages: QueuedMessage[] = [];
  bytes = 0;
  /** msg_qbytes: how many bytes may wait, and as many messages. */
  mostBytes = MSGMNB;
  lastSender = 0;
  lastReceiver = 0;
  sentUs = 0;
  receivedUs = 0;
  changedUs: number;

  private readonly room: MessageRoom;

  constructor(id: number, key: number, mode: number, owner: Credentials, nowUs: number, room: MessageRoom) {
    super(id, key, mode, owner);
    this.room = room;
    this.changedUs = nowUs;
  }

  hasRoom(length: number): boolean {
    return this.bytes + length <= this.mostBytes && this.messages.length + 1 <= this.mostBytes;
  }

  /** Memory for a message of this length; there is none: -ENOMEM. */
  fits(length: number): boolean {
    return this.room.fits(length);
  }

  /** The queue goes, with all that is in it. */
  discard(): void {
    while (this.messages.length > 0) this.take(this.messages.length - 1);
  }

  push(message: QueuedMessage): void {
    this.room.take(message.text.length);
    this.messages.push(message);
    this.bytes += message.text.length;
    this.changed();
  }

  /** The place of the message that msgrcv's `type` means; -1 when none is there. */
  choose(type: number, flags: number): number {
    if (type === 0) return this.messages.length > 0 ? 0 : -1;
    if (type > 0) return this.messages.findIndex((message) => (message.type === type) !== ((flags & MSG.EXCEPT) !== 0));
    let best = -1;
    this.messages.forEach((message, i) => {
      if (message.type <= -type && (best < 0 || message.type < (this.messages[best] as QueuedMessage).type)) best = i;
    });
    return best;
  }

  take(at: number): QueuedMessage {
    const [message] = this.messages.splice(at, 1) as [QueuedMessage];
    this.bytes -= message.text.length;
    this.room.giveBack(message.text.length);
    this.changed();
    return message;
  }
}

abstract class QueueOperation extends Operation {
  protected messageQueue: MessageQueue | null = null;

  protected override joinQueues(): void {
    (this.messageQueue as MessageQueue).add(this);
  }

  protected waitFor(): number {
    this.events = Poll.IN;
    return Infinity;
  }

  protected timeoutResult(): number {
    return -Errno.EAGAIN;
  }

  protected override get restart(): Restart {
    return Restart.WithoutHandler;
  }
}

/** msgsnd(2). */
export class MessageSendOperation extends QueueOperation {
  private message: QueuedMessage = { type: 0, text: new Uint8Array(0) };

  prepare(queue: MessageQueue, type: number, text: Uint8Array, flags: number): void {
    this.messageQueue = queue;
    this.message = { type, text: text.slice() };
    this.mayBlock = (flags & IPC.NOWAIT) === 0;
  }

  protected step(): number {
    const queue = this.messageQueue as MessageQueue;
    if (queue.removed) return -Errno.EIDRM;
    const denied = queue.permits(this.process.credentials, WRITE);
    if (denied < 0) return denied;
    if (!queue.hasRoom(this.message.text.length)) return -Errno.EAGAIN;
    queue.lastSender = this.process.pid;
    queue.sentUs = this.process.kernel.realtimeUs;
    queue.push(this.message);
    return 0;
  }
}

/** msgrcv(2). */
export class MessageReceiveOperation extends QueueOperation {
  /** What came, cut to the size that was asked for, after a result >= 0. */
  received: QueuedMessage = { type: 0, text: new Uint8Array(0) };
  private size = 0;
  private type = 0;
  private flags = 0;

  prepare(queue: MessageQueue, size: number, type: number, flags: number): void {
    this.messageQueue = queue;
    this.size = size;
    this.type = type;
    this.flags = flags;
    this.mayBlock = (flags & IPC.NOWAIT) === 0;
  }

  protected step(): number {
    const queue = this.messageQueue as MessageQueue;
    if (queue.removed) return -Errno.EIDRM;
    const denied = queue.permits(this.process.credentials, READ);
    if (denied < 0) return denied;
    const copies = (this.flags & MSG.COPY) !== 0;
    const at = copies ? (this.type < queue.messages.length ? this.type : -1) : queue.choose(this.type, this.flags);
    if (at < 0) return this.mayBlock ? -Errno.EAGAIN : -Errno.ENOMSG;
    const message = queue.messages[at] as QueuedMessage;
    if (message.text.length > this.size && (this.flags & MSG.NOERROR) === 0) return -Errno.E2BIG;
    if (!copies) {
      queue.lastReceiver = this.process.pid;
      queue.receivedUs = this.process.kernel.realtimeUs;
      queue.take(at);
    }
    this.received = { type: message.type, text: message.text.slice(0, this.size) };
    return this.received.text.length;
  }
}
