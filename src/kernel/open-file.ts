/**
 * Open file descriptions (POSIX: what `dup`, inheritance and descriptor passing share). A description lives as long as
 * a descriptor, an operation in flight or a message on its way refers to it; the last one releases what it stands for,
 * which for a TCP socket sends the FIN.
 */
import type { FileOperations } from '../base/file-operations.ts';
import type { Description } from '../socket/description.ts';
import { Socket } from '../socket/socket.ts';
import type { FileTable } from './file-table.ts';
import type { Directory } from './fs/inode.ts';
import { FileOwner } from './file-owner.ts';

/** How many descriptions are open, of all hosts: for leak tests. */
class FileStatistics {
  descriptions = 0;
}

export const fileStatistics: FileStatistics = new FileStatistics();

export class OpenFile implements Description {
  readonly operations: FileOperations;
  /** The socket behind it, or null: what ENOTSOCK asks. */
  readonly socket: Socket | null;
  /** O_NONBLOCK and O_APPEND: per description, so every descriptor that shares it sees them. */
  nonBlocking = false;
  append = false;
  /** What else F_GETFL shows and nobody changes (O_LARGEFILE, O_DIRECT). */
  otherFlags = 0;
  /** Where open(2) found it, for /proc/PID/fd; null for what has no name. */
  found: { readonly directory: Directory | null; readonly name: string } | null = null;
  /** Who gets SIGURG and SIGIO about it; null as long as nobody asked for an owner. */
  private ownerOrNull: FileOwner | null = null;
  /** Descriptors, operations in flight, messages. */
  refs = 0;
  /** Of these, messages: counted for sockets that can hold each other (socket/family/rights.ts). */
  inFlight = 0;
  /** Epoll's items on this description: told when it goes, since they do not hold it. */
  private watchers: Set<{ closed(): void }> | null = null;

  private readonly table: FileTable;

  /** Whoever makes one has asked `table` for a refusal before. */
  constructor(operations: FileOperations, table: FileTable) {
    this.operations = operations;
    this.table = table;
    table.opened();
    this.socket = operations instanceof Socket ? operations : null;
    if (this.socket !== null) this.socket.opened(this);
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
    if (this.refs++ === 0) fileStatistics.descriptions++;
  }

  letGo(): void {
    if (--this.refs > 0) {
      if (this.refs === this.inFlight) (this.socket as Socket).onlyInFlight();
      return;
    }
    // One that no descriptor was found for was never held.
    if (this.refs === 0) fileStatistics.descriptions--;
    if (this.ownerOrNull !== null) this.ownerOrNull.release();
    if (this.watchers !== null) for (const watcher of [...this.watchers]) watcher.closed();
    this.operations.release();
    this.table.closed();
  }

  /** Nobody has got it: it goes as if its last descriptor had been closed. */
  discard(): void {
    this.hold();
    this.letGo();
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
