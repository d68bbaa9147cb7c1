/** POSIX message queues: mq_open, mq_unlink, mq_timedsend, mq_timedreceive, mq_getsetattr. */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { O } from '../../socket/constants.ts';
import {
  MQ_HARD_MSG_MAX, MQ_HARD_MSGSIZE_MAX, MQ_MSG_MAX, MQ_MSGSIZE_MAX, MQ_PRIO_MAX, MQ_QUEUES_MAX, OpenQueue, PosixQueue,
  type QueueAttributes, queueBytes, type QueueReceiveOperation, type QueueSendOperation,
} from '../ipc/posix-queue.ts';
import { owns } from '../fs/inode.ts';
import { OpenFile } from '../open-file.ts';
import { SIGEV, type SignalEvent } from '../posix-timers.ts';
import type { KernelProcess } from '../process.ts';
import { Resource } from '../resource-limits.ts';
import { LAST_SIGNAL } from '../signal-numbers.ts';
import { waitUs } from '../times.ts';
import { begin, end } from './edges.ts';

const NAME_MAX = 255;

/** A queue's name without the slash it begins with, or why it is none (mq_overview(7)). */
function nameOf(name: string): string | number {
  if (!name.startsWith('/')) return -Errno.EINVAL;
  if (name === '/') return -Errno.ENOENT;
  if (name.indexOf('/', 1) >= 0) return -Errno.EACCES;
  return name.length - 1 > NAME_MAX ? -Errno.ENAMETOOLONG : name.slice(1);
}

/** May somebody open a queue so? 0 or -EACCES. */
function permits(queue: PosixQueue, process: KernelProcess, accessMode: number): number {
  const who = process.credentials;
  const wanted = [4, 2, 6][accessMode] as number;
  let granted = queue.mode;
  if (who.fsuid === queue.uid) granted >>= 6;
  else if (who.fsgid === queue.gid || who.groups.includes(queue.gid)) granted >>= 3;
  return (wanted & ~granted & 7) !== 0 && !who.has(Capability.DAC_OVERRIDE) ? -Errno.EACCES : 0;
}

/** mq_open(3). */
export function mqOpen(
  process: KernelProcess, path: string, flags: number, mode: number, attributes: { maxMessages: number; messageSize: number } | null,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const name = nameOf(path);
  if (typeof name === 'number') return name;
  const accessMode = flags & O.ACCMODE;
  if (accessMode === O.ACCMODE) return -Errno.EINVAL;
  const fd = process.descriptors.reserve();
  if (fd < 0) return fd;
  const { fileTable } = process.kernel;
  const refused = fileTable.refusal(process.credentials, 1, 0);
  const queue = refused < 0 ? refused : findOrMake(process, name, flags, mode, accessMode, attributes);
  if (typeof queue === 'number') {
    process.descriptors.giveBack(fd);
    return queue;
  }
  const file = new OpenFile(new OpenQueue(queue, accessMode), fileTable);
  file.nonBlocking = (flags & O.NONBLOCK) !== 0;
  file.found = { directory: null, name };
  // A queue's descriptor is always closed on exec (do_mq_open).
  process.descriptors.fill(fd, file, true);
  return fd;
}

function findOrMake(
  process: KernelProcess, name: string, flags: number, mode: number, accessMode: number,
  attributes: { maxMessages: number; messageSize: number } | null,
): PosixQueue | number {
  const { posixQueues } = process.kernel.ipc;
  const known = posixQueues.get(name);
  if (known !== undefined) {
    if ((flags & O.CREAT) !== 0 && (flags & O.EXCL) !== 0) return -Errno.EEXIST;
    const denied = permits(known, process, accessMode);
    return denied < 0 ? denied : known;
  }
  if ((flags & O.CREAT) === 0) return -Errno.ENOENT;
  const privileged = process.credentials.has(Capability.SYS_RESOURCE);
  const { maxMessages, messageSize } = attributes ?? { maxMessages: MQ_MSG_MAX, messageSize: MQ_MSGSIZE_MAX };
  if (!(maxMessages > 0 && maxMessages <= (privileged ? MQ_HARD_MSG_MAX : MQ_MSG_MAX))) return -Errno.EINVAL;
  if (!(messageSize > 0 && messageSize <= (privileged ? MQ_HARD_MSGSIZE_MAX : MQ_MSGSIZE_MAX))) return -Errno.EINVAL;
  if (posixQueues.size >= MQ_QUEUES_MAX && !privileged) return -Errno.ENOSPC;
  const { credentials, kernel, limits } = process;
  const user = credentials.uid;
  const bytes = queueBytes(maxMessages, messageSize);
  if (kernel.queueBytes.of(user) + bytes > limits.get(Resource.MSGQUEUE).soft) return -Errno.EMFILE;
  if (kernel.memory.lacks(bytes)) return -Errno.ENOMEM;
  kernel.queueBytes.add(user, bytes);
  const queue = new PosixQueue(mode & ~process.files.umask, credentials, maxMessages, messageSize, () => {
    kernel.queueBytes.add(user, -bytes);
  });
  queue.inodeNumber = kernel.takeInodeNumber();
  posixQueues.set(name, queue);
  return queue;
}

