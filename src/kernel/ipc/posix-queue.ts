/** POSIX message queues (mq_overview(7)): named queues of messages with priorities, behind descriptors. */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import type { Seekable } from '../fs/regular-file.ts';
import { IOCTL } from '../../socket/constants.ts';
import type { OpenFile } from '../open-file.ts';
import { Operation } from '../operation.ts';
import type { KernelProcess } from '../process.ts';

/** fs.mqueue.msg_max, msgsize_max, queues_max; and what a privileged process may go up to. */
export const MQ_MSG_MAX = 10;
export const MQ_MSGSIZE_MAX = 8192;
export const MQ_QUEUES_MAX = 256;
export const MQ_HARD_MSG_MAX = 65536;
export const MQ_HARD_MSGSIZE_MAX = 16777216;
/** A priority is below this. */
export const MQ_PRIO_MAX = 32768;

/** `struct mq_attr`. */
export interface QueueAttributes {
  /** O_NONBLOCK or 0: the description's. */
  flags: number;
  maxMessages: number;
  messageSize: number;
  currentMessages: number;
}

export interface PriorityMessage {
  readonly priority: number;
  readonly text: Uint8Array;
}

export class PosixQueue extends WaitQueue {
  inodeNumber = 0;
  mode: number;
  /** Its name; none once it has been unlinked. */
  links = 1;
  /** What fstat(2) shows; ftruncate(2) changes it, and nothing else. */
  fileBytes: number = FILE_BYTES;
  readonly uid: number;
  readonly gid: number;
  readonly maxMessages: number;
  readonly messageSize: number;
  /** The next one to be received first: by priority, then by age. */
  readonly messages: PriorityMessage[] = [];

  constructor(mode: number, owner: Credentials, maxMessages: number, messageSize: number) {
    super();
    this.mode = mode & 0o777;
    this.uid = owner.fsuid;
    this.gid = owner.fsgid;
    this.maxMessages = maxMessages;
    this.messageSize = messageSize;
  }

  get isFull(): boolean {
    return this.messages.length >= this.maxMessages;
  }

  push(message: PriorityMessage): void {
    let at = this.messages.length;
    while (at > 0 && (this.messages[at - 1] as PriorityMessage).priority < message.priority) at--;
    this.messages.splice(at, 0, message);
    this.wake(Poll.IN | Poll.RDNORM);
  }

  shift(): PriorityMessage {
    const message = this.messages.shift() as PriorityMessage;
    this.wake(Poll.OUT | Poll.WRNORM);
    return message;
  }
}

/** How long a queue is as a file, whatever is in it (FILENT_SIZE). */
const FILE_BYTES = 80;

/** As a file it tells how full the queue is, and has a position. */
export class OpenQueue implements Seekable {
  readonly queue: PosixQueue;
  readonly accessMode: number;
  position = 0;

  constructor(queue: PosixQueue, accessMode: number) {
    this.queue = queue;
    this.accessMode = accessMode;
  }

  get size(): number {
    return this.queue.fileBytes;
  }

  get waiters(): WaitQueue {
    return this.queue;
  }

  read(to: Uint8Array, at: number, length: number): number {
    const n = this.readAt(this.position, to, at, length);
    this.position += n;
    return n;
  }

  /** Nobody is notified of anything here. */
  readAt(offset: number, to: Uint8Array, at: number, length: number): number {
    const size = this.queue.messages.reduce((sum, { text }) => sum + text.length, 0);
    const line = `QSIZE:${String(size).padEnd(10)} NOTIFY:${'0'.padEnd(5)} SIGNO:${'0'.padEnd(5)} NOTIFY_PID:${'0'.padEnd(6)}\n`;
    const bytes = new TextEncoder().encode(line).subarray(offset, offset + length);
    to.set(bytes, at);
    return bytes.length;
  }

  write(): number {
    return -Errno.EINVAL;
  }

  writeAt(): number {
    return -Errno.EINVAL;
  }

  readiness(): number {
    const { messages, isFull } = this.queue;
    return (messages.length > 0 ? Poll.IN | Poll.RDNORM : 0) | (isFull ? 0 : Poll.OUT | Poll.WRNORM);
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? Math.max(0, this.size - this.position) : -Errno.ENOTTY;
  }

  release(): void {}
}

abstract class QueueTransfer extends Operation {
  protected opened: OpenQueue | null = null;
  private timeoutUs = Infinity;

  constructor(process: KernelProcess) {
    super(process);
    this.exclusive = true;
  }

  protected prepareOn(file: OpenFile, timeoutUs: number): void {
    this.file = file;
    this.opened = file.operations as OpenQueue;
    this.timeoutUs = timeoutUs;
    this.mayBlock = !file.nonBlocking;
  }

  protected waitFor(): number {
    return this.timeoutUs;
  }

  protected timeoutResult(): number {
    return -Errno.ETIMEDOUT;
  }
}

/** mq_timedsend(3). */
export class QueueSendOperation extends QueueTransfer {
  private message: PriorityMessage = { priority: 0, text: new Uint8Array(0) };

  prepare(file: OpenFile, text: Uint8Array, priority: number, timeoutUs: number): void {
    this.prepareOn(file, timeoutUs);
    this.message = { priority, text: text.slice() };
  }

  protected step(): number {
    const { queue } = this.opened as OpenQueue;
    if (queue.isFull) return -Errno.EAGAIN;
    queue.push(this.message);
    return 0;
  }

  protected override waitFor(): number {
    this.events = Poll.OUT;
    return super.waitFor();
  }
}

/** mq_timedreceive(3). */
export class QueueReceiveOperation extends QueueTransfer {
  /** What came, after a result >= 0. */
  received: PriorityMessage = { priority: 0, text: new Uint8Array(0) };

  prepare(file: OpenFile, timeoutUs: number): void {
    this.prepareOn(file, timeoutUs);
  }

  protected step(): number {
    const { queue } = this.opened as OpenQueue;
    if (queue.messages.length === 0) return -Errno.EAGAIN;
    this.received = queue.shift();
    return this.received.text.length;
  }

  protected override waitFor(): number {
    this.events = Poll.IN;
    return super.waitFor();
  }
}
