/**
 * Worlds in Node: `simulate` of sockscape/sim. Their hosts run Node programs (node-host.ts), and the body itself has the
 * world's time: its setTimeout and Date are the world's, its sockets nobody's.
 */
import { installHandles } from '../../../api/node/install.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import type { Loop } from '../../../base/loop.ts';
import { isKind } from '../../../base/thrown.ts';
import type { HostOptions } from '../../../host.ts';
import { simulate as simulateWith, type SimulateOptions as Options, World, worldErrorOf, type WorldHostOptions } from '../../../sim/world.ts';
import { watchedBy, watchRejections } from '../turn.ts';
import { startClock } from './clocks.ts';
import { tellEarlyModules } from './early.ts';
import { endEscapes, type Escape, escapesOnPurpose, keepEscapes } from './escapes.ts';
import { installExits } from './exits.ts';
import { idleTurn } from './idle.ts';
import { installVirtualTime } from './install.ts';
import { flushOutput, logOutput } from './output.ts';
import { NodeHost, ProgramExit } from './node-host.ts';
import { nameService } from '../names.ts';
import { startProcess } from '../start-process.ts';
import { processesGone } from '../spawned/program-process.ts';
import { seedProgram } from './randomness.ts';
import { RealTime } from './real-time.ts';
import { SeededRandom } from '../../../base/random.ts';
import { runUnreferenced } from './timers.ts';

export type SimulateOptions = Omit<Options, 'turn' | 'watchRejections' | 'watchedBy' | 'worldClass'>;

export class NodeWorld extends World {
  private readonly bodyProgram: NodeProgram;
  private readonly left: () => Escape[];
  /** The machine's clock, when this world follows it. */
  private realTime: RealTime | null = null;

  constructor(options: Options, fail: (error: Error) => void) {
    super(options, fail);
    this.left = keepEscapes(this.loop);
    tellEarlyModules();
    const { onIdle } = this.loop;
    this.loop.onIdle = () => {
      if (!runUnreferenced(this.loop) && !this.waitsForOutside()) onIdle?.();
    };
    this.bodyProgram = NodeProgram.on(this.keeper, startProcess(this.keeper, 'body'), nameService);
    this.bodyProgram.onError = (error) => this.failWith(error);
    startClock(this.bodyProgram);
    seedProgram(this.bodyProgram, new SeededRandom(`${this.seed}/body`));
    if (this.log !== null) logOutput(this.bodyProgram, 'world', this.log);
  }

  override host(name: string, options: WorldHostOptions = {}): NodeHost {
    return super.host(name, options) as NodeHost;
  }

  override router(name: string, options: WorldHostOptions = {}): NodeHost {
    return super.router(name, options) as NodeHost;
  }

  protected override makeHost(options: HostOptions): NodeHost {
    return new NodeHost(options, this.seed, (error) => this.failWith(error), this.log, (reason) => this.enterRealTime(reason));
  }

  private enterRealTime(reason: string): void {
    escapesOnPurpose(this.loop, 'gateway', reason);
    this.notReplayable ??= reason;
    this.realTime ??= new RealTime(this.loop);
  }

  /** Nothing is left to do in the world; may something come from a server behind a gateway? */
  private waitsForOutside(): boolean {
    const { loop, realTime } = this;
    if (realTime === null || !this.hosts.some((host) => host instanceof NodeHost && host.connectionsOutside > 0)) return false;
    if (realTime.now() < loop.timeLimit) realTime.wakeAt(loop.timeLimit);
    else {
      loop.catchUp();
      loop.onLimit?.();
    }
    return true;
  }

  /** What programs did, up to now, that the world could neither time nor replay: docs/virtual-time.md names the kinds. */
  escapes(): Escape[] {
    return this.left();
  }

  override runBody<T>(body: () => Promise<T>): Promise<T> {
    return this.bodyProgram.run(body);
  }

  override end(): void {
    flushOutput(this.bodyProgram);
    this.bodyProgram.end();
    super.end();
    endEscapes(this.loop);
  }

  /** With what Node programs wait for. */
  protected override whoWaits(): string {
    const waits: string[] = [];
    for (const host of this.hosts) {
      if (!(host instanceof NodeHost)) continue;
      for (const program of host.programs) {
        const what = program.waitsFor();
        if (host.isRunning(program)) what.unshift('the end of its run()');
        if (what.length > 0) waits.push(`the program ${program.name} on ${host.name} waits for ${what.join(', ')}`);
      }
      waits.push(...host.waitsOfSpawned());
    }
    const calls = super.whoWaits();
    if (waits.length === 0) return calls;
    return calls.startsWith('no process') ? waits.join('; ') : `${calls}; ${waits.join('; ')}`;
  }

  private failWith(error: unknown): void {
    this.loop.stop();
    this.fail(worldErrorOf(error));
  }
}

// To those who use it, it is what the guide calls it.
Object.defineProperty(NodeWorld, 'name', { value: 'World' });

/** Puts our handles and clocks in place. Called when sockscape/sim is loaded: once, before anybody takes what it replaces. */
export function prepareNode(): void {
  installHandles();
  installVirtualTime();
  installExits();
}

/** Runs `body` in a fresh world in virtual time: see sim/world.ts. */
export async function simulate<T>(options: SimulateOptions, body: (world: NodeWorld) => Promise<T>): Promise<T> {
  let loop: Loop | null = null;
  const bound = {
    ...options, turn: idleTurn, watchedBy, worldClass: NodeWorld,
    watchRejections: (name: string, listener: (reason: unknown) => void) => watchRejections(name, (reason) => {
      if (!isKind(reason, ProgramExit)) listener(reason);
    }),
  };
  try {
    return await simulateWith(bound, typeof body !== 'function' ? body : (world) => {
      loop = world.loop;
      return body(world as NodeWorld);
    });
  } finally {
    if (loop !== null) await processesGone(loop);
  }
}
