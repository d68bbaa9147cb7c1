/**
 * `Process`: the Berkeley calls over one process of a host's kernel, as promises.
 *
 *   const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
 *   await process.connect(fd, sockaddrIn('192.0.2.1', 9502));
 *   await process.write(fd, new TextEncoder().encode('hello\r\n'));
 *
 * Every call is tried at once; only one that blocks makes an operation that waits. Operations are reused: a spare of
 * each kind is kept, so a busy socket allocates little more than the promises themselves.
 *
 * After the loop was stopped (the world has ended) a call that would wait fails with ESRCH: nothing would end its wait.
 */
import type { Host } from '../../host.ts';
import { Terminal } from '../../kernel/terminal.ts';
import { MachineCalls } from './machine-calls.ts';
import type { NameProcess } from './name-process.ts';
import type { Syscalls } from './syscalls.ts';

export interface SpawnOptions {
  /** A process whose descriptors the new one inherits (shared descriptions, as after fork). */
  inherit?: Process;
  /** Where writes to descriptors 1 and 2 go; a fresh array for each write. */
  output?: (bytes: Uint8Array) => void;
}

/** One process of a host. What each call takes, resolves to and fails with stands in full at `Syscalls`. */
export class Process extends MachineCalls implements Syscalls, NameProcess {
  /** Starts a process on a host. */
  constructor(host: Host, name: string, options: SpawnOptions = {}) {
    const terminal = options.output === undefined ? null : new Terminal(options.output);
    super(host, host.kernel.spawn(name, terminal, options.inherit?.core ?? null));
  }

  /** getpid(2). */
  get pid(): number {
    return this.core.pid;
  }

  /**
   * Types bytes at the process's terminal; null is the end of its input. Returns how many were taken: a terminal holds one
   * mebibyte that nobody has read yet, and none when nobody has it open any more. What was not taken has to be fed again.
   */
  feedInput(bytes: Uint8Array | null): number {
    let taken = 0;
    if (bytes === null) this.core.terminal.end();
    else taken = this.core.terminal.feed(bytes);
    this.host.loop.drain();
    return taken;
  }

  /**
   * _exit(2): closes every descriptor and ends what waits with EINTR. Calls after it fail: with EBADF on a descriptor,
   * with ESRCH where none is needed (socket, poll, sleep).
   */
  exit(): void {
    this.core.exit();
  }
}
