/**
 * A host of a world on which Node programs run: unchanged user code, in this process, whose sockets are the host's and whose
 * time is the world's.
 *
 *   server.run(() => http.createServer(app).listen(80));
 *   const body = await client.run(async () => (await fetch('http://server/')).text());
 */
import { NodeProgram } from '../../../api/node/node-program.ts';
import { divideDispatcher } from '../../../api/node/shared-clients.ts';
import { SeededRandom } from '../../../base/random.ts';
import { isKind } from '../../../base/thrown.ts';
import { type Frozen, Host, type HostOptions } from '../../../host.ts';
import { exitedStatus } from '../../../kernel/wait-status.ts';
import { onlyKnown } from '../../../sim/arguments.ts';
import { whyDown } from '../../../sim/host-programs.ts';
import type { WorldLog } from '../../../sim/world-log.ts';
import { nameService } from '../names.ts';
import { startProcess } from '../start-process.ts';
import type { SpawnedProgram, SpawnOptions } from '../spawned/spawned-program.ts';
import { SpawnedPrograms } from '../spawned/spawned-programs.ts';
import { startClock } from './clocks.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { followHttp } from './http-time.ts';
import { flushOutput, logOutput } from './output.ts';
import { HostCrash, ProgramError } from './program-error.ts';
import { seedProgram } from './randomness.ts';

/** How a program begins. */
export interface RunOptions {
  /** Its name in `ss -p` and in messages; `node`. */
  readonly name?: string;
  /** Is it begun anew when the host restarts after a crash? True: as a service is that the machine starts by itself. */
  readonly restarts?: boolean;
}

/** A program that `run` began: how to begin it anew, and how whoever waits for it learns that it is gone. */
class Run {
  readonly fn: () => unknown;
  readonly options: RunOptions;
  isPending = true;
  abort: (error: HostCrash) => void = () => {};
  finish: (value: unknown) => void = () => {};
  fail: (error: unknown) => void = () => {};

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
  private readonly log: WorldLog | null;
  /** Puts the world into real time, for the reason that is given. */
  private readonly enterRealTime: (reason: string) => void;
  private readonly doors: Set<Gateway> = new Set();
  private started = 0;
  private readonly runs: Map<NodeProgram, Run> = new Map();
  private readonly spawned: SpawnedPrograms;
  /** Those that were running when the power failed. */
  private readonly interrupted: Run[] = [];

  constructor(
    options: HostOptions, seed: string, fail: (error: unknown) => void, log: WorldLog | null, enterRealTime: (reason: string) => void,
  ) {
    super(options);
    this.enterRealTime = enterRealTime;
    this.seed = seed;
    this.fail = fail;
    this.log = log;
    this.spawned = new SpawnedPrograms(this, log, fail, () => this.nextSeed());
  }

  private nextSeed(): string {
    return `${this.seed}/host/${this.name}/program/${++this.started}`;
  }

  /** A program of this host that runs nothing yet. */
  startProgram(name: string): NodeProgram {
    followHttp();
    divideDispatcher();
    const program = NodeProgram.on(this, startProcess(this, name), nameService);
    program.onError = (error) => this.threw(program, error);
    startClock(program);
    seedProgram(program, new SeededRandom(this.nextSeed()));
    this.programs.add(program);
    if (this.log !== null) logOutput(program, this.name, this.log);
    this.note('program', `${name} begins`);
    if (this.isFrozen) program.stop();
    return program;
  }

  /**
   * Runs `fn` as a program of this host: resolves to what it returns, rejects with what it throws. The program goes on
   * afterwards as long as it has sockets, timers or anything else to wait for, as a server does; the end of the world ends it.
   *
   * `process.exit` ends the program and leaves the world alone: resolves to undefined then, or rejects with a ProgramError
   * when the status is not 0.
   *
   * A crash of the host ends it too: then its timers, sockets and pending operations are gone, and the promise rejects with a
   * HostCrash if it is still open. A restart calls `fn` again when the program was still at work. The state of modules
   * survives both, since they are loaded once in this process.
   *
   * Rejects with an Error with `code` EAGAIN or ENOMEM when the host cannot have another process.
   */
  run<T>(fn: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
    if (typeof fn !== 'function') return Promise.reject(new TypeError(`host.run: takes a function, not ${typeof fn}`));
    if (this.isDown) return Promise.reject(new HostCrash(`host.run: ${whyDown(this)}`));
    return this.begin(new Run(fn, options)) as Promise<T>;
  }

  private begin(run: Run): Promise<unknown> {
    let program: NodeProgram;
    try {
      program = this.startProgram(run.options.name ?? 'node');
    } catch (error) {
      return Promise.reject(error);
    }
    this.runs.set(program, run);
    const promise = new Promise<unknown>((resolve, reject) => {
      run.isPending = true;
      run.abort = reject;
      const end = (settle: (value: unknown) => void) => (value: unknown): void => {
        run.isPending = false;
        settle(value);
      };
      run.finish = end(resolve);
      run.fail = end(reject);
      program.run(async () => await run.fn()).then(run.finish, run.fail);
    });
    // Whoever does not look at the promise is told of what the program throws, but need not hear of the crash.
    const { abort } = run;
    run.abort = (error) => {
      promise.catch(() => {});
      abort(error);
    };
    return promise;
  }

