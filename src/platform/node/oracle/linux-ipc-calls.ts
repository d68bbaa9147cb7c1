/** System V objects and POSIX message queues, on the Linux side. */
import type {
  IpcChange, MessageQueueStatus, PriorityMessage, QueueAttributes, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus,
  SharedSegmentStatus,
} from '../../../api/posix/ipc-syscalls.ts';
import type { Sigevent } from '../../../api/posix/signal-syscalls.ts';
import { Errno } from '../../../base/errno.ts';
import { SEMCTL } from '../../../kernel/calls/ipc.ts';
import { IPC, type IpcPermissions } from '../../../kernel/ipc/ipc-object.ts';
import { bufferOf, failed, Operation } from './agent-calls.ts';
import { LinuxFileCalls } from './linux-file-calls.ts';
import { pathBytes } from './linux-file-state-calls.ts';
import { eventBytes } from './linux-signal-calls.ts';
import { timespecs } from './linux-waiting-calls.ts';

const LONG_BYTES = 8;
/** The largest of struct msqid64_ds, semid64_ds and shmid64_ds. */
const IPC_DS_BYTES = 120;

export abstract class LinuxIpcCalls extends LinuxFileCalls {
  /** Where the kernel has attached what each view is a copy of. */
  private readonly attached = new Map<Uint8Array, bigint>();

  msgget(key: number, flags: number): Promise<number> {
    return this.syscall('msgget', key, flags);
  }

  async msgsnd(id: number, type: number, text: Uint8Array, flags: number): Promise<void> {
    await this.syscall('msgsnd', id, messageBytes(type, text), text.length, flags);
  }

  async msgrcv(id: number, size: number, type: number, flags: number): Promise<QueuedMessage> {
    const buffer = new Uint8Array(LONG_BYTES + Math.max(size, 0));
    const length = await this.syscall('msgrcv', id, buffer, size, type, flags);
    return { type: Number(new DataView(buffer.buffer).getBigInt64(0, true)), text: buffer.slice(LONG_BYTES, LONG_BYTES + length) };
  }

  async msgctl(id: number, command: number, change?: IpcChange & { mostBytes: number }): Promise<MessageQueueStatus | null> {
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (change !== undefined) {
      writeChange(view, change);
      view.setBigInt64(88, BigInt(change.mostBytes), true);
    }
    await this.syscall('msgctl', id, command, ds);
    if (command !== IPC.STAT) return null;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return {
      ...readPermissions(view), sentUs: long(48) * 1e6, receivedUs: long(56) * 1e6, changedUs: long(64) * 1e6, bytes: long(72),
      messages: long(80), mostBytes: long(88), lastSender: view.getInt32(96, true), lastReceiver: view.getInt32(100, true),
    };
  }

  semget(key: number, count: number, flags: number): Promise<number> {
    return this.syscall('semget', key, count, flags);
  }

  async semop(id: number, operations: readonly SemaphoreOperation[], timeoutUs = Infinity): Promise<void> {
    const words = operations.flatMap(({ num, op, flg }) => [num, op, flg]);
    const bytes = new Uint8Array(Int16Array.from(words).buffer);
    await this.syscall('semtimedop', id, bytes, operations.length, timeoutUs === Infinity ? null : timespecs(timeoutUs));
  }

  async semctl(
    id: number, num: number, command: number, argument?: number | readonly number[] | IpcChange,
  ): Promise<number | number[] | SemaphoreSetStatus> {
    if (command === SEMCTL.GETALL || command === SEMCTL.SETALL) {
      const given = Array.isArray(argument) ? (argument as number[]) : [];
      // As many as the set may have: the kernel knows how many it takes.
      const values = new Uint16Array(command === SEMCTL.SETALL ? given : new Array(256).fill(0));
      const bytes = new Uint8Array(values.buffer);
      const { count } = command === SEMCTL.GETALL ? ((await this.semctl(id, 0, IPC.STAT)) as SemaphoreSetStatus) : { count: 0 };
      const result = await this.syscall('semctl', id, num, command, bytes);
      return command === SEMCTL.GETALL ? [...values.subarray(0, count)] : result;
    }
    if (command !== IPC.STAT && command !== IPC.SET) return this.syscall('semctl', id, num, command, Number(argument ?? 0));
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (command === IPC.SET) writeChange(view, argument as IpcChange);
    const result = await this.syscall('semctl', id, num, command, ds);
    if (command === IPC.SET) return result;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return { ...readPermissions(view), operatedUs: long(48) * 1e6, changedUs: long(64) * 1e6, count: long(80) };
  }

  shmget(key: number, size: number, flags: number): Promise<number> {
    return this.syscall('shmget', key, size, flags);
  }

  /** A copy of the segment: `load` and `store` move bytes between it and the segment itself. */
  async shmat(id: number, flags: number): Promise<Uint8Array> {
    const { size } = (await this.shmctl(id, IPC.STAT).catch(() => ({ size: 0 }))) as { size: number };
    const answer = await this.call('shmat', id, flags, size);
    const view = bufferOf(answer, 0);
    this.attached.set(view, new DataView(bufferOf(answer, 1).buffer).getBigInt64(0, true));
    return view;
  }

