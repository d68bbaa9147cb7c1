/**
 * Open file descriptions (POSIX: what `dup`, inheritance and descriptor passing share). A description lives as long as
 * a descriptor, an operation in flight or a message on its way refers to it; the last one releases what it stands for,
 * which for a TCP socket sends the FIN.
 */
import type { FileOperations } from '../base/file-operations.ts';
import type { Description } from '../socket/description.ts';
import { Socket } from '../socket/socket.ts';

export class OpenFile implements Description {
  readonly operations: FileOperations;
  /** The socket behind it, or null: what ENOTSOCK asks. */
  readonly socket: Socket | null;
  /** O_NONBLOCK and O_APPEND: per description, so every descriptor that shares it sees them. */
  nonBlocking = false;
  append = false;
  /** Descriptors, operations in flight, messages. */
  refs = 0;
  /** Of these, messages: counted for sockets that can hold each other (socket/family/rights.ts). */
  inFlight = 0;

  constructor(operations: FileOperations) {
    this.operations = operations;
    this.socket = operations instanceof Socket ? operations : null;
    if (this.socket !== null) this.socket.opened(this);
  }

  hold(): void {
    this.refs++;
  }

  letGo(): void {
    if (--this.refs === 0) this.operations.release();
    else if (this.refs === this.inFlight) (this.socket as Socket).onlyInFlight();
  }
}
