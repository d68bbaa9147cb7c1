/** Our kernel as a side of the oracle: a host with nothing but loopback, in virtual time. */
import { SIG_IGN, SIGPIPE } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { Cost } from '../../src/base/kernel-memory.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { parseCidr } from '../../src/base/inet-address.ts';
import { Host } from '../../src/host.ts';
import { Cable } from '../../src/link/cable.ts';
import { S } from '../../src/kernel/fs/inode.ts';
import { IPC } from '../../src/kernel/ipc/ipc-object.ts';
import { O } from '../../src/socket/constants.ts';
import { NeighbourState } from '../../src/net/neighbour.ts';
import { leftoversOf, SharedLeftovers, straysOf } from '../../src/sim/leftovers.ts';
import { type Machine, MOST_IPC_OBJECTS } from './linux-side.ts';
import type { Side, SideHost, SideProcess } from './program.ts';

/** A child whose program is the oracle's: it runs until it is ended from here. */
function child(parent: Process): Promise<Process> {
  return new Promise((resolve, reject) => {
    const idle = (process: Process): Promise<number> => {
      resolve(process);
      return new Promise(() => {});
    };
    parent.spawn(idle).catch(reject);
  });
}

/** Longer than everything that TCP waits for when a program has ended: retransmissions of what nobody takes, TIME_WAIT. */
const AT_REST_US = 30 * 60e6;

/** What routes, addresses and permanent neighbours take: they stay until somebody takes them away. */
function configuredBytes({ network }: Host): number {
  const addresses = network.interfaces().reduce((sum, each) => sum + each.addresses.length, 0);
  const neighbours = [...network.neighbours4, ...network.neighbours6].filter(({ state }) => (state & NeighbourState.Permanent) !== 0);
  return network.routing.table.routes.length * Cost.ROUTE + addresses * Cost.ADDRESS + neighbours.length * Cost.NEIGHBOUR;
}

/** What outlives processes, on Linux too: files, and objects of System V and of POSIX. */
async function removeObjects(root: Process): Promise<void> {
  const { ipc } = root.core.kernel;
  for (const { id } of ipc.queues) await root.msgctl(id, IPC.RMID);
  for (const { id } of ipc.semaphores) await root.semctl(id, 0, IPC.RMID);
  for (const { id } of ipc.segments) await root.shmctl(id, IPC.RMID);
  for (const name of [...ipc.posixQueues.keys()]) await root.mq_unlink(`/${name}`);
  await removeFiles(root, '/tmp');
}

async function removeFiles(root: Process, folder: string): Promise<void> {
  const fd = await root.open(folder, O.RDONLY | O.DIRECTORY);
  for (;;) {
    const entries = await root.getdents(fd);
    if (entries.length === 0) break;
    for (const { name } of entries) {
      if (name === '.' || name === '..') continue;
      const path = `${folder}/${name}`;
      if (((await root.lstat(path)).mode & S.IFMT) !== S.IFDIR) await root.unlink(path);
      else {
        await removeFiles(root, path);
        await root.rmdir(path);
      }
    }
  }
  await root.close(fd);
}

/** `isAlone`: one host at a time, so that memory that is not given back is the host's own. */
export function ourSide({ settings, capabilities }: Machine, isAlone = true): Side {
  return {
    name: 'ours',
    async open(): Promise<SideHost> {
      const shared = new SharedLeftovers();
      const started: Process[] = [];
      const random = new SeededRandom('oracle');
      const loop = new Loop(new VirtualClock(random, (fn) => {
        setImmediate(fn);
      }));
      const host = new Host({ name: 'oracle', loop, random });
      for (const [name, value] of settings) host.sysctl(name, value);
      // As large as the agents' /tmp (agent.c), which has nothing in it.
      host.kernel.fileSystem.roomBytes = 16 * 1024 * 1024;
      host.kernel.fileSystem.roomInodes = 4095;
      const { queues, semaphores, segments } = host.kernel.ipc;
      for (const table of [queues, semaphores, segments]) table.most = MOST_IPC_OBJECTS;
      // The process that keeps time for the program; it opens nothing.
      const clock = new Process(host, 'clock');
      const { memory } = host.kernel;
      const atFirst = memory.usedBytes - configuredBytes(host);
      const stuck = new Promise<never>((_resolve, reject) => {
        loop.onIdle = () => reject(new Error('nothing can happen any more, and the program waits'));
      });
      const sideOf = (process: Process): SideProcess => ({
        calls: process,
        pid: process.pid,
        exit: async (status) => process.exit(status),
        fork: async () => {
          const made = await child(process);
          started.push(made);
          // What a program of root's gets is bounded by what the machine's root has.
          made.core.credentials.effective &= capabilities;
          made.core.credentials.permitted &= capabilities;
          return sideOf(made);
        },
        limitDescriptors: async (most) => {
          process.core.descriptors.max = most;
        },
      });
      return {
        sysctl: async (name, value) => {
          host.sysctl(name, value);
        },
        async plugIn(index, addresses) {
          host.sysctl('net.ipv6.conf.all.accept_dad', 0);
          const { a } = new Cable(loop, random, { nameA: `eth${index - 2}` });
          a.macLo = index;
          host.attach(a);
          for (const text of addresses) {
            const { address, prefixLength } = parseCidr(text) as NonNullable<ReturnType<typeof parseCidr>>;
            host.addAddress(a, address, prefixLength);
          }
        },
        async spawn(takesSignals) {
          const process = new Process(host, 'program');
          started.push(process);
          process.core.credentials.effective = capabilities;
          process.core.credentials.permitted = capabilities;
          await process.chdir('/tmp');
          // As the other side's agents do.
          if (!takesSignals) await process.sigaction(SIGPIPE, { handler: SIG_IGN });
          return sideOf(process);
        },
        sleep: (ms) => clock.sleep(ms * 1000),
        now: () => loop.now / 1000,
        latenessMs: 0,
        stuck,
        async leftovers() {
          for (const process of started) process.exit(0);
          const strays = straysOf(host, clock.core);
          // Everybody has ended but who keeps time: what TCP still has to do needs minutes.
          await clock.sleep(AT_REST_US);
          const left = leftoversOf(host);
          await removeObjects(clock);
          const more = memory.usedBytes - configuredBytes(host) - atFirst;
          if (more !== 0) left.push(`oracle: ${more} bytes of the host's memory`);
          clock.exit();
          host.powerOff();
          return [...new Set([...strays, ...left, ...leftoversOf(host)]), ...(isAlone ? shared.words() : [])];
        },
        async close() {
          loop.stop();
        },
      };
    },
  };
}
