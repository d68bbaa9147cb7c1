/** System V IPC: the part of `Syscalls` that has keys and identifiers. */
import type { IpcChange, MessageQueueStatus, SemaphoreSetStatus, SharedSegmentStatus } from '../../kernel/calls/ipc.ts';
import type { QueuedMessage } from '../../kernel/ipc/message-queue.ts';
import type { SemaphoreOperation } from '../../kernel/ipc/semaphores.ts';

export type { IpcChange, MessageQueueStatus, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus, SharedSegmentStatus };

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
}
