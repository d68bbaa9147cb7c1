/**
 * A host of a world on which Node programs run: unchanged user code, in this process, whose sockets are the host's and whose
 * time is the world's.
 *
 *   server.run(() => http.createServer(app).listen(80));
 *   const body = await client.run(async () => (await fetch('http://server/')).text());
 */
import { NodeProgram } from '../../../api/node/node-program.ts';
import { SeededRandom } from '../../../base/random.ts';
import { type Frozen, Host, type HostOptions } from '../../../host.ts';
import { nameService } from '../names.ts';
import { startClock } from './clocks.ts';
import { seedProgram } from './randomness.ts';
import { watchWork } from './work.ts';

/** How a program begins. */
export interface RunOptions {
  /** Its name in `ss -p` and in messages; `node`. */
  readonly name?: string;
  /** Is it begun anew when the host restarts after a crash? True: as a service is that the machine starts by itself. */
  readonly restarts?: boolean;
}

/** What `host.run` rejects with when the host loses its power before the program has returned. */
export class HostCrash extends Error {
  override readonly name = 'HostCrash';
}

/** A program that `run` began: how to begin it anew, and how whoever waits for it learns that it is gone. */
class Run {
  readonly fn: () => unknown;
  readonly options: RunOptions;
  isPending = true;
  abort: (error: HostCrash) => void = () => {};

  constructor(fn: () => unknown, options: RunOptions) {
    this.fn = fn;
    this.options = options;
  }
}

/** What `process.exit` throws in a program of a world, so that nothing behind it runs. Not an error: nobody hears of it. */
export class ProgramExit {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

export class NodeHost extends Host {
  /** Programs that run, or that have done what they had to and may still have sockets open. */
  readonly programs: Set<NodeProgram> = new Set();
  private readonly seed: string;
  private readonly fail: (error: unknown) => void;
  private started = 0;
  private readonly runs: Map<NodeProgram, Run> = new Map();
  /** Those that were running when the power failed. */
  private readonly interrupted: Run[] = [];

  constructor(options: HostOptions, seed: string, fail: (error: unknown) => void) {
    super(options);
    this.seed = seed;
    this.fail = fail;
  }

  /** A program of this host that runs nothing yet. */
  startProgram(name: string): NodeProgram {
    // Not before: every promise of the process costs more from here on.
    watchWork();
    const program = new NodeProgram(this, name, nameService);
    program.onError = (error) => this.threw(program, error);
    startClock(program);
    seedProgram(program, new SeededRandom(`${this.seed}/host/${this.name}/program/${++this.started}`));
    this.programs.add(program);
    if (this.isFrozen) program.stop();
    return program;
  }

  /**
   * Runs `fn` as a program of this host: resolves to what it returns, rejects with what it throws. The program goes on
   * afterwards as long as it has sockets, timers or anything else to wait for, as a server does; the end of the world ends it.
   *
   * A crash of the host ends it too: then its timers, sockets and pending operations are gone, and the promise rejects with a
   * HostCrash if it is still open. A restart calls `fn` again when the program was still at work. The state of modules
   * survives both, since they are loaded once in this process.
   */
  run<T>(fn: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    if (typeof fn !== 'function') return Promise.reject(new TypeError(`host.run: takes a function, not ${typeof fn}`));
    if (this.isDown) return Promise.reject(new HostCrash(`host.run: ${this.name} has no power`));
    return this.begin(new Run(fn, options)) as Promise<T>;
  }

  private begin(run: Run): Promise<unknown> {
    const program = this.startProgram(run.options.name ?? 'node');
    this.runs.set(program, run);
    const promise = new Promise<unknown>((resolve, reject) => {
      run.isPending = true;
      run.abort = reject;
      const end = (settle: (value: unknown) => void) => (value: unknown): void => {
        run.isPending = false;
        settle(value);
      };
      program.run(async () => await run.fn()).then(end(resolve), end(reject));
    });
    // Whoever does not look at the promise is told of what the program throws, but need not hear of the crash.
    const { abort } = run;
    run.abort = (error) => {
      promise.catch(() => {});
      abort(error);
    };
    return promise;
  }

  private threw(program: NodeProgram, error: unknown): void {
    if (error instanceof ProgramExit) this.endProgram(program, error.code);
    else this.fail(error);
  }

  /** The program exits: its sockets are closed, and nothing comes back to it. */
  endProgram(program: NodeProgram, status: number): void {
    this.programs.delete(program);
    this.runs.delete(program);
    program.end(status);
  }

  override powerOff(): void {
    if (this.isDown) return;
    const atWork = [...this.runs].filter(([program, run]) => run.isPending || program.isBusy).map(([, run]) => run);
    // The devices first: no program gets a FIN out any more.
    super.powerOff();
    for (const program of [...this.programs]) this.endProgram(program, 0);
    for (const run of atWork) {
      if (run.options.restarts !== false) this.interrupted.push(run);
      if (run.isPending) run.abort(new HostCrash(`${this.name} lost its power`));
    }
  }

  /** Programs that were at work when the power failed are begun anew. What they reject with fails the world. */
  override restart(): void {
    super.restart();
    for (const run of this.interrupted.splice(0)) {
      this.begin(run).catch((error) => {
        if (!(error instanceof HostCrash)) this.fail(error);
      });
    }
  }

  override freeze(what: Frozen = 'programs'): void {
    super.freeze(what);
    if (this.isFrozen) for (const program of this.programs) program.stop();
  }

  override thaw(): void {
    super.thaw();
    for (const program of this.programs) program.resume();
  }
}

// To those who use it, it is what the guide calls it.
Object.defineProperty(NodeHost, 'name', { value: 'Host' });
