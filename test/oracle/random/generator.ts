/** Random programs: which call comes next, by a model of what is open. The same seed makes the same program. */
import { below, SeededRandom } from '../../../src/base/random.ts';
import { Signal } from '../../../src/kernel/signal-numbers.ts';
import * as families from './family-calls.ts';
import * as further from './further-calls.ts';
import { Model } from './model.ts';
import * as others from './other-calls.ts';
import * as processes from './process-calls.ts';
import * as sockets from './socket-calls.ts';
import * as states from './state-calls.ts';
import type { Setup } from './setups.ts';
import * as setups from './setups.ts';
import type { Argument, Sequence, Step } from './steps.ts';

/** A step but for its process; null where the model has nothing that suits. */
export interface Chosen {
  call: string;
  args: readonly Argument[];
  makes?: readonly string[];
  waits?: boolean;
}

export type Choose = (m: Model, process: 'p1' | 'p2') => Chosen | null;

export const MOST_STEPS = 40;

const CHOICES: readonly [choose: Choose, weight: number][] = [
  [sockets.socket, 6], [sockets.socketpair, 4], [sockets.bind, 8], [sockets.listen, 8], [sockets.connect, 10], [sockets.accept, 14],
  [sockets.send, 12], [sockets.sendto, 6], [sockets.take, 14], [sockets.pass, 5], [sockets.shutdown, 3], [sockets.names, 4],
  [sockets.ask, 4], [sockets.setOption, 7], [sockets.getOption, 5],
  [others.close, 6], [others.duplicate, 4], [others.control, 5], [others.closeRange, 1], [others.pipe, 3], [others.open, 4],
  [others.path, 10], [others.file, 12], [others.pipeTransfer, 6], [others.splice, 5], [others.event, 3], [others.timer, 5],
  [others.poll, 7], [others.select, 3], [others.epoll, 14], [others.queue, 6], [others.ipc, 8], [others.signal, 4],
  [further.batch, 5], [further.vector, 5], [further.maskedWait, 4], [further.memory, 6], [further.signalFile, 3], [further.queueFlags, 2],
  [families.packet, 7], [families.ping, 8], [families.netlink, 10],
  [states.owner, 4], [states.place, 3], [processes.asking, 3], [processes.identity, 4], [processes.group, 2], [processes.limit, 3],
  [processes.fewDescriptors, 1], [processes.child, 3], [processes.timers, 5], [processes.moment, 1], [processes.message, 3], [processes.notice, 2],
];
/** What only processes that take signals, or have a child, can do much with. */
const OF_PROCESSES: readonly Choose[] = [
  processes.asking, processes.asking, processes.identity, processes.identity, processes.group, processes.limit, processes.child, processes.child,
  processes.timers, processes.message, processes.message, others.signal, others.path, states.owner,
];
const WEIGHTED = CHOICES.flatMap(([choose, weight]) => new Array<Choose>(weight).fill(choose));

/** What lets the rest of a program happen at all. */
const FRAME: readonly Choose[] = [
  sockets.socket, sockets.socketpair, sockets.bind, sockets.listen, sockets.connect, sockets.connect, sockets.accept, sockets.accept,
  sockets.send, sockets.take, others.open, others.pipe, others.close,
];

const SETUPS: readonly [setup: Setup, weight: number][] = [
  [setups.connection, 8], [setups.datagrams, 4], [setups.socketpair, 4], [setups.pipe, 3], [setups.file, 4], [setups.names, 4],
  [setups.queue, 3], [setups.ipc, 3], [processes.armed, 3], [setups.frames, 3], [setups.pings, 4], [setups.netlink, 7],
];
const WEIGHTED_SETUPS = SETUPS.flatMap(([setup, weight]) => new Array<Setup>(weight).fill(setup));
/** What makes descriptors: less of it where there are enough. */
const MAKERS: ReadonlySet<Choose> = new Set([sockets.socket, sockets.socketpair, others.pipe, others.open, others.duplicate]);
const ENOUGH = 6;

