/**
 * A host of a world on which Node programs run: unchanged user code, in this process, whose sockets are the host's and whose
 * time is the world's.
 *
 *   server.run(() => http.createServer(app).listen(80));
 *   const body = await client.run(async () => (await fetch('http://server/')).text());
 */
import { NodeProgram } from '../../../api/node/node-program.ts';
import { SeededRandom } from '../../../base/random.ts';
import { Host, type HostOptions } from '../../../host.ts';
import { nameService } from '../names.ts';
import { startClock } from './clocks.ts';
import { followHttp } from './http-time.ts';
import { seedProgram } from './randomness.ts';

/** How a program begins. */
export interface RunOptions {
  /** Its name in `ss -p` and in messages; `node`. */
  readonly name?: string;
}

/** What `process.exit` throws in a program of a world, so that nothing behind it runs. Not an error: nobody hears of it. */
export class ProgramExit {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

/** A program has ended itself with a status other than 0. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
  /** As a shell tells it: 128 and the number of the signal, where it was one. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

interface Waiting {
  resolve(value: undefined): void;
  reject(error: ProgramError): void;
}

export class NodeHost extends Host {
  /** Programs that run, or that have done what they had to and may still have sockets open. */
  readonly programs: Set<NodeProgram> = new Set();
  private readonly seed: string;
  private readonly fail: (error: unknown) => void;
  private started = 0;
  /** Who awaits the end of a program's `run`. */
  private readonly runs: Map<NodeProgram, Waiting> = new Map();

  constructor(options: HostOptions, seed: string, fail: (error: unknown) => void) {
    super(options);
    this.seed = seed;
    this.fail = fail;
  }

  /** A program of this host that runs nothing yet. */
  startProgram(name: string): NodeProgram {
    followHttp();
    const program = new NodeProgram(this, name, nameService);
    program.onError = (error) => this.threw(program, error);
    startClock(program);
    seedProgram(program, new SeededRandom(`${this.seed}/host/${this.name}/program/${++this.started}`));
    this.programs.add(program);
    return program;
  }

  /**
   * Runs `fn` as a program of this host: resolves to what it returns, rejects with what it throws. The program goes on
   * afterwards as long as it has sockets, timers or anything else to wait for, as a server does; the end of the world ends it.
   *
   * `process.exit` ends the program and leaves the world alone: resolves to undefined then, or rejects with a ProgramError
   * when the status is not 0.
   */
  async run<T>(fn: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`host.run: takes a function, not ${typeof fn}`);
    const program = this.startProgram(options.name ?? 'node');
    const exited = new Promise<T>((resolve, reject) => {
      this.runs.set(program, { resolve: resolve as unknown as Waiting['resolve'], reject });
    });
    try {
      // `exited` first: a program that exits at once rejects with what its exit throws, too.
      return await Promise.race([exited, program.run(async () => await fn())]);
    } finally {
      this.runs.delete(program);
    }
  }

  /** Is its `run` awaited still? */
  isRunning(program: NodeProgram): boolean {
    return this.runs.has(program);
  }

  /** A program ends itself: `how` are the words of its code. */
  exit(program: NodeProgram, status: number, how: string): void {
    const run = this.runs.get(program);
    if (status === 0) run?.resolve(undefined);
    else {
      const error = new ProgramError(`the program ${program.name} on ${this.name} ended with status ${status}: ${how}`, status);
      // Nobody awaits it: a server that gives up must not do so unseen.
      if (run === undefined) this.fail(error);
      else run.reject(error);
    }
    this.endProgram(program, status);
  }

  private threw(program: NodeProgram, error: unknown): void {
    if (error instanceof ProgramExit) this.endProgram(program, error.code);
    else this.fail(error);
  }

  /** The program exits: its sockets are closed, and nothing comes back to it. */
  endProgram(program: NodeProgram, status: number): void {
    this.programs.delete(program);
    program.end(status);
  }

  override powerOff(): void {
    for (const program of [...this.programs]) this.endProgram(program, 0);
    super.powerOff();
  }
}

// To those who use it, it is what the guide calls it.
Object.defineProperty(NodeHost, 'name', { value: 'Host' });
