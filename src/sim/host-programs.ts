/**
 * tcpdump and ss on hosts of a world, for its body: the programs that `sockscape tcpdump` and `sockscape ss` run, each as a process
 * of the host, and the lines that they print.
 *
 * Called by world.ts. What they take and print stands in src/programs, and in the manual.
 */
import { SIGINT } from '../api/posix/constants.ts';
import { Process } from '../api/posix/process.ts';
import { described } from '../base/arguments.ts';
import { Host } from '../host.ts';
import { UsageFault } from '../programs/getopt.ts';
import { shellWords } from '../programs/shell-words.ts';

/** The words behind a program's name: a list, or one text as a shell reads it (`'-n "tcp port 80"'`). */
export type ProgramWords = string | readonly string[];
type Program = (process: Process, args: readonly string[]) => Promise<number>;

/** How much text of one program is kept, in UTF-16 units; its last line says that there was more. */
const LIMIT = 1 << 24;
const FULL = '... no room for more lines';
/** libpcap's sentence on standard error: from now on it captures. */
const LISTENING = 'listening on ';

/** Throws a TypeError when `host` is none of these, or when `args` are no words. */
export function readWords(call: string, hosts: readonly Host[], host: unknown, args: unknown): readonly string[] {
  if (!(host instanceof Host)) throw new TypeError(`${call}: takes a host (world.host('a')) and the program's words, not ${described(host)}`);
  if (!hosts.includes(host)) throw new TypeError(`${call}: ${host.name} is a host of another world`);
  if (Array.isArray(args) && args.every((word) => typeof word === 'string')) return args;
  if (typeof args !== 'string') throw new TypeError(`${call}: the words must be a text or an array of texts, not ${described(args)}`);
  try {
    return shellWords(args);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    throw new TypeError(`${call}: ${error.message}`);
  }
}

/** What a program prints, cut into lines. */
class Lines {
  readonly all: string[] = [];
  private readonly decoder = new TextDecoder();
  private begun = '';
  private left = LIMIT;

  add(bytes: Uint8Array): void {
    if (this.left <= 0) return;
    const pieces = (this.begun + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.begun = pieces.pop() as string;
    for (const line of pieces) {
      this.left -= line.length + 1;
      this.all.push(this.left > 0 ? line : FULL);
      if (this.left <= 0) return;
    }
  }
}

/** A program that runs on a host, and what it has printed. */
class Running {
  private readonly host: Host;
  private readonly kernel: Host['kernel'];
  readonly process: Process;
  readonly output = new Lines();
  readonly errors = new Lines();
  /** Its exit status; -1 while it runs, and when the host has lost its power. */
  status = -1;
  readonly end: Promise<void>;
  /** Called after it has written to standard error. */
  onErrors: () => void = () => {};

  constructor(host: Host, name: string, program: Program, args: readonly string[]) {
    const { output, errors } = this;
    this.host = host;
    this.kernel = host.kernel;
    this.process = new Process(host, name, {
      output: (bytes) => output.add(bytes),
      errors: (bytes) => {
        errors.add(bytes);
        this.onErrors();
      },
    });
    this.end = this.run(program, args);
  }

  /** Has its machine lost its power, or its world ended? A restart makes another kernel. */
  get isGone(): boolean {
    return this.host.isDown || this.host.kernel !== this.kernel;
  }

  /** ^C, and its end. A process of its own sends it: one that signals itself interrupts none of its own calls. */
  async interrupt(): Promise<void> {
    const killer = new Process(this.host, 'kill');
    await killer.kill(this.process.pid, SIGINT);
    killer.exit();
    await this.end;
  }

  private async run(program: Program, args: readonly string[]): Promise<void> {
    try {
      const status = await program(this.process, args);
      if (!this.isGone) this.status = status;
    } catch (error) {
      // Calls of a process that has ended with its machine fail with ESRCH.
      if (!this.isGone) throw error;
    }
    this.process.exit(Math.max(this.status, 0));
  }
}

/** Why nothing can run on a host that is down: it has crashed, or its world has ended. */
export function whyDown({ name, loop }: Host, otherwise: 'has no power' | 'lost its power' = 'has no power'): string {
  return loop.isStopped ? `the world of ${name} is over` : `${name} ${otherwise}`;
}

/** Runs a program to its end: its lines. Rejects with `fault(SENTENCE)` when its status is another than 0. */
export async function runOn(
  host: Host, name: string, program: Program, args: readonly string[], fault: (sentence: string) => Error,
): Promise<string[]> {
  if (host.isDown) throw fault(`${name}: ${whyDown(host)}`);
  const running = new Running(host, name, program, args);
  await running.end;
  if (running.status !== 0) throw fault(running.status < 0 ? `${name}: ${whyDown(host, 'lost its power')}` : running.errors.all.join('\n'));
  return running.output.all;
}

/** A tcpdump that runs on a host of a world: see World.tcpdump. */
export class WorldTcpdump {
  /** What it has printed so far. */
  readonly lines: readonly string[];
  private readonly running: Running;
  private readonly sleep: (us: number) => Promise<void>;
  private isOver = false;

  private constructor(running: Running, sleep: (us: number) => Promise<void>) {
    this.running = running;
    this.lines = running.output.all;
    this.sleep = sleep;
  }

  /** Starts it; resolves when it listens, or when it has ended with status 0. Rejects as `runOn` does. */
  static async start(
    host: Host, program: Program, args: readonly string[], sleep: (us: number) => Promise<void>, fault: (sentence: string) => Error,
  ): Promise<WorldTcpdump> {
    if (host.isDown) throw fault(`tcpdump: ${whyDown(host)}`);
    const running = new Running(host, 'tcpdump', program, args);
    const dump = new WorldTcpdump(running, sleep);
    const listening = new Promise<void>((resolve) => {
      running.onErrors = () => {
        if (running.errors.all.some((line) => line.includes(LISTENING))) resolve();
      };
    });
    const end = running.end.then(() => void (dump.isOver = true));
    // Looked at by `stop`; until then nobody may have asked.
    end.catch(() => {});
    await Promise.race([listening, end]);
    if (dump.isOver && running.status !== 0) throw fault(running.errors.all.join('\n'));
    return dump;
  }

  /** What it has said on standard error: on which interface it listens, and in the end how many packets it got. */
  get errors(): readonly string[] {
    return this.running.errors.all;
  }

  /** All that it has printed, as one text. */
  text(): string {
    return this.lines.map((line) => `${line}\n`).join('');
  }

  /**
   * Ends it, as Ctrl-C does, once it has printed what passed up to now: that takes a microsecond of the world. Resolves to its
   * lines; so it does when it had ended before, with `-c` or with its machine.
   */
  async stop(): Promise<readonly string[]> {
    const { running, lines } = this;
    // The clock moves on when nobody has anything left to do: then all that came has been read, and printed.
    if (!this.isOver && !running.isGone) await this.sleep(1);
    // With its machine, or with its world, it is gone.
    if (running.isGone) return lines;
    if (!this.isOver) {
      const count = lines.length;
      await running.interrupt();
      // The line that ^C begins.
      if (lines.length > count && lines.at(-1) === '') running.output.all.pop();
    }
    await running.end;
    return lines;
  }
}
