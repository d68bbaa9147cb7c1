/**
 * Programs of a host before the real terminal: their standard streams are this process's, Ctrl-C reaches them as SIGINT,
 * and the last one's status is the command's.
 *
 * Called by run.ts, demo.ts and tap.ts.
 */
import type { Program } from '../api/posix/program.ts';
import { Process } from '../api/posix/process.ts';
import {
  SIGHUP, SIGINT, SIGQUIT, SIGTERM, WEXITSTATUS, WIFEXITED, WTERMSIG,
} from '../api/posix/constants.ts';
import type { Host } from '../host.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { PrefixedOutput } from './prefixed-output.ts';
import { complain, print } from './output.ts';
import { heedSignals, signalledStatus } from './terminal.ts';

/** A program to be run, with its words. */
export interface Task {
  readonly host: Host;
  readonly name: string;
  readonly run: Program;
  readonly args: readonly string[];
  readonly readsInput: boolean;
}

const SIGNALS: Readonly<Record<string, number>> = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
/** How long one program may take to get to its first wait before the next one is started. */
const START_MS = 2000;
/** How long those beside the last one go on after its end. */
const LAST_SEGMENTS_MS = 200;
/** How long those beside the last one may take to say their last words. */
const END_MS = 2000;
const FEED_PAUSE_MS = 5;
/** Node's own longest timer. */
const HOLD_MS = 0x7fffffff;

/**
 * Starts the programs in their order, each when the one before it waits for something. Standard input is the last one's.
 * When that one ends, the others get SIGINT. Resolves to the last one's exit status, 128 + N after signal N. A signal that comes
 * before all are started ends it too: those that run get it, and the others are not begun.
 */
export async function runPrograms(tasks: readonly Task[]): Promise<number> {
  const started: Started[] = [];
  const width = Math.max(...tasks.map((task) => task.name.length));
  let asked = 0;
  const unheed = heedSignals(Object.keys(SIGNALS) as NodeJS.Signals[], (signal) => {
    asked = SIGNALS[signal];
    for (const each of started) each.signal(SIGNALS[signal]);
  });
  // What a program waits for need not be a deadline, and then nothing else would hold Node.
  const hold = setInterval(() => {}, HOLD_MS);
  try {
    for (const [i, task] of tasks.entries()) {
      if (asked > 0) break;
      const isLast = i === tasks.length - 1;
      const one = new Started(task, tasks.length === 1 ? null : width);
      started.push(one);
      await one.start(isLast && task.readsInput);
      if (!isLast) await one.waits();
    }
    const isCutOff = started.length < tasks.length;
    const last = started[started.length - 1];
    const status = isCutOff ? signalledStatus(asked) : await last.ended;
    // The last segments of what it closed are still to be seen by the others.
    if (tasks.length > 1) await pause(LAST_SEGMENTS_MS);
    for (const each of started) each.signal(SIGINT);
    await Promise.race([Promise.all(started.map((each) => each.ended)), pause(END_MS)]);
    for (const each of started) each.flush();
    return status;
  } finally {
    clearInterval(hold);
    unheed();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** We are called from the middle of a system call: a full disk must not come up through it. */
function printOrEnd(bytes: Uint8Array): void {
  try {
    print(bytes);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    complain(`sockscape: ${error.message}\n`);
    process.exit(1);
  }
}

/** A program under way, in a process group of its own, below a process that stands for the terminal's shell. */
class Started {
  /** Resolves to the exit status. */
  readonly ended: Promise<number>;
  private readonly task: Task;
  private readonly shell: Process;
  private readonly outputs: PrefixedOutput[] = [];
  private pid = -1;
  private isOver = false;
  private end: (status: number) => void = () => {};

  constructor(task: Task, prefixWidth: number | null) {
    this.task = task;
    const to = (write: (bytes: Uint8Array) => void): ((bytes: Uint8Array) => void) => {
      if (prefixWidth === null) return write;
      const output = new PrefixedOutput(`${task.name.padEnd(prefixWidth)} | `, write);
      this.outputs.push(output);
      return (bytes) => output.write(bytes);
    };
    this.shell = new Process(task.host, 'shell', { output: to(printOrEnd), errors: to(complain) });
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** `hasInput`: what comes in at this process's standard input is the program's; else its input is at an end. */
  async start(hasInput: boolean): Promise<void> {
    const { shell, task } = this;
    this.pid = await shell.spawn(task.run, task.args, { name: task.name, processGroup: 0 });
    if (hasInput) feedFromStandardInput(shell, () => this.isOver);
    else shell.feedInput(null);
    void shell.waitpid(this.pid).then(({ status }) => {
      this.isOver = true;
      this.flush();
      this.end(WIFEXITED(status) ? WEXITSTATUS(status) : signalledStatus(WTERMSIG(status)));
    });
  }

  /** Resolves when the program waits in a call, or is over. */
  async waits(): Promise<void> {
    const end = Date.now() + START_MS;
    while (!this.isOver && Date.now() < end) {
      const core = this.shell.core.kernel.find(this.pid);
      if (core === null || core.waitingFor().length > 0) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  signal(signo: number): void {
    // It may have ended this moment.
    if (!this.isOver && this.pid > 0) this.shell.kill(-this.pid, signo).catch(() => {});
  }

  flush(): void {
    for (const output of this.outputs) output.flush();
  }
}

/** Passes this process's standard input on, as fast as the program reads it. */
function feedFromStandardInput(shell: Process, isOver: () => boolean): void {
  const { stdin } = process;
  const feed = (bytes: Uint8Array): void => {
    if (isOver()) return;
    const rest = bytes.subarray(shell.feedInput(bytes));
    if (rest.length === 0) return void stdin.resume();
    stdin.pause();
    setTimeout(feed, FEED_PAUSE_MS, rest);
  };
  stdin.on('data', (piece: Buffer) => feed(new Uint8Array(piece.buffer, piece.byteOffset, piece.length)));
  const ends = (): void => void (isOver() || shell.feedInput(null));
  stdin.on('end', ends).on('error', ends);
}
