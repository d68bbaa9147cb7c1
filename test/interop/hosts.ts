/**
 * Where every test of this folder gets its hosts in virtual time from: at the end they are asked what is left of them.
 *
 *   interopWorld   a world, as `simulate` makes it, for the length of one test
 *   VirtualHost    a single host that lives for several tests
 *
 * TapHost (tap-host.ts) is the host on real devices, host-reports.ts asks those of commands. hosts.test.ts fails when a
 * file of this folder has a host from anywhere else.
 */
import { deepEqual } from 'node:assert/strict';
import { Process } from '../../src/api/posix/process.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { type SimulateOptions, simulate, type World } from '../../src/entry/sim.node.ts';
import { Host } from '../../src/host.ts';
import { leftoversOf, SharedLeftovers, straysOf } from '../../src/sim/leftovers.ts';

/** Longer than everything that TCP waits for when a program has ended: retransmissions of what nobody takes, TIME_WAIT. */
const AT_REST_US = 30 * 60e6;

/** Ends all processes of a host as a shell's `kill -9 -1` does. */
function endProcesses(host: Host, but: Process | null): void {
  for (const process of host.kernel.processes()) if (process.pid !== but?.pid) process.end(0);
}

/** Runs `body` in a world, and fails when its hosts keep anything once their processes have ended. */
export async function interopWorld<T>(options: SimulateOptions, body: (world: World) => Promise<T>): Promise<T> {
  const shared = new SharedLeftovers();
  let left: string[] = [];
  const result = await simulate(options, async (world) => {
    const value = await body(world);
    for (const host of world.hosts) endProcesses(host, null);
    const strays = world.hosts.flatMap((host) => straysOf(host));
    await world.sleep(AT_REST_US);
    left = [...strays, ...world.hosts.flatMap(leftoversOf)];
    return value;
  });
  deepEqual([...left, ...shared.words()], []);
  return result;
}

/** A host by itself, in virtual time of its own. */
export class VirtualHost {
  readonly host: Host;
  private readonly loop: Loop;
  private readonly shared = new SharedLeftovers();
  private readonly clock: Process;

  constructor(name: string) {
    const random = new SeededRandom(name);
    this.loop = new Loop(new VirtualClock(random, (fn) => setImmediate(fn)));
    this.host = new Host({ name, loop: this.loop, random });
    this.clock = new Process(this.host, 'clock');
  }

  /** Resolves after so many microseconds of virtual time. */
  sleep(us: number): Promise<void> {
    return this.clock.sleep(us);
  }

  /** Ends all processes, then the host, and fails when anything is left of it. */
  async end(): Promise<void> {
    endProcesses(this.host, this.clock);
    const strays = straysOf(this.host, this.clock.core);
    await this.sleep(AT_REST_US);
    const left = leftoversOf(this.host);
    this.clock.exit();
    this.host.powerOff();
    this.loop.stop();
    deepEqual([...strays, ...left, ...leftoversOf(this.host), ...this.shared.words()], []);
  }
}
