/** The recorder's System V IPC. Identifiers are shown as the first, second ... that a program got. */
import type {
  IpcChange, MessageQueueStatus, PriorityMessage, QueueAttributes, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus,
  SharedSegmentStatus,
} from '../../src/api/posix/ipc-syscalls.ts';
import type { Sigevent } from '../../src/api/posix/signal-syscalls.ts';
import type { SpliceSyscalls } from '../../src/api/posix/splice-syscalls.ts';
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { SEMCTL } from '../../src/kernel/calls/ipc.ts';
import * as names from './names.ts';
import { EventRecorder } from './recorder-events.ts';
import { numberText } from './recorder-files.ts';
import { bytesText, fdText } from './recorder.ts';
import { type Described, okText } from './recorder-core.ts';
import type { Entry, Trace } from './trace.ts';

/** All processes of a run share the names of the identifiers. */
const namesOf = new WeakMap<Trace, Map<number, string>>();
const COMMANDS: Readonly<Record<number, string>> = {
  0: 'RMID', 1: 'SET', 2: 'STAT', ...Object.fromEntries(Object.entries(SEMCTL).map(([name, number]) => [number, name])),
};

export class IpcRecorder extends EventRecorder implements Omit<Syscalls, keyof SpliceSyscalls> {
  private idText(id: number): string {
    let known = namesOf.get(this.trace);
    if (known === undefined) {
      known = new Map();
      namesOf.set(this.trace, known);
    }
    return known.get(id) ?? `${id}`;
  }

  private async identifier(call: string, text: string, made: Promise<number>): Promise<number> {
    return this.run(this.ipc(call, text), made, (id) => {
      const known = this.idText(id);
      const all = namesOf.get(this.trace) as Map<number, string>;
      if (known === String(id)) all.set(id, `#${all.size + 1}`);
      return { text: this.idText(id), kind: known === String(id) ? 'new' : 'known', delivers: false };
    });
  }

  private ipc(call: string, text: string, variant = ''): Entry {
    return this.trace.add(`${this.name}.${call}(${text})`, variant === '' ? call : `${call} ${variant}`, 'ipc');
  }

  msgget(key: number, flags: number): Promise<number> {
    return this.identifier('msgget', `${key}, ${flags.toString(8)}`, this.inner.msgget(key, flags));
  }

  msgsnd(id: number, type: number, text: Uint8Array, flags: number): Promise<void> {
    const entry = this.ipc('msgsnd', `${this.idText(id)}, ${type}, ${bytesText(text)}, ${flags.toString(8)}`);
    return this.run(entry, this.inner.msgsnd(id, type, text, flags), okText);
  }

  msgrcv(id: number, size: number, type: number, flags: number): Promise<QueuedMessage> {
    const entry = this.ipc('msgrcv', `${this.idText(id)}, ${size}, ${type}, ${flags.toString(8)}`, flags.toString(8));
    return this.run(entry, this.inner.msgrcv(id, size, type, flags), (message) => ({
      text: `${message.type} ${bytesText(message.text)}`, kind: 'message', delivers: true,
    }));
  }

  msgctl(id: number, command: number, change?: IpcChange & { mostBytes: number }): Promise<MessageQueueStatus | null> {
    return this.run(this.control('msgctl', id, command, change), this.inner.msgctl(id, command, change), (status) => {
      if (status === null) return okText();
      const { bytes, messages, mostBytes, sentUs, receivedUs, lastSender, lastReceiver } = status;
      const times = `sent ${sentUs > 0 && lastSender > 0} received ${receivedUs > 0 && lastReceiver > 0}`;
      return described(`${permissions(status)} ${messages} messages of ${bytes} bytes of ${mostBytes} ${times}`);
    });
  }

  semget(key: number, count: number, flags: number): Promise<number> {
    return this.identifier('semget', `${key}, ${count}, ${flags.toString(8)}`, this.inner.semget(key, count, flags));
  }

  semop(id: number, operations: readonly SemaphoreOperation[], timeoutUs = Infinity): Promise<void> {
    const each = operations.map(({ num, op, flg }) => `${num}:${op}:${flg.toString(8)}`).join(' ');
    const shown = operations.length > 10 ? `${operations.length} of them` : each;
    const entry = this.ipc('semop', `${this.idText(id)}, [${shown}], ${timeoutUs}`);
    return this.run(entry, this.inner.semop(id, operations, timeoutUs), okText);
  }