  /**
   * Runs a program in a process of its own, `host.spawn('app.js', ['--port', '80'])`: unchanged, as `node app.js --port 80` does, and
   * in lockstep with the world. Its sockets, names, clock and chance are those that a program of `run` has; it shares no module
   * with anybody, and `process.exit`, signals and its standard streams are its own. What it prints goes into the world's log, and
   * stands in `stdout` and `stderr` of what is returned. The end of the world ends it, and so does a crash of the host, after which
   * a restart begins it anew.
   *
   * Throws an Error with `code` ENOENT when there is no such file, EAGAIN or ENOMEM when the host cannot have another process, and
   * a HostCrash when the host has no power.
   */
  spawn(file: string | URL, args: readonly string[] = [], options: SpawnOptions = {}): SpawnedProgram {
    if (this.isDown) throw new HostCrash(`host.spawn: ${whyDown(this)}`);
    return this.spawned.spawn(file, args, options);
  }

  /** What spawned programs wait for, in words. */
  waitsOfSpawned(): string[] {
    return this.spawned.waits();
  }

  /**
   * The host stands for a real TCP server, `host.gateway('127.0.0.1:6379')`: whoever connects to its port (that of the server,
   * or `port`) is connected to that one, byte for byte, and is refused as that one refuses. Faults of the world lie in
   * between. From now on the world is in real time, and no seed replays it: `world.notReplayable` says so.
   *
   * Throws an error of bind(2), with its `code`: EADDRINUSE. After a crash and a restart of the host the port is open again.
   */
  gateway(target: string, options: GatewayOptions = {}): Gateway {
    if (this.isDown) throw new HostCrash(`host.gateway: ${whyDown(this)}`);
    onlyKnown('host.gateway', options, ['port']);
    const gateway = new Gateway(this, target, options, (text) => this.note('gateway', text));
    this.doors.add(gateway);
    const what = `port ${gateway.port} of ${this.name} is ${target}, in real time`;
    this.enterRealTime(what);
    this.note('gateway', `${what}: no seed replays this`);
    return gateway;
  }

  /** Connections of its gateways, from where something may come at any time. */
  get connectionsOutside(): number {
    let count = 0;
    for (const { connections } of this.doors) count += connections;
    return count;
  }

  private note(what: string, text: string): void {
    this.log?.add(this.loop.now, this.name, what, text);
  }

  /** Is its `run` awaited still? */
  isRunning(program: NodeProgram): boolean {
    return this.runs.get(program)?.isPending === true;
  }

  /** A program ends itself: `how` are the words of its code, `status` is as a shell tells it, `signal` what ended it, or 0. */
  exit(program: NodeProgram, status: number, how: string, signal = 0): void {
    const run = this.runs.get(program);
    this.endProgram(program, status, signal);
    if (status === 0) {
      run?.finish(undefined);
      return;
    }
    const error = new ProgramError(`the program ${program.name} on ${this.name} ended with status ${status}: ${how}`, status);
    // Nobody awaits it any more: a server that gives up must not do so unseen.
    if (run?.isPending === true) run.fail(error);
    else this.fail(error);
  }

  private threw(program: NodeProgram, error: unknown): void {
    if (isKind(error, ProgramExit)) this.endProgram(program, error.code);
    else this.fail(error);
  }

  /** The program exits, or is ended by `signal`: its sockets are closed, and nothing comes back to it. */
  endProgram(program: NodeProgram, status: number, signal = 0): void {
    this.programs.delete(program);
    this.runs.delete(program);
    flushOutput(program);
    this.note('program', `${program.name} ends with ${status}`);
    program.end(signal === 0 ? exitedStatus(status) : signal);
  }

  override powerOff(): void {
    if (this.isDown) return;
    const atWork = [...this.runs].filter(([program, run]) => run.isPending || program.isBusy).map(([, run]) => run);
    this.spawned.powerFailed();
    // The devices first: no program gets a FIN out any more.
    super.powerOff();
    for (const door of this.doors) door.powerFailed();
    for (const program of [...this.programs]) this.endProgram(program, 0);
    for (const run of atWork) {
      if (run.options.restarts !== false) this.interrupted.push(run);
      if (run.isPending) run.abort(new HostCrash(whyDown(this, 'lost its power')));
    }
  }

  /** Programs that were at work when the power failed are begun anew. What they reject with fails the world. */
  override restart(): void {
    super.restart();
    for (const door of this.doors) door.powerIsBack();
    this.spawned.powerIsBack();
    for (const run of this.interrupted.splice(0)) {
      this.begin(run).catch((error) => {
        if (!isKind(error, HostCrash)) this.fail(error);
      });
    }
  }

  override freeze(what: Frozen = 'programs'): void {
    super.freeze(what);
    if (!this.isFrozen) return;
    for (const program of this.programs) program.stop();
    this.spawned.stop();
  }

  override thaw(): void {
    super.thaw();
    for (const program of this.programs) program.resume();
    this.spawned.resume();
  }
}

// To those who use it, it is what the guide calls it.
Object.defineProperty(NodeHost, 'name', { value: 'Host' });
