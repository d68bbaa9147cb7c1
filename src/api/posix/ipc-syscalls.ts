/** System V IPC and POSIX message queues: the part of `Syscalls` that has keys, identifiers and names of its own. */
import type { IpcChange, MessageQueueStatus, SemaphoreSetStatus, SharedSegmentStatus } from '../../kernel/calls/ipc.ts';
import type { QueuedMessage } from '../../kernel/ipc/message-queue.ts';
import type { PriorityMessage, QueueAttributes } from '../../kernel/ipc/posix-queue.ts';
import type { SemaphoreOperation } from '../../kernel/ipc/semaphores.ts';
import type { Sigevent } from './signal-syscalls.ts';

export type {
  IpcChange, MessageQueueStatus, PriorityMessage, QueueAttributes, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus,
  SharedSegmentStatus,
};

export interface IpcSyscalls {
  /** msgget(2): resolves to an identifier. `flags`: IPC_CREAT, IPC_EXCL and a mode. Errors: EEXIST, ENOENT, EACCES, ENOSPC. */
  msgget(key: number, flags: number): Promise<number>;
  /** msgsnd(2): waits while the queue is full. Errors: EINVAL, EAGAIN (IPC_NOWAIT), EACCES, EIDRM, EINTR. */
  msgsnd(id: number, type: number, text: Uint8Array, flags: number): Promise<void>;
  /**
   * msgrcv(2): the next message (`type` 0), the next of a type, or the next of the lowest type up to `-type`. `flags`:
   * MSG_NOERROR, MSG_EXCEPT, MSG_COPY, IPC_NOWAIT. Errors: ENOMSG, E2BIG, EINVAL, EACCES, EIDRM, EINTR.
   */
  msgrcv(id: number, size: number, type: number, flags: number): Promise<QueuedMessage>;
  /** msgctl(2): IPC_STAT resolves to the status; IPC_SET takes a change, IPC_RMID nothing, and both resolve to null. */
  msgctl(id: number, command: number, change?: IpcChange & { mostBytes: number }): Promise<MessageQueueStatus | null>;
  /** semget(2): resolves to an identifier. Errors: EEXIST, ENOENT, EINVAL, EACCES, ENOSPC. */
  semget(key: number, count: number, flags: number): Promise<number>;
  /**
   * semtimedop(2), which is semop(2) without a time: all of the operations, or a wait. Infinity waits for ever.
   *
   * Errors: EAGAIN (IPC_NOWAIT, the time is over), EFBIG, ERANGE, E2BIG, EINVAL, EACCES, EIDRM, EINTR.
   */
  semop(id: number, operations: readonly SemaphoreOperation[], timeoutUs?: number): Promise<void>;
  /**
   * semctl(2): GETVAL, GETPID, GETNCNT, GETZCNT resolve to a number, GETALL to all values, IPC_STAT to the status; SETVAL takes
   * a number, SETALL numbers, IPC_SET a change, IPC_RMID nothing, and these resolve to 0.
   */
  semctl(
    id: number, num: number, command: number, argument?: number | readonly number[] | IpcChange,
  ): Promise<number | number[] | SemaphoreSetStatus>;
  /** shmget(2): resolves to an identifier. Errors: EEXIST, ENOENT, EINVAL, EACCES, ENOSPC. */
  shmget(key: number, size: number, flags: number): Promise<number>;
  /** shmat(2): resolves to the segment's bytes, shared with whoever attaches it. `flags`: SHM_RDONLY. Errors: EINVAL, EACCES. */
  shmat(id: number, flags: number): Promise<Uint8Array>;
  /** shmdt(2): takes what shmat gave. Errors: EINVAL. */
  shmdt(view: Uint8Array): Promise<void>;
  /** shmctl(2): IPC_STAT resolves to the status; IPC_SET takes a change, IPC_RMID nothing, and both resolve to null. */
  shmctl(id: number, command: number, change?: IpcChange): Promise<SharedSegmentStatus | null>;
  /**
   * mq_open(3): resolves to a descriptor, which poll and epoll take too. `flags`: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT,
   * O_EXCL, O_NONBLOCK. Errors: ENOENT, EEXIST, EACCES, EINVAL, ENAMETOOLONG, ENOSPC, EMFILE.
   */
  mq_open(
    name: string, flags: number, mode?: number, attributes?: { maxMessages: number; messageSize: number } | null,
  ): Promise<number>;
  /** mq_timedsend(3); Infinity, the default, waits for ever. Errors: EAGAIN, EMSGSIZE, EBADF, EINVAL, ETIMEDOUT, EINTR. */
  mq_send(fd: number, text: Uint8Array, priority: number, timeoutUs?: number): Promise<void>;
  /**
   * mq_timedreceive(3): the oldest message of the highest priority. `size`: room for the largest there may be.
   *
   * Errors: EAGAIN, EMSGSIZE, EBADF, ETIMEDOUT, EINTR.
   */
  mq_receive(fd: number, size: number, timeoutUs?: number): Promise<PriorityMessage>;
  /**
   * mq_notify(3): `event`'s signal for the next message that comes to the empty queue while nobody waits for it, once; null
   * takes that back, and so does any close of the queue. One process at a time. Errors: EBUSY, EINVAL, EBADF.
   */
  mq_notify(fd: number, event: Sigevent | null): Promise<void>;
  /** mq_getattr(3). Errors: EBADF. */
  mq_getattr(fd: number): Promise<QueueAttributes>;
  /** mq_setattr(3): `flags` O_NONBLOCK or 0; resolves to the attributes before. Errors: EBADF, EINVAL. */
  mq_setattr(fd: number, flags: number): Promise<QueueAttributes>;
  /** mq_unlink(3): the name goes at once, the queue with its last descriptor. Errors: ENOENT, EINVAL, EACCES. */
  mq_unlink(name: string): Promise<void>;
}
