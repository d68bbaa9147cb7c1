/** Our kernel as a side of the oracle: a host with nothing but loopback, in virtual time. */
import { Process } from '../../src/api/posix/process.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Host } from '../../src/host.ts';
import type { Machine } from './linux-side.ts';
import type { Side, SideHost } from './program.ts';

export function ourSide({ settings, capabilities }: Machine): Side {
  return {
    name: 'ours',
    async open(): Promise<SideHost> {
      const random = new SeededRandom('oracle');
      const loop = new Loop(new VirtualClock(random, (fn) => {
        setImmediate(fn);
      }));
      const host = new Host({ name: 'oracle', loop, random });
      for (const [name, value] of settings) host.sysctl(name, value);
      // The process that keeps time for the program; it opens nothing.
      const clock = new Process(host, 'clock');
      const stuck = new Promise<never>((_resolve, reject) => {
        loop.onIdle = () => reject(new Error('nothing can happen any more, and the program waits'));
      });
      return {
        async spawn() {
          const process = new Process(host, 'program');
          process.core.credentials.effective = capabilities;
          await process.chdir('/tmp');
          return {
            calls: process,
            pid: process.pid,
            exit: async () => process.exit(),
            limitDescriptors: async (most) => {
              process.core.descriptors.max = most;
            },
          };
        },
        sleep: (ms) => clock.sleep(ms * 1000),
        now: () => loop.now / 1000,
        latenessMs: 0,
        stuck,
        async close() {
          loop.stop();
        },
      };
    },
  };
}
