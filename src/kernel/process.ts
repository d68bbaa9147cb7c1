/**
 * A process: its descriptors, and what of it waits. Its system calls are functions over it, by topic in `calls/`.
 *
 * Calls are synchronous and return a count >= 0 or a negative errno; those that may block return PENDING and settle
 * their operation later. `api/posix` wraps them in promises, `api/node` calls them as they are. Calls that may send, wake
 * somebody or set a timer drain the run loop at their end; those that only look, or change a flag or a descriptor's
 * number, have nothing for it.
 */
import { Credentials } from '../base/credentials.ts';
import type { Caller } from '../socket/caller.ts';
import type { Description } from '../socket/description.ts';
import type { SocketNode } from '../socket/family/socket-node.ts';
import { DescriptorTable } from './descriptors.ts';
import { FileContext } from './fs/context.ts';
import { findSocketInode, makeSocketInode } from './fs/socket-inode.ts';
import type { Kernel } from './kernel.ts';
import { OpenFile } from './open-file.ts';
import type { Operation } from './operation.ts';
import type { Terminal } from './terminal.ts';

export class KernelProcess implements Caller {
  readonly kernel: Kernel;
  readonly pid: number;
  readonly name: string;
  /** The standard streams' terminal; shared by 0, 1 and 2 and by children that inherit them. */
  readonly terminal: Terminal;
  readonly credentials: Credentials;
  /** Working directory and umask. */
  readonly files: FileContext;
  readonly descriptors: DescriptorTable = new DescriptorTable();
  private firstWaiting: Operation | null = null;
  exited = false;

  constructor(kernel: Kernel, pid: number, name: string, terminal: Terminal, inheritFrom: KernelProcess | null) {
    this.kernel = kernel;
    this.pid = pid;
    this.name = name;
    this.terminal = terminal;
    this.credentials = inheritFrom === null ? new Credentials() : inheritFrom.credentials.clone();
    this.files = inheritFrom === null ? new FileContext(kernel.fileSystem.root) : inheritFrom.files.clone();
    if (inheritFrom !== null) {
      this.descriptors.inherit(inheritFrom.descriptors);
      return;
    }
    const file = new OpenFile(terminal);
    for (let fd = 0; fd < 3; fd++) this.descriptors.install(file, false);
  }

  // What sockets ask of whoever calls them (Caller).

  get maxDescriptors(): number {
    return this.descriptors.max;
  }

  hasProcess(pid: number): boolean {
    return this.kernel.process(pid) !== null;
  }

  description(fd: number): Description | null {
    return this.descriptors.file(fd);
  }

  addDescriptor(description: Description, closeOnExec: boolean): number {
    return this.descriptors.install(description as OpenFile, closeOnExec);
  }

  makeSocketNode(path: Uint8Array): SocketNode | number {
    return makeSocketInode(this, path);
  }

  findSocketNode(path: Uint8Array): SocketNode | number {
    return findSocketInode(this, path);
  }

  /** An operation of this process waits; `exit` and signals interrupt it. */
  began(operation: Operation): void {
    const first = this.firstWaiting;
    operation.nextOfProcess = first;
    operation.previousOfProcess = null;
    if (first !== null) first.previousOfProcess = operation;
    this.firstWaiting = operation;
  }

  settled(operation: Operation): void {
    const { nextOfProcess: next, previousOfProcess: previous } = operation;
    if (previous !== null) previous.nextOfProcess = next;
    else if (this.firstWaiting === operation) this.firstWaiting = next;
    if (next !== null) next.previousOfProcess = previous;
    operation.nextOfProcess = null;
    operation.previousOfProcess = null;
  }

  /** What its tasks wait for, in words, the longest wait first: for stuck worlds and `ps`. */
  waitingFor(): string[] {
    const words: string[] = [];
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) {
      words.unshift(operation.constructor.name.replace(/Operation$/, '').toLowerCase());
    }
    return words;
  }

  /**
   * _exit(2): ends what waits, closes every descriptor. On Linux no code of the process runs any more; here its tasks
   * are told: calls on a descriptor find none (EBADF), those without one have no process to be made by (ESRCH).
   */
  exit(): void {
    if (this.exited) return;
    this.exited = true;
    this.kernel.loop.enter();
    while (this.firstWaiting !== null) this.firstWaiting.interrupt();
    this.descriptors.closeAll();
    this.kernel.processEnded(this);
    this.kernel.loop.drain();
  }
}
