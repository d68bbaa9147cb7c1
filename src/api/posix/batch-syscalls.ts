/** recvmmsg and sendmmsg: the part of `Syscalls` that moves several messages by one call. */
import type { MessageHeader, ReceivedMessage } from './syscalls.ts';

/** A `struct mmsghdr` on its way into recvmmsg(2): the buffers, and room for the address and control data in bytes. */
export interface MessageRoom {
  iov: Uint8Array[];
  nameLength?: number;
  controlLength?: number;
}

export interface BatchSyscalls {
  /**
   * recvmmsg(2): recvmsg into each of `messages`; resolves to those that came, in order. It waits for all of them unless
   * `flags` has MSG_WAITFORONE (for the first alone) or MSG_DONTWAIT. The timeout in microseconds is looked at after each
   * message only, as on Linux: it ends no wait. An error behind some messages is the next call's.
   *
   * Errors: those of recvmsg, EINVAL (the timeout).
   */
  recvmmsg(fd: number, messages: readonly MessageRoom[], flags: number, timeoutUs?: number): Promise<ReceivedMessage[]>;
  /**
   * sendmmsg(2): sendmsg of each of `messages`, at most 1,024; resolves to the counts of those that were sent. An error
   * behind some of them is told by nobody. Errors: those of sendmsg.
   */
  sendmmsg(fd: number, messages: readonly MessageHeader[], flags: number): Promise<number[]>;
}
