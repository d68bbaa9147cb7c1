/**
 * Open file descriptions (POSIX: what `dup`, inheritance and descriptor passing share). A description lives as long as
 * a descriptor or an operation in flight refers to it; the last one releases what it stands for, which for a TCP socket
 * sends the FIN.
 */
import type { FileOperations } from '../base/file-operations.ts';
import { Socket } from '../socket/socket.ts';

export class OpenFile {
  readonly operations: FileOperations;
  /** The socket behind it, or null: what ENOTSOCK asks. */
  readonly socket: Socket | null;
  /** O_NONBLOCK and O_APPEND: per description, so every descriptor that shares it sees them. */
  nonBlocking = false;
  append = false;
  /** What else F_GETFL shows and nobody changes (O_LARGEFILE, O_DIRECT). */
  otherFlags = 0;
  /** Descriptors and operations in flight. */
  refs = 0;

  constructor(operations: FileOperations) {
    this.operations = operations;
    this.socket = operations instanceof Socket ? operations : null;
  }

  setAppend(on: boolean): void {
    this.append = on;
    this.operations.setAppend?.(on);
  }

  hold(): void {
    this.refs++;
  }

  letGo(): void {
    if (--this.refs === 0) this.operations.release();
  }
}