  semctl(
    id: number, num: number, command: number, argument?: number | readonly number[] | IpcChange,
  ): Promise<number | number[] | SemaphoreSetStatus> {
    const entry = this.control('semctl', id, command, argument, `, ${num}`);
    return this.run(entry, this.inner.semctl(id, num, command, argument), (result) => {
      // Who changed it last is some process or none.
      if (command === SEMCTL.GETPID) return described((result as number) > 0 ? 'somebody' : 'nobody');
      if (typeof result === 'number') return numberText(result);
      if (Array.isArray(result)) return described(result.join(' '));
      return described(`${permissions(result)} ${result.count} operated ${result.operatedUs > 0}`);
    });
  }

  shmget(key: number, size: number, flags: number): Promise<number> {
    return this.identifier('shmget', `${key}, ${size}, ${flags.toString(8)}`, this.inner.shmget(key, size, flags));
  }

  shmat(id: number, flags: number): Promise<Uint8Array> {
    return this.run(this.ipc('shmat', `${this.idText(id)}, ${flags.toString(8)}`), this.inner.shmat(id, flags), (view) => ({
      text: bytesText(view), kind: 'bytes', delivers: true,
    }));
  }

  shmdt(view: Uint8Array): Promise<void> {
    return this.run(this.ipc('shmdt', ''), this.inner.shmdt(view), okText);
  }

  shmctl(id: number, command: number, change?: IpcChange): Promise<SharedSegmentStatus | null> {
    return this.run(this.control('shmctl', id, command, change), this.inner.shmctl(id, command, change), (status) => {
      if (status === null) return okText();
      const { size, attached, attachedUs, detachedUs } = status;
      return described(`${permissions(status)} ${size} bytes attached ${attached} ${attachedUs > 0} ${detachedUs > 0}`);
    });
  }

  async mq_open(
    name: string, flags: number, mode = 0, attributes: { maxMessages: number; messageSize: number } | null = null,
  ): Promise<number> {
    const given = attributes === null ? 'null' : `${attributes.maxMessages} of ${attributes.messageSize}`;
    const how = names.openFlags(flags);
    const entry = this.ipc('mq_open', `'${name.slice(0, 40)}', ${how}, ${mode.toString(8)}, ${given}`, how);
    const fd = await this.run(entry, this.inner.mq_open(name, flags, mode, attributes), fdText);
    this.families.set(fd, 'queue');
    return fd;
  }

  mq_send(fd: number, text: Uint8Array, priority: number, timeoutUs = Infinity): Promise<void> {
    const entry = this.add('mq_send', fd, `${bytesText(text)}, ${priority}, ${timeoutUs}`);
    return this.run(entry, this.inner.mq_send(fd, text, priority, timeoutUs), okText);
  }

  mq_receive(fd: number, size: number, timeoutUs = Infinity): Promise<PriorityMessage> {
    return this.run(this.add('mq_receive', fd, `${size}, ${timeoutUs}`), this.inner.mq_receive(fd, size, timeoutUs), (message) => ({
      text: `${message.priority} ${bytesText(message.text)}`, kind: 'message', delivers: true,
    }));
  }

  mq_notify(fd: number, event: Sigevent | null): Promise<void> {
    const text = event === null ? 'null' : `${event.notify} ${event.signo} ${event.value}`;
    return this.run(this.add('mq_notify', fd, text, event === null ? 'null' : String(event.notify)), this.inner.mq_notify(fd, event), okText);
  }

  mq_getattr(fd: number): Promise<QueueAttributes> {
    return this.run(this.add('mq_getattr', fd), this.inner.mq_getattr(fd), attributesText);
  }

  mq_setattr(fd: number, flags: number): Promise<QueueAttributes> {
    return this.run(this.add('mq_setattr', fd, flags), this.inner.mq_setattr(fd, flags), attributesText);
  }

  mq_unlink(name: string): Promise<void> {
    return this.run(this.ipc('mq_unlink', `'${name.slice(0, 40)}'`), this.inner.mq_unlink(name), okText);
  }

  private control(call: string, id: number, command: number, argument: unknown, more = ''): Entry {
    const name = COMMANDS[command] ?? String(command);
    return this.ipc(call, `${this.idText(id)}${more}, ${name}, ${JSON.stringify(argument)}`, name);
  }
}

function described(text: string): Described {
  return { text, kind: text, delivers: false };
}

function attributesText({ flags, maxMessages, messageSize, currentMessages }: QueueAttributes): Described {
  return described(`${names.openFlags(flags)} ${currentMessages} of ${maxMessages} of ${messageSize}`);
}

function permissions({ key, uid, gid, cuid, cgid, mode }: MessageQueueStatus | SemaphoreSetStatus | SharedSegmentStatus): string {
  return `key ${key} ${uid}:${gid} by ${cuid}:${cgid} mode ${mode.toString(8)}`;
}
