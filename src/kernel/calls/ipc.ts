/** System V IPC: msgget, msgsnd, msgrcv, msgctl, semget, semop, semctl, shmget, shmat, shmdt, shmctl. */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { toInt } from '../int.ts';
import { IPC, type IpcPermissions, READ, WRITE } from '../ipc/ipc-object.ts';
import {
  MessageQueue, type MessageReceiveOperation, type MessageSendOperation, MSG, MSGMAX, MSGMNB,
} from '../ipc/message-queue.ts';
import { type SemaphoreOperation, SemaphoreSet, type SemaphoreWait, SEMMSL, SEMOPM, SEMVMX, setBytes } from '../ipc/semaphores.ts';
import { SHM_DEST, SHM_RDONLY, SharedSegment } from '../ipc/shared-memory.ts';
import type { KernelProcess } from '../process.ts';
import { waitUs } from '../times.ts';
import { begin, end } from './edges.ts';

/** What IPC_SET changes of any of them. */
export type IpcChange = Pick<IpcPermissions, 'uid' | 'gid' | 'mode'>;

/** `struct msqid_ds`, times in microseconds since the epoch. */
export interface MessageQueueStatus extends IpcPermissions {
  bytes: number;
  messages: number;
  mostBytes: number;
  lastSender: number;
  lastReceiver: number;
  sentUs: number;
  receivedUs: number;
  changedUs: number;
}

/** `struct semid_ds`. */
export interface SemaphoreSetStatus extends IpcPermissions {
  count: number;
  operatedUs: number;
  changedUs: number;
}

/** `struct shmid_ds`. */
export interface SharedSegmentStatus extends IpcPermissions {
  size: number;
  attached: number;
  creator: number;
  lastUser: number;
  attachedUs: number;
  detachedUs: number;
  changedUs: number;
}

// Message queues.

export function msgget(process: KernelProcess, key: number, flags: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { ipc, memory, realtimeUs } = process.kernel;
  const make = (id: number): MessageQueue | number => (
    memory.take(Cost.IPC) ? new MessageQueue(id, key | 0, flags, process.credentials, realtimeUs, ipc.messageRoom) : -Errno.ENOMEM
  );
  return ipc.queues.obtain(key | 0, flags, process.credentials, () => 0, make);
}

/** Prepares msgsnd(2). */
export function prepareMessageSend(
  process: KernelProcess, operation: MessageSendOperation, id: number, type: number, text: Uint8Array, flags: number,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  if (!(type >= 1) || text.length > MSGMAX) return -Errno.EINVAL;
  const queue = process.kernel.ipc.queues.get(id);
  if (typeof queue === 'number') return queue;
  if (!queue.fits(text.length)) return -Errno.ENOMEM;
  operation.prepare(queue, type, text, flags);
  return 0;
}

/** Prepares msgrcv(2). */
export function prepareMessageReceive(
  process: KernelProcess, operation: MessageReceiveOperation, id: number, size: number, type: number, flags: number,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  if (!(size >= 0)) return -Errno.EINVAL;
  if ((flags & MSG.COPY) !== 0 && ((flags & MSG.EXCEPT) !== 0 || (flags & IPC.NOWAIT) === 0)) return -Errno.EINVAL;
  const queue = process.kernel.ipc.queues.get(id);
  if (typeof queue === 'number') return queue;
  operation.prepare(queue, size, type, flags);
  return 0;
}

/** msgctl(2) with IPC_STAT. */
export function messageQueueStatus(process: KernelProcess, id: number): MessageQueueStatus | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const queue = process.kernel.ipc.queues.get(id);
  if (typeof queue === 'number') return queue;
  const denied = queue.permits(process.credentials, READ);
  if (denied < 0) return denied;
  const { bytes, mostBytes, lastSender, lastReceiver, sentUs, receivedUs, changedUs } = queue;
  return {
    ...queue.permissions, bytes, messages: queue.messages.length, mostBytes, lastSender, lastReceiver, sentUs, receivedUs, changedUs,
  };
}

/** msgctl(2) with IPC_SET. */
export function setMessageQueue(process: KernelProcess, id: number, change: IpcChange & { mostBytes: number }): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const queue = process.kernel.ipc.queues.get(id);
  if (typeof queue === 'number') return queue;
  const denied = queue.permitsControl(process.credentials);
  if (denied < 0) return denied;
  if (!(change.mostBytes >= 0)) return -Errno.EINVAL;
  if (change.mostBytes > MSGMNB && !process.credentials.has(Capability.SYS_RESOURCE)) return -Errno.EPERM;
  queue.setPermissions(change);
  queue.mostBytes = change.mostBytes;
  queue.changedUs = process.kernel.realtimeUs;
  queue.changed();
  return end(process, 0);
}

