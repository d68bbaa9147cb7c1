/**
 * System V IPC (message queues, semaphores, shared memory) and POSIX message queues. Where nothing stands over a call,
 * ipc-syscalls.ts says what it does and its errors.
 */
import { Errno } from '../../base/errno.ts';
import * as ipc from '../../kernel/calls/ipc.ts';
import * as queues from '../../kernel/calls/posix-queues.ts';
import { IPC } from '../../kernel/ipc/ipc-object.ts';
import { MessageReceiveOperation, MessageSendOperation, type QueuedMessage } from '../../kernel/ipc/message-queue.ts';
import { type PriorityMessage, type QueueAttributes, QueueReceiveOperation, QueueSendOperation } from '../../kernel/ipc/posix-queue.ts';
import { type SemaphoreOperation, SemaphoreWait } from '../../kernel/ipc/semaphores.ts';
import { PENDING } from '../../kernel/operation.ts';
import { wrongKind } from '../../base/arguments.ts';
import { Call, FAILED } from './call.ts';
import { systemError } from './errors.ts';
import { EventCalls } from './event-calls.ts';
import type { Sigevent } from './signal-syscalls.ts';
import type { IpcChange, IpcSyscalls, MessageQueueStatus, SemaphoreSetStatus, SharedSegmentStatus } from './ipc-syscalls.ts';

const { SEMCTL } = ipc;

export abstract class IpcCalls extends EventCalls implements IpcSyscalls {
  msgget(key: number, flags: number): Promise<number> {
    return this.value(ipc.msgget(this.core, key, flags), 'msgget');
  }

