/** Calls that move several messages at once: recvmmsg, sendmmsg. What they do and their errors: batch-syscalls.ts. */
import { Errno } from '../../base/errno.ts';
import * as sockets from '../../kernel/calls/sockets.ts';
import { type MessageSlot, type OutgoingMessage, ReceiveManyOperation, SendManyOperation, type TakenMessage } from '../../kernel/message-batch.ts';
import { PENDING } from '../../kernel/operation.ts';
import { toInt } from '../../kernel/int.ts';
import type { BatchSyscalls, MessageRoom } from './batch-syscalls.ts';
import { Call, FAILED, heldBack } from './call.ts';
import { gather, scatter } from './descriptor-calls.ts';
import { systemError } from './errors.ts';
import { SocketCalls } from './socket-calls.ts';
import type { MessageHeader, ReceivedMessage } from './syscalls.ts';

/** struct sockaddr_storage. */
const NAME_ROOM = 128;

export abstract class BatchCalls extends SocketCalls implements BatchSyscalls {
  recvmmsg(fd: number, messages: readonly MessageRoom[], flags: number, timeoutUs = Infinity): Promise<ReceivedMessage[]> {
    const rooms = [...messages];
    const slots = rooms.map(slotOf);
    const operation = new ReceiveManyOperation(this.core);
    const bad = sockets.prepareReceiveMany(this.core, operation, fd, slots, flags, timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): ReceivedMessage[] | typeof FAILED => {
        const made = operation.result < 0 ? null : given(operation, slots, rooms);
        if (operation.result >= 0 && made === null) operation.result = -Errno.EFAULT;
        return made ?? FAILED;
      };
      return new Call<ReceiveManyOperation, ReceivedMessage[]>(operation, finish).pending('recvmmsg');
    }
    const made = result < 0 ? null : given(operation, slots, rooms);
    return this.outcome<ReceivedMessage[]>(made ?? systemError(result < 0 ? result : -Errno.EFAULT, 'recvmmsg'));
  }

  sendmmsg(fd: number, messages: readonly MessageHeader[], flags: number): Promise<number[]> {
    const operation = new SendManyOperation(this.core);
    const bad = sockets.prepareSendMany(this.core, operation, fd, messages.map(outgoing), flags);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): number[] | typeof FAILED => (operation.result < 0 ? FAILED : operation.counts);
      return new Call<SendManyOperation, number[]>(operation, finish).pending('sendmmsg');
    }
    const outcome = result < 0 ? systemError(result, 'sendmmsg') : operation.counts;
    const { delivery } = operation;
    // SIGPIPE's handler runs before the call returns.
    if (delivery === null || delivery.isFinished) return this.outcome<number[]>(outcome);
    operation.delivery = null;
    return heldBack<number[]>(delivery, outcome);
  }
}

function slotOf({ iov, controlLength = 0 }: MessageRoom): MessageSlot {
  const controlRoom = Math.max(0, toInt(controlLength));
  if (iov.length === 1) return { buffer: iov[0] as Uint8Array, parts: null, controlRoom };
  return { buffer: new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0)), parts: iov, controlRoom };
}

/** What came, in the callers' buffers; null when one of them has gone meanwhile. */
function given({ taken }: ReceiveManyOperation, slots: readonly MessageSlot[], rooms: readonly MessageRoom[]): ReceivedMessage[] | null {
  const messages: ReceivedMessage[] = [];
  for (let i = 0; i < taken.length; i++) {
    const { count, name, control, flags } = taken[i] as TakenMessage;
    const { buffer, parts } = slots[i] as MessageSlot;
    if (parts !== null && !scatter(buffer, Math.min(count, buffer.length), parts as Uint8Array[])) return null;
    messages.push({ count, name: name.slice(0, rooms[i]?.nameLength ?? NAME_ROOM), control, flags });
  }
  return messages;
}

function outgoing({ name, iov, control }: MessageHeader): OutgoingMessage {
  const isNamed = name !== undefined && name !== null && name.length !== 0;
  const isControlled = control !== undefined && control !== null && control.length !== 0;
  return { bytes: gather(iov), address: isNamed ? name.subarray(0, sockets.MAX_ADDRESS_LEN) : null, control: isControlled ? control : null };
}