  async shmdt(view: Uint8Array): Promise<void> {
    await this.syscall('shmdt', this.attached.get(view) ?? 1n);
    this.attached.delete(view);
  }

  async shmctl(id: number, command: number, change?: IpcChange): Promise<SharedSegmentStatus | null> {
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (change !== undefined) writeChange(view, change);
    await this.syscall('shmctl', id, command, ds);
    if (command !== IPC.STAT) return null;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return {
      ...readPermissions(view), size: long(48), attachedUs: long(56) * 1e6, detachedUs: long(64) * 1e6, changedUs: long(72) * 1e6,
      creator: view.getInt32(80, true), lastUser: view.getInt32(84, true), attached: long(88),
    };
  }

  /** Makes an attached segment's bytes those of the view that shmat gave. */
  async store(view: Uint8Array): Promise<void> {
    await this.agent.request(Operation.store, 0, 0, 0, 0, [this.addressOf(view), view]);
  }

  /** And the other way round. */
  async load(view: Uint8Array): Promise<void> {
    view.set(bufferOf(await this.agent.request(Operation.load, view.length, 0, 0, 0, [this.addressOf(view)]), 0));
  }

  private addressOf(view: Uint8Array): Uint8Array {
    return new Uint8Array(BigInt64Array.of(this.attached.get(view) ?? 0n).buffer);
  }

  mq_open(
    name: string, flags: number, mode = 0, attributes: { maxMessages: number; messageSize: number } | null = null,
  ): Promise<number> {
    // The C library looks at the name's first letter, the kernel at the rest.
    if (!name.startsWith('/')) return Promise.reject(failed('mq_open', -Errno.EINVAL));
    const given = attributes === null ? null : longs(0, attributes.maxMessages, attributes.messageSize, 0, 0, 0, 0, 0);
    return this.syscall('mq_open', pathBytes(name.slice(1)), flags, mode, given);
  }

  async mq_send(fd: number, text: Uint8Array, priority: number, timeoutUs = Infinity): Promise<void> {
    await this.syscall('mq_timedsend', fd, text, text.length, priority, deadline(timeoutUs));
  }

  async mq_receive(fd: number, size: number, timeoutUs = Infinity): Promise<PriorityMessage> {
    const text = new Uint8Array(Math.max(size, 0));
    const priority = new Uint32Array(1);
    const length = await this.syscall('mq_timedreceive', fd, text, size, new Uint8Array(priority.buffer), deadline(timeoutUs));
    return { priority: priority[0] as number, text: text.slice(0, length) };
  }

  async mq_notify(fd: number, event: Sigevent | null): Promise<void> {
    await this.syscall('mq_notify', fd, event === null ? null : eventBytes(event));
  }

  mq_getattr(fd: number): Promise<QueueAttributes> {
    return this.queueAttributes(fd, null);
  }

  mq_setattr(fd: number, flags: number): Promise<QueueAttributes> {
    return this.queueAttributes(fd, longs(flags, 0, 0, 0, 0, 0, 0, 0));
  }

  private async queueAttributes(fd: number, change: Uint8Array | null): Promise<QueueAttributes> {
    const before = longs(0, 0, 0, 0, 0, 0, 0, 0);
    await this.syscall('mq_getsetattr', fd, change, before);
    const [flags = 0, maxMessages = 0, messageSize = 0, currentMessages = 0] = Array.from(new BigInt64Array(before.buffer), Number);
    return { flags, maxMessages, messageSize, currentMessages };
  }

  async mq_unlink(name: string): Promise<void> {
    if (!name.startsWith('/')) throw failed('mq_unlink', -Errno.EINVAL);
    await this.syscall('mq_unlink', pathBytes(name.slice(1)));
  }
}

/** C's longs, one after the other. */
function longs(...values: number[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
}

/** A time of CLOCK_REALTIME so many microseconds from now; null for never. */
function deadline(timeoutUs: number): Uint8Array | null {
  return timeoutUs === Infinity ? null : timespecs(Date.now() * 1000 + timeoutUs);
}

/** `struct msgbuf`. */
function messageBytes(type: number, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LONG_BYTES + text.length);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(type), true);
  bytes.set(text, LONG_BYTES);
  return bytes;
}

/** `struct ipc64_perm`, which all three begin with. */
function readPermissions(view: DataView): IpcPermissions {
  const [key = 0, uid = 0, gid = 0, cuid = 0, cgid = 0, mode = 0] = Array.from({ length: 6 }, (_, i) => view.getInt32(i * 4, true));
  return { key, uid, gid, cuid, cgid, mode };
}

function writeChange(view: DataView, { uid, gid, mode }: IpcChange): void {
  view.setInt32(4, uid, true);
  view.setInt32(8, gid, true);
  view.setInt32(20, mode, true);
}