  msgsnd(id: number, type: number, text: Uint8Array, flags: number): Promise<void> {
    const operation = new MessageSendOperation(this.core);
    const bad = ipc.prepareMessageSend(this.core, operation, id, type, text, flags);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, 'msgsnd');
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<MessageSendOperation, void>(operation, finish).pending('msgsnd');
  }

  msgrcv(id: number, size: number, type: number, flags: number): Promise<QueuedMessage> {
    const operation = new MessageReceiveOperation(this.core);
    const bad = ipc.prepareMessageReceive(this.core, operation, id, size, type, flags);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.outcome<QueuedMessage>(result < 0 ? systemError(result, 'msgrcv') : operation.received);
    const finish = (): QueuedMessage | typeof FAILED => (operation.result < 0 ? FAILED : operation.received);
    return new Call<MessageReceiveOperation, QueuedMessage>(operation, finish).pending('msgrcv');
  }

  /** msgctl(2): IPC_STAT, IPC_SET, IPC_RMID. */
  msgctl(id: number, command: number, change?: IpcChange & { mostBytes: number }): Promise<MessageQueueStatus | null> {
    let result: MessageQueueStatus | number = -Errno.EINVAL;
    if (command === IPC.STAT) result = ipc.messageQueueStatus(this.core, id);
    else if (command === IPC.SET) result = change === undefined ? -Errno.EFAULT : ipc.setMessageQueue(this.core, id, change);
    else if (command === IPC.RMID) result = ipc.removeMessageQueue(this.core, id);
    return this.status(result, 'msgctl');
  }

  semget(key: number, count: number, flags: number): Promise<number> {
    return this.value(ipc.semget(this.core, key, count, flags), 'semget');
  }

  semop(id: number, operations: readonly SemaphoreOperation[], timeoutUs = Infinity): Promise<void> {
    const operation = new SemaphoreWait(this.core);
    const bad = ipc.prepareSemaphoreWait(this.core, operation, id, operations, timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, 'semtimedop');
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<SemaphoreWait, void>(operation, finish).pending('semtimedop');
  }

  /** semctl(2): GETVAL, SETVAL, GETALL, SETALL, GETPID, GETNCNT, GETZCNT, IPC_STAT, IPC_SET, IPC_RMID. */
  semctl(
    id: number, num: number, command: number, argument?: number | readonly number[] | IpcChange,
  ): Promise<number | number[] | SemaphoreSetStatus> {
    const { core } = this;
    // Lists and structures are copies by now (signatures.ts); which of them it must be depends on the command.
    if (command === IPC.SET && (typeof argument !== 'object' || Array.isArray(argument))) return Promise.reject(wrongKind('semctl: argument', '{ uid, gid, mode }', argument));
    if (command === SEMCTL.SETALL && !Array.isArray(argument)) return Promise.reject(wrongKind('semctl: argument', 'an array of numbers', argument));
    if (command === SEMCTL.SETVAL && typeof argument === 'object') return Promise.reject(wrongKind('semctl: argument', 'a number', argument));
    switch (command) {
      case IPC.STAT: return this.made<number | number[] | SemaphoreSetStatus>(ipc.semaphoreStatus(core, id), 'semctl');
      case IPC.SET: return this.value(ipc.changeSemaphores(core, id, argument as IpcChange), 'semctl');
      case IPC.RMID: return this.value(ipc.removeSemaphores(core, id), 'semctl');
      case SEMCTL.GETALL: return this.made<number | number[] | SemaphoreSetStatus>(ipc.semaphoreValues(core, id), 'semctl');
      case SEMCTL.SETALL: return this.value(ipc.setSemaphores(core, id, argument as readonly number[]), 'semctl');
      default: return this.value(ipc.semaphoreControl(core, id, num, command, Number(argument ?? 0)), 'semctl');
    }
  }

  shmget(key: number, size: number, flags: number): Promise<number> {
    return this.value(ipc.shmget(this.core, key, size, flags), 'shmget');
  }

  shmat(id: number, flags: number): Promise<Uint8Array> {
    return this.bytes(ipc.shmat(this.core, id, flags), 'shmat');
  }

  shmdt(view: Uint8Array): Promise<void> {
    return this.done(ipc.shmdt(this.core, view), 'shmdt');
  }

  /** shmctl(2): IPC_STAT, IPC_SET, IPC_RMID. */
  shmctl(id: number, command: number, change?: IpcChange): Promise<SharedSegmentStatus | null> {
    let result: SharedSegmentStatus | number = -Errno.EINVAL;
    if (command === IPC.STAT) result = ipc.segmentStatus(this.core, id);
    else if (command === IPC.SET) result = change === undefined ? -Errno.EFAULT : ipc.changeSegment(this.core, id, change);
    else if (command === IPC.RMID) result = ipc.removeSegment(this.core, id);
    return this.status(result, 'shmctl');
  }

  mq_open(
    name: string, flags: number, mode = 0, attributes: { maxMessages: number; messageSize: number } | null = null,
  ): Promise<number> {
    return this.value(queues.mqOpen(this.core, name, flags, mode, attributes), 'mq_open');
  }

  mq_send(fd: number, text: Uint8Array, priority: number, timeoutUs = Infinity): Promise<void> {
    const operation = new QueueSendOperation(this.core);
    const bad = queues.prepareQueueSend(this.core, operation, fd, text, priority, timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, 'mq_timedsend');
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<QueueSendOperation, void>(operation, finish).pending('mq_timedsend');
  }

  mq_receive(fd: number, size: number, timeoutUs = Infinity): Promise<PriorityMessage> {
    const operation = new QueueReceiveOperation(this.core);
    const bad = queues.prepareQueueReceive(this.core, operation, fd, size, timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    const name = 'mq_timedreceive';
    if (result !== PENDING) return this.outcome<PriorityMessage>(result < 0 ? systemError(result, name) : operation.received);
    const finish = (): PriorityMessage | typeof FAILED => (operation.result < 0 ? FAILED : operation.received);
    return new Call<QueueReceiveOperation, PriorityMessage>(operation, finish).pending(name);
  }

  /** mq_notify(3): a signal for the next message that comes to the empty queue, once; null takes that back. EBUSY, EINVAL, EBADF. */
  mq_notify(fd: number, event: Sigevent | null): Promise<void> {
    return this.done(queues.mqNotify(this.core, fd, event), 'mq_notify');
  }

  mq_getattr(fd: number): Promise<QueueAttributes> {
    return this.made(queues.mqAttributes(this.core, fd), 'mq_getsetattr');
  }

  mq_setattr(fd: number, flags: number): Promise<QueueAttributes> {
    return this.made(queues.setMqAttributes(this.core, fd, flags), 'mq_getsetattr');
  }

  mq_unlink(name: string): Promise<void> {
    return this.done(queues.mqUnlink(this.core, name), 'mq_unlink');
  }

  /** A status, null for a call that only did something, or its error. */
  private status<T>(result: T | number, name: string): Promise<T | null> {
    return this.outcome<T | null>(typeof result !== 'number' ? result : result < 0 ? systemError(result, name) : null);
  }
}