function step(m: Model, process: 'p1' | 'p2'): Step {
  for (;;) {
    const choose = m.pick(m.topic);
    if (MAKERS.has(choose) && m.of(process).length >= ENOUGH && m.chance(75)) continue;
    const chosen = choose(m, process);
    if (chosen === null) continue;
    if (chosen.call === 'exit') m.childEnded();
    return { process, call: chosen.call, args: withRoom(m, chosen.args), makes: chosen.makes ?? [], waits: m.mayWait && chosen.waits === true };
  }
}

/** A datagram of netlink's begins with its length, which is each kernel's own: whoever reads one takes its kind along. */
const LEAST_NETLINK_ROOM = 10;

function withRoom(m: Model, args: readonly Argument[]): readonly Argument[] {
  const [first] = args;
  if (typeof first !== 'object' || first === null || !('fd' in first)) return args;
  const kind = m.thingOf(first.fd)?.kind;
  return kind === 'netlink' || kind === 'diag' ? args.map(widened) : args;
}

function widened(argument: Argument): Argument {
  if (typeof argument !== 'object' || argument === null) return argument;
  if ('room' in argument) return argument.room === 0 ? argument : { room: Math.max(argument.room, LEAST_NETLINK_ROOM) };
  if ('list' in argument) return { list: argument.list.map(widened) };
  if ('record' in argument) return { record: Object.fromEntries(Object.entries(argument.record).map(([name, value]) => [name, widened(value)])) };
  return argument;
}

function fork(m: Model): Step {
  m.fork();
  return { process: 'p1', call: 'fork', args: [], makes: [], waits: false };
}

/** What every program with signals begins with: no signal that it may get ends it. */
function caught(signo: number): Step {
  const action: Argument = { record: { handler: 1, flags: 0, mask: { list: [] } } };
  return { process: 'p1', call: 'sigaction', args: [signo, action], makes: [], waits: false };
}

/** What begins a few of the programs with signals: a wait for one that comes, or that is there; other ids. */
function familiar(m: Model): Step[] {
  const dice = m.below(100);
  if (dice < 12) return [fork(m), ...processes.interrupted(m)];
  if (dice < 20) return processes.taken(m, 'p1');
  return dice < 32 ? processes.disguised(m) : [];
}

export function generate(seed: string): Sequence {
  const random = new SeededRandom(`program ${seed}`);
  const forks = below(random, 100) < 30;
  const m = new Model(random, !forks);
  // Half of the programs are about a few kinds of calls alone: so they come further with them.
  m.topic = m.chance(50) ? WEIGHTED : forks && m.chance(60) ? [...FRAME, ...OF_PROCESSES] : [...FRAME, ...Array.from({ length: 8 }, () => m.pick(WEIGHTED))];
  const steps: Step[] = forks ? [Signal.SIGPIPE, ...processes.CAUGHT].map(caught) : [];
  if (forks) steps.push(...familiar(m));
  const length = 20 + m.below(MOST_STEPS - 19);
  const one = (): 'p1' | 'p2' => (!forks && m.chance(40) ? 'p2' : 'p1');
  const begin: Setup[] = [m.pick(WEIGHTED_SETUPS), ...(m.chance(50) ? [m.pick(WEIGHTED_SETUPS)] : []), ...(m.chance(25) ? [setups.epoll] : [])];
  // One in ten begins with nothing.
  if (m.chance(90)) for (const setup of begin) steps.push(...setup(m, one(), one()));
  while (steps.length < length) {
    if (forks && !m.hasChild && !m.forksNoMore && m.chance(12)) steps.push(fork(m));
    else {
      const isSecond = forks ? m.hasChild && m.chance(40) : m.chance(40);
      steps.push(step(m, isSecond ? 'p2' : 'p1'));
    }
  }
  return { name: `random-${seed}`, forks, steps: steps.slice(0, MOST_STEPS) };
}