/** msgctl(2) with IPC_RMID. */
export function removeMessageQueue(process: KernelProcess, id: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { queues } = process.kernel.ipc;
  const queue = queues.get(id);
  if (typeof queue === 'number') return queue;
  const denied = queue.permitsControl(process.credentials);
  if (denied < 0) return denied;
  queues.drop(queue);
  process.kernel.memory.letGo(Cost.IPC);
  queue.discard();
  queue.destroy();
  return end(process, 0);
}

// Semaphores.

export function semget(process: KernelProcess, key: number, count: number, flags: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { ipc, memory, realtimeUs } = process.kernel;
  if (count < 0 || count > SEMMSL) return -Errno.EINVAL;
  return ipc.semaphores.obtain(
    key | 0, flags, process.credentials, (set) => (count > set.values.length ? -Errno.EINVAL : 0),
    (id) => {
      if (count === 0) return -Errno.EINVAL;
      if (toInt(count) > ipc.semaphoreRoom) return -Errno.ENOSPC;
      if (!memory.take(setBytes(toInt(count)))) return -Errno.ENOMEM;
      ipc.semaphoreRoom -= toInt(count);
      return new SemaphoreSet(id, key | 0, flags, process.credentials, toInt(count), realtimeUs);
    },
  );
}

/** Prepares semop(2) and semtimedop(2). */
export function prepareSemaphoreWait(
  process: KernelProcess, operation: SemaphoreWait, id: number, operations: readonly SemaphoreOperation[], timeoutUs: number,
): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const waits = waitUs(timeoutUs);
  if (operations.length < 1 || id < 0 || waits < 0) return -Errno.EINVAL;
  if (operations.length > SEMOPM) return -Errno.E2BIG;
  const set = process.kernel.ipc.semaphores.get(id);
  if (typeof set === 'number') return set;
  operation.prepare(set, operations, waits);
  return 0;
}

function setAt(process: KernelProcess, id: number, wanted: number): SemaphoreSet | number {
  const set = process.kernel.ipc.semaphores.get(id);
  if (typeof set === 'number') return set;
  const denied = set.permits(process.credentials, wanted);
  return denied < 0 ? denied : set;
}

export const SEMCTL = { GETPID: 11, GETVAL: 12, GETALL: 13, GETNCNT: 14, GETZCNT: 15, SETVAL: 16, SETALL: 17 } as const;

/** semctl(2) with GETVAL, GETPID, GETNCNT, GETZCNT, or SETVAL. */
export function semaphoreControl(process: KernelProcess, id: number, num: number, command: number, value: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  if (command === SEMCTL.SETVAL && (value < 0 || value > SEMVMX)) return -Errno.ERANGE;
  const set = setAt(process, id, command === SEMCTL.SETVAL ? WRITE : READ);
  if (typeof set === 'number') return set;
  if (!(num >= 0 && num < set.values.length)) return -Errno.EINVAL;
  switch (command) {
    case SEMCTL.GETVAL: return set.values[num] as number;
    case SEMCTL.GETPID: return set.pids[num] as number;
    case SEMCTL.GETNCNT: return set.waiting(num, false);
    case SEMCTL.GETZCNT: return set.waiting(num, true);
    case SEMCTL.SETVAL:
      set.set(num, value, process.pid);
      set.changedUs = process.kernel.realtimeUs;
      set.changed();
      return end(process, 0);
    default: return -Errno.EINVAL;
  }
}

/** semctl(2) with GETALL. */
export function semaphoreValues(process: KernelProcess, id: number): number[] | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const set = setAt(process, id, READ);
  return typeof set === 'number' ? set : [...set.values];
}

/** semctl(2) with SETALL: the values of all of them. */
export function setSemaphores(process: KernelProcess, id: number, values: readonly number[]): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const set = setAt(process, id, WRITE);
  if (typeof set === 'number') return set;
  for (let num = 0; num < set.values.length; num++) {
    const value = values[num];
    if (value === undefined) return -Errno.EFAULT;
    if (value < 0 || value > SEMVMX) return -Errno.ERANGE;
  }
  for (let num = 0; num < set.values.length; num++) set.set(num, values[num] as number, process.pid);
  set.changedUs = process.kernel.realtimeUs;
  set.changed();
  return end(process, 0);
}

/** semctl(2) with IPC_STAT. */
export function semaphoreStatus(process: KernelProcess, id: number): SemaphoreSetStatus | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const set = setAt(process, id, READ);
  if (typeof set === 'number') return set;
  return { ...set.permissions, count: set.values.length, operatedUs: set.operatedUs, changedUs: set.changedUs };
}