/** mq_unlink(3): the name goes at once, the queue with its last descriptor. */
export function mqUnlink(process: KernelProcess, path: string): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const name = nameOf(path);
  if (typeof name === 'number') return name;
  const { posixQueues } = process.kernel.ipc;
  const queue = posixQueues.get(name);
  if (queue === undefined) return -Errno.ENOENT;
  // The directory is root's and sticky (mqueue_fill_super); glibc makes EACCES of it.
  if (!owns(queue, process.credentials)) return -Errno.EPERM;
  posixQueues.delete(name);
  queue.links = 0;
  queue.letGo();
  return 0;
}

/** mq_notify(3): a signal for the next message that comes to the empty queue; null is none any more. */
export function mqNotify(process: KernelProcess, fd: number, event: SignalEvent | null): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  if (event !== null) {
    // SIGEV_THREAD is the C library's, which asks for SIGEV_NONE's kin with a socket of its own.
    if (event.notify !== SIGEV.NONE && event.notify !== SIGEV.SIGNAL) return -Errno.EINVAL;
    if (event.notify === SIGEV.SIGNAL && (event.signo < 0 || event.signo > LAST_SIGNAL)) return -Errno.EINVAL;
  }
  const file = queueAt(process, fd, -1);
  if (typeof file === 'number') return file;
  const { queue } = file.operations as OpenQueue;
  if (event === null) {
    if (queue.notification?.process === process) queue.notification = null;
    return 0;
  }
  if (queue.notification !== null) return -Errno.EBUSY;
  queue.notification = { process, event };
  return 0;
}

function queueAt(process: KernelProcess, fd: number, forbidden: number): OpenFile | number {
  const file = process.descriptors.file(fd);
  if (file === null || !(file.operations instanceof OpenQueue) || file.operations.accessMode === forbidden) return -Errno.EBADF;
  return file;
}

/** Prepares mq_timedsend(3). */
export function prepareQueueSend(
  process: KernelProcess, operation: QueueSendOperation, fd: number, text: Uint8Array, priority: number, timeoutUs: number,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const waits = waitUs(timeoutUs);
  if (!(priority >= 0 && priority < MQ_PRIO_MAX) || waits < 0) return -Errno.EINVAL;
  const file = queueAt(process, fd, O.RDONLY);
  if (typeof file === 'number') return file;
  if (text.length > (file.operations as OpenQueue).queue.messageSize) return -Errno.EMSGSIZE;
  operation.prepare(file, text, priority, waits);
  return 0;
}

/** Prepares mq_timedreceive(3); `size` is the room for a message, and must be enough for the largest. */
export function prepareQueueReceive(
  process: KernelProcess, operation: QueueReceiveOperation, fd: number, size: number, timeoutUs: number,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const waits = waitUs(timeoutUs);
  if (waits < 0) return -Errno.EINVAL;
  const file = queueAt(process, fd, O.WRONLY);
  if (typeof file === 'number') return file;
  if (size < (file.operations as OpenQueue).queue.messageSize) return -Errno.EMSGSIZE;
  operation.prepare(file, waits);
  return 0;
}

/** mq_getattr(3). */
export function mqAttributes(process: KernelProcess, fd: number): QueueAttributes | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const file = queueAt(process, fd, -1);
  if (typeof file === 'number') return file;
  const { maxMessages, messageSize, count } = (file.operations as OpenQueue).queue;
  return { flags: file.nonBlocking ? O.NONBLOCK : 0, maxMessages, messageSize, currentMessages: count };
}

/** mq_setattr(3): only O_NONBLOCK can be set; the attributes before. */
export function setMqAttributes(process: KernelProcess, fd: number, flags: number): QueueAttributes | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  if ((flags & ~O.NONBLOCK) !== 0) return -Errno.EINVAL;
  const before = mqAttributes(process, fd);
  if (typeof before === 'number') return before;
  (process.descriptors.file(fd) as OpenFile).nonBlocking = (flags & O.NONBLOCK) !== 0;
  end(process, 0);
  return before;
}
