/** POSIX message queues (mq_overview(7)): named queues of messages with priorities, behind descriptors. */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { type Seekable, seekTo } from '../fs/regular-file.ts';
import { IOCTL } from '../../socket/constants.ts';
import type { OpenFile } from '../open-file.ts';
import { Operation } from '../operation.ts';
import { SIGEV, type SignalEvent } from '../posix-timers.ts';
import type { KernelProcess } from '../process.ts';
import { SignalInfo } from '../signal-info.ts';
import { SignalCode } from '../signal-numbers.ts';

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

/** mq_notify's: one for a queue. */
export interface Notification {
  readonly process: KernelProcess;
  readonly event: SignalEvent;
}

/** sizeof(struct msg_msg), and of the node for each priority that there may be (mqueue_get_inode). */
const MESSAGE_OVERHEAD = 48, PRIORITY_OVERHEAD = 48;

/** What a queue counts for RLIMIT_MSGQUEUE, filled or not. */
export function queueBytes(maxMessages: number, messageSize: number): number {
  return maxMessages * (MESSAGE_OVERHEAD + messageSize) + Math.min(maxMessages, MQ_PRIO_MAX) * PRIORITY_OVERHEAD;
}

export class PosixQueue extends WaitQueue {
  inodeNumber = 0;
  mode: number;
  /** Its name; none once it has been unlinked. */
  links = 1;
  /** What fstat(2) shows; ftruncate(2) changes it, and nothing else. */
  fileBytes: number = FILE_BYTES;
  uid: number;
  gid: number;
  readonly maxMessages: number;
  readonly messageSize: number;
  private readonly heap: QueuedMessage[] = [];
  private nextSeq = 0;
  /** Bytes of all messages. */
  bytes = 0;
  /** Who is told of a message that comes to an empty queue (mq_notify). */
  notification: Notification | null = null;
  /** Its name and its descriptions: without either its bytes are free (mqueue_evict_inode). */
  private holders = 1;
  private readonly onGone: () => void;

  /** `onGone` is called when neither a name nor a description is left. */
  constructor(mode: number, owner: Credentials, maxMessages: number, messageSize: number, onGone: () => void) {
    super();
    this.onGone = onGone;
    this.mode = mode & 0o777;
    this.uid = owner.fsuid;
    this.gid = owner.fsgid;
    this.maxMessages = maxMessages;
    this.messageSize = messageSize;
  }

  get isFull(): boolean {
    return this.heap.length >= this.maxMessages;
  }

  get count(): number {
    return this.heap.length;
  }

  hold(): void {
    this.holders++;
  }

  letGo(): void {
    if (--this.holders === 0) this.onGone();
  }

  /** `sender` is told to whom a notification goes. A receiver that waits takes the message, and nobody is notified. */
  push(message: PriorityMessage, sender: KernelProcess): void {
    const wasEmpty = this.heap.length === 0;
    this.insert({ priority: message.priority, text: message.text, seq: this.nextSeq++ });
    this.bytes += message.text.length;
    let isAwaited = false;
    if (wasEmpty && this.notification !== null) {
      this.each((waiter) => {
        if (waiter instanceof QueueReceiveOperation) isAwaited = true;
      });
    }
    this.wake(Poll.IN | Poll.RDNORM);
    if (wasEmpty && !isAwaited) this.notify(sender);
  }

  /** __do_notify: once. */
  private notify(sender: KernelProcess): void {
    const { notification } = this;
    if (notification === null) return;
    this.notification = null;
    const { process, event } = notification;
    if (event.notify !== SIGEV.SIGNAL || event.signo === 0) return;
    const info = SignalInfo.from(sender, event.signo, SignalCode.MESGQ);
    info.value = event.value;
    process.signals.send(info, process === sender);
  }

  /** The next one to be received: by priority, then by age. */
  shift(): PriorityMessage {
    const { heap } = this;
    const message = heap[0] as QueuedMessage;
    const last = heap.pop() as QueuedMessage;
    if (heap.length > 0) this.sink(last);
    this.bytes -= message.text.length;
    this.wake(Poll.OUT | Poll.WRNORM);
    return message;
  }

  private insert(message: QueuedMessage): void {
    const { heap } = this;
    let at = heap.push(message) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as QueuedMessage;
      if (!goesBefore(message, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = message;
  }

  /** `message` takes the place of the first, and goes down to its own. */
  private sink(message: QueuedMessage): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && goesBefore(heap[child + 1] as QueuedMessage, heap[child] as QueuedMessage)) child++;
      if (!goesBefore(heap[child] as QueuedMessage, message)) break;
      heap[at] = heap[child] as QueuedMessage;
      at = child;
    }
    heap[at] = message;
  }
}

interface QueuedMessage extends PriorityMessage {
  readonly seq: number;
}

function goesBefore(a: QueuedMessage, b: QueuedMessage): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.seq < b.seq);
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
    queue.hold();
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

  /** How full it is, and who is notified how. */
  readAt(offset: number, to: Uint8Array, at: number, length: number): number {
    const { bytes: size, notification } = this.queue;
    const { notify, signo } = notification?.event ?? { notify: 0, signo: 0 };
    const field = (value: number, width: number): string => String(value).padEnd(width);
    const line = `QSIZE:${field(size, 10)} NOTIFY:${field(notify, 5)} SIGNO:${field(notify === SIGEV.SIGNAL ? signo : 0, 5)} ` +
      `NOTIFY_PID:${field(notification?.process.pid ?? 0, 6)}\n`;
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

  seek(offset: number, whence: number): number {
    return seekTo(this, offset, whence);
  }

  /** What stat(2) shows: the messages stay. */
  truncate(length: number): void {
    this.queue.fileBytes = length;
  }

  readiness(): number {
    const { count, isFull } = this.queue;
    return (count > 0 ? Poll.IN | Poll.RDNORM : 0) | (isFull ? 0 : Poll.OUT | Poll.WRNORM);
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? Math.max(0, this.size - this.position) : -Errno.ENOTTY;
  }

  closedBy(pid: number): void {
    const { queue } = this;
    if (queue.notification !== null && queue.notification.process.pid === pid) queue.notification = null;
  }

  release(): void {
    this.queue.letGo();
  }
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
    queue.push(this.message, this.process);
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
    if (queue.count === 0) return -Errno.EAGAIN;
    this.received = queue.shift();
    return this.received.text.length;
  }

  protected override waitFor(): number {
    this.events = Poll.IN;
    return super.waitFor();
  }
}
