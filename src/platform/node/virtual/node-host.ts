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

export class NodeHost extends Host {
  /** Programs that run, or that have done what they had to and may still have sockets open. */
  readonly programs: Set<NodeProgram> = new Set();
  private readonly seed: string;
  private readonly fail: (error: unknown) => void;
  private started = 0;

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
   */
  async run<T>(fn: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`host.run: takes a function, not ${typeof fn}`);
    const program = this.startProgram(options.name ?? 'node');
    return await program.run(async () => await fn());
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
