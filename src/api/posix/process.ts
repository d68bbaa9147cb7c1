/**
 * `Process`: the Berkeley calls over one process of a host's kernel, as promises.
 *
 *   const fd = await process.socket(AF_INET, SOCK_STREAM, 0);
 *   await process.connect(fd, sockaddrIn('192.0.2.1', 9502));
 *   await process.write(fd, new TextEncoder().encode('hello\r\n'));
 *
 * Every call is tried at once; only one that blocks makes an operation that waits. Operations are reused: a spare of
 * each kind is kept, so a busy socket allocates little more than the promises themselves.
 *
 * After the loop was stopped (the world has ended) a call that would wait fails with ESRCH: nothing would end its wait.
 */
import { Host } from '../../host.ts';
import { Terminal } from '../../kernel/terminal.ts';
import { dup2, fcntl } from '../../kernel/calls/descriptors.ts';
import { exit, setsid } from '../../kernel/calls/processes.ts';
import { OpenFile } from '../../kernel/open-file.ts';
import { KernelProcess } from '../../kernel/process.ts';
import { F } from '../../socket/constants.ts';
import { described, readBytes, readNumber, readText } from '../../base/arguments.ts';
import { CredentialCalls } from './credential-calls.ts';
import { systemError } from './errors.ts';
import type { NameProcess } from './name-process.ts';
import { type ChildOptions, type Program, programName, ProgramStart } from './program.ts';
import { guard } from './signatures.ts';
import type { Syscalls } from './syscalls.ts';

const STDERR = 2;

export interface SpawnOptions {
  /** A process whose descriptors the new one inherits (shared descriptions, as after fork). */
  inherit?: Process;
  /** Where writes to descriptors 1 and 2 go; a fresh array for each write. */
  output?: (bytes: Uint8Array) => void;
  /** Where writes to descriptor 2 go, when that is another place. Needs `output`. */
  errors?: (bytes: Uint8Array) => void;
}

/** One process of a host. What each call takes, resolves to and fails with stands in full at `Syscalls`. */
export class Process extends CredentialCalls implements Syscalls, NameProcess {
  static {
    guard(Process.prototype);
  }

  /**
   * Starts a process on a host; or gives one that the kernel has started its calls (`name` is that process). Throws as `spawn` rejects:
   * EAGAIN (32,768 processes; RLIMIT_NPROC of whose descriptors are inherited, when that is a user's), ENOMEM.
   */
  constructor(host: Host, name: string | KernelProcess, options: SpawnOptions = {}) {
    super(host, name instanceof KernelProcess ? name : started(host, name, options));
  }

  /**
   * posix_spawn(3): starts a child that runs `program`, and resolves to its pid. It has this process's descriptors without
   * those marked close-on-exec, its credentials, limits, signal mask and ignored signals, its group and its session. When
   * the program resolves, the child exits with that code; `waitpid` tells it. What it throws ends it with code 1, and is
   * a rejection that nobody handles: it ends a world's run, and Node when nothing listens. Errors: EAGAIN (RLIMIT_NPROC), EBADF, EPERM,
   * E2BIG: an argument or variable of 128 KiB, or all of them and their pointers together beyond a quarter of RLIMIT_STACK (2 MiB;
   * 128 KiB to 6 MiB); ENOMEM: the host has no memory for them, or for a process.
   */
  spawn(program: Program, args: readonly string[] = [], options: ChildOptions = {}): Promise<number> {
    const child = this.host.kernel.fork(this.core, options.name ?? (programName(program) || this.core.name));
    if (typeof child === 'number') return Promise.reject(systemError(child, 'spawn'));
    const bad = prepareChild(child, options, args, options.env ?? { ...this.core.environment });
    if (bad < 0) {
      child.abandon();
      return Promise.reject(systemError(bad, 'spawn'));
    }
    const { loop } = this.host;
    loop.complete(new ProgramStart(new Process(this.host, child), program));
    loop.drain();
    return this.value(child.pid, 'spawn');
  }

  /** The environment it was started with; empty once it has ended. */
  get env(): Readonly<Record<string, string>> {
    return this.core.environment;
  }

  /** getenv(3). */
  getenv(name: string): string | undefined {
    const { environment } = this.core;
    readText('getenv: name', name);
    return Object.hasOwn(environment, name) ? environment[name] : undefined;
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
    else taken = this.core.terminal.feed(readBytes('feedInput: bytes', bytes));
    this.host.loop.drain();
    return taken;
  }

  /**
   * _exit(2): closes every descriptor and ends what waits with EINTR; `status` is for whoever waits for it. Calls after it
   * fail: with EBADF on a descriptor, with ESRCH where none is needed (socket, poll, sleep, kill). So do those of a
   * process that a signal has ended: JavaScript that still runs in its name learns of it by them.
   */
  exit(status = 0): void {
    exit(this.core, readNumber('exit: status', status) ?? 0);
  }
}

function started(host: Host, name: string, options: SpawnOptions): KernelProcess {
  if (!(host instanceof Host)) throw new TypeError(`Process: takes a host (world.host('a')) and a name, not ${described(host)}`);
  if (typeof name !== 'string') throw new TypeError(`Process: the name must be a string, not ${described(name)}`);
  const terminal = options.output === undefined ? null : new Terminal(options.output);
  const process = host.kernel.spawn(name, terminal, options.inherit?.core ?? null);
  if (typeof process === 'number') throw systemError(process, 'spawn');
  if (options.errors !== undefined) process.descriptors.replace(STDERR, new OpenFile(new Terminal(options.errors), host.kernel.fileTable), false);
  return process;
}


/** What posix_spawn(3) does between fork and exec: 0 or a negative errno. */
function prepareChild(
  child: KernelProcess, options: ChildOptions, args: readonly string[], environment: Readonly<Record<string, string>>,
): number {
  if (options.newSession === true) setsid(child);
  if (options.processGroup !== undefined) {
    const bad = child.joinGroup(options.processGroup);
    if (bad < 0) return bad;
  }
  for (const [from, to] of options.duplicate ?? []) {
    const result = from === to ? fcntl(child, from, F.SETFD, 0) : dup2(child, from, to);
    if (result < 0) return result;
  }
  return child.execute(args, environment);
}
