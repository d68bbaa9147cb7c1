/**
 * Worlds in Node: `simulate` of sockscape/sim. Their hosts run Node programs (node-host.ts), and the body itself has the
 * world's time: its setTimeout and Date are the world's, its sockets nobody's.
 */
import { installHandles } from '../../../api/node/install.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import type { HostOptions } from '../../../host.ts';
import { simulate as simulateWith, type SimulateOptions as Options, World, WorldError, type WorldHostOptions } from '../../../sim/world.ts';
import { watchedBy, watchRejections } from '../turn.ts';
import { startClock } from './clocks.ts';
import { idleTurn } from './idle.ts';
import { installVirtualTime } from './install.ts';
import { NodeHost } from './node-host.ts';
import { nameService } from '../names.ts';
import { seedProgram } from './randomness.ts';
import { SeededRandom } from '../../../base/random.ts';

export type SimulateOptions = Omit<Options, 'turn' | 'watchRejections' | 'watchedBy' | 'worldClass'>;

export class NodeWorld extends World {
  private readonly bodyProgram: NodeProgram;

  constructor(options: Options, fail: (error: Error) => void) {
    super(options, fail);
    this.bodyProgram = new NodeProgram(this.keeper, 'body', nameService);
    this.bodyProgram.onError = (error) => this.failWith(error);
    startClock(this.bodyProgram);
    seedProgram(this.bodyProgram, new SeededRandom(`${this.seed}/body`));
  }

  override host(name: string, options: WorldHostOptions = {}): NodeHost {
    return super.host(name, options) as NodeHost;
  }

  override router(name: string, options: WorldHostOptions = {}): NodeHost {
    return super.router(name, options) as NodeHost;
  }

  protected override makeHost(options: HostOptions): NodeHost {
    return new NodeHost(options, this.seed, (error) => this.failWith(error));
  }

  override runBody<T>(body: () => Promise<T>): Promise<T> {
    return this.bodyProgram.run(body);
  }

  override end(): void {
    this.bodyProgram.end();
    super.end();
  }

  private failWith(error: unknown): void {
    this.loop.stop();
    this.fail(error instanceof Error ? error : new WorldError(`something that is no Error was thrown: ${String(error)}`));
  }
}

// To those who use it, it is what the guide calls it.
Object.defineProperty(NodeWorld, 'name', { value: 'World' });

/** Puts our handles and clocks in place. Called when sockscape/sim is loaded: once, before anybody takes what it replaces. */
export function prepareNode(): void {
  installHandles();
  installVirtualTime();
}

/** Runs `body` in a fresh world in virtual time: see sim/world.ts. */
export function simulate<T>(options: SimulateOptions, body: (world: NodeWorld) => Promise<T>): Promise<T> {
  const bound = { ...options, turn: idleTurn, watchRejections, watchedBy, worldClass: NodeWorld };
  return simulateWith(bound, body as (world: World) => Promise<T>);
}
