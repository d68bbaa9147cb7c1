/**
 * Open file descriptions (POSIX: what `dup`, inheritance and descriptor passing share). A description lives as long as
 * a descriptor or an operation in flight refers to it; the last one releases what it stands for, which for a TCP socket
 * sends the FIN.
 */
import type { FileOperations } from '../base/file-operations.ts';
import { Socket } from '../socket/socket.ts';
import { FileOwner } from './file-owner.ts';

export class OpenFile {
  readonly operations: FileOperations;
  /** The socket behind it, or null: what ENOTSOCK asks. */
  readonly socket: Socket | null;
  /** O_NONBLOCK and O_APPEND: per description, so every descriptor that shares it sees them. */
  nonBlocking = false;
  append = false;
  /** Who gets SIGURG and SIGIO about it; null as long as nobody asked for an owner. */
  private ownerOrNull: FileOwner | null = null;
  /** Descriptors and operations in flight. */
  refs = 0;

  constructor(operations: FileOperations) {
    this.operations = operations;
    this.socket = operations instanceof Socket ? operations : null;
  }

  hold(): void {
    this.refs++;
  }

  letGo(): void {
    if (--this.refs > 0) return;
    if (this.ownerOrNull !== null) this.ownerOrNull.release();
    this.operations.release();
  }

  get owner(): FileOwner | null {
    return this.ownerOrNull;
  }

  /** The owner, made when it is first needed. */
  needOwner(): FileOwner {
    this.ownerOrNull ??= new FileOwner(this);
    return this.ownerOrNull;
  }
}