/** semctl(2) with IPC_SET. */
export function changeSemaphores(process: KernelProcess, id: number, change: IpcChange): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const set = process.kernel.ipc.semaphores.get(id);
  if (typeof set === 'number') return set;
  const denied = set.permitsControl(process.credentials);
  if (denied < 0) return denied;
  set.setPermissions(change);
  set.changedUs = process.kernel.realtimeUs;
  return 0;
}

/** semctl(2) with IPC_RMID. */
export function removeSemaphores(process: KernelProcess, id: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { semaphores } = process.kernel.ipc;
  const set = semaphores.get(id);
  if (typeof set === 'number') return set;
  const denied = set.permitsControl(process.credentials);
  if (denied < 0) return denied;
  semaphores.drop(set);
  process.kernel.ipc.semaphoreRoom += set.values.length;
  process.kernel.ipc.willNotUndo(set);
  process.kernel.memory.letGo(setBytes(set.values.length));
  set.destroy();
  return end(process, 0);
}

// Shared memory.

export function shmget(process: KernelProcess, key: number, size: number, flags: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { fileTable, ipc, memory, realtimeUs } = process.kernel;
  return ipc.segments.obtain(
    key | 0, flags, process.credentials, (segment) => (size > segment.bytes.length ? -Errno.EINVAL : 0),
    (id) => {
      if (!(size >= 1)) return -Errno.EINVAL;
      if (size > ipc.roomBytes) return -Errno.ENOSPC;
      // A segment is a file without a name; its memory comes before that (shmem_kernel_file_setup).
      if (memory.lacks(Math.floor(size))) return -Errno.ENOMEM;
      const refused = fileTable.refusal(process.credentials, 1, Math.floor(size));
      if (refused < 0) return refused;
      memory.hold(Math.floor(size));
      fileTable.opened();
      ipc.roomBytes -= Math.floor(size);
      return new SharedSegment(id, key | 0, flags, process.credentials, Math.floor(size), process.pid, realtimeUs);
    },
  );
}

/** shmat(2): a view of the segment's bytes, or a negative errno. Each call makes a view of its own. */
export function shmat(process: KernelProcess, id: number, flags: number): Uint8Array | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { ipc } = process.kernel;
  const segment = ipc.segments.get(id);
  if (typeof segment === 'number') return segment;
  const denied = segment.permits(process.credentials, (flags & SHM_RDONLY) !== 0 ? READ : READ | WRITE);
  if (denied < 0) return denied;
  const view = segment.bytes.subarray();
  ipc.attach(process, view, segment);
  return view;
}

/** shmdt(2): the view that shmat gave. */
export function shmdt(process: KernelProcess, view: Uint8Array): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  return process.kernel.ipc.detach(process, view) ? 0 : -Errno.EINVAL;
}

/** shmctl(2) with IPC_STAT. */
export function segmentStatus(process: KernelProcess, id: number): SharedSegmentStatus | number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const segment = process.kernel.ipc.segments.get(id);
  if (typeof segment === 'number') return segment;
  const denied = segment.permits(process.credentials, READ);
  if (denied < 0) return denied;
  const { attached, creator, lastUser, attachedUs, detachedUs, changedUs } = segment;
  return {
    ...segment.permissions, size: segment.bytes.length, attached, creator, lastUser, attachedUs, detachedUs, changedUs,
  };
}

/** shmctl(2) with IPC_SET. */
export function changeSegment(process: KernelProcess, id: number, change: IpcChange): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const segment = process.kernel.ipc.segments.get(id);
  if (typeof segment === 'number') return segment;
  const denied = segment.permitsControl(process.credentials);
  if (denied < 0) return denied;
  segment.setPermissions(change);
  segment.changedUs = process.kernel.realtimeUs;
  return 0;
}

/** shmctl(2) with IPC_RMID: the segment goes when nobody has it attached any more. */
export function removeSegment(process: KernelProcess, id: number): number {
  const gone = begin(process);
  if (gone < 0) return gone;
  const { ipc } = process.kernel;
  const segment = ipc.segments.get(id);
  if (typeof segment === 'number') return segment;
  const denied = segment.permitsControl(process.credentials);
  if (denied < 0) return denied;
  segment.removed = true;
  segment.permissions.mode |= SHM_DEST;
  // It can be attached by its identifier still, and found by its key no more (do_shm_rmid).
  ipc.segments.forgetKey(segment);
  segment.permissions.key = IPC.PRIVATE;
  ipc.forgetIfUnused(segment);
  return 0;
}
