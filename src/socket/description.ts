/**
 * An open file description as the socket layer sees it: what SCM_RIGHTS passes from process to process. Implemented by
 * OpenFile.
 */
import type { Socket } from './socket.ts';

export interface Description {
  /** The socket behind it, or null. */
  readonly socket: Socket | null;
  /** Descriptors, operations in flight, and messages that carry it. */
  readonly refs: number;
  /** Of these, messages in the queue of a socket. Counted for AF_UNIX sockets, which can hold each other (family/rights.ts). */
  inFlight: number;
  hold(): void;
  letGo(): void;
}
