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
  /** What else F_GETFL shows and nobody changes (O_LARGEFILE, O_DIRECT). */
  otherFlags = 0;
  /** Who gets SIGURG and SIGIO about it; null as long as nobody asked for an owner. */
  private ownerOrNull: FileOwner | null = null;
  /** Descriptors and operations in flight. */
  refs = 0;
  /** Epoll's items on this description: told when it goes, since they do not hold it. */
  private watchers: Set<{ closed(): void }> | null = null;

  constructor(operations: FileOperations) {
    this.operations = operations;
    this.socket = operations instanceof Socket ? operations : null;
  }

  setAppend(on: boolean): void {
    this.append = on;
    this.operations.setAppend?.(on);
  }

  watch(watcher: { closed(): void }): void {
    this.watchers ??= new Set();
    this.watchers.add(watcher);
  }

  unwatch(watcher: { closed(): void }): void {
    this.watchers?.delete(watcher);
  }

  hold(): void {
    this.refs++;
  }

  letGo(): void {
    if (--this.refs > 0) return;
    if (this.ownerOrNull !== null) this.ownerOrNull.release();
    if (this.watchers !== null) for (const watcher of [...this.watchers]) watcher.closed();
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
