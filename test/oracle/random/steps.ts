/**
 * A random program as data: steps that name the descriptors they make and use, so that any of them can be left out. They
 * are run by `replay`, and printed as an oracle program by `sourceOf`.
 *
 * Made by generator.ts, made shorter by shrink.ts.
 */
import type { ReceivedMessage, Syscalls } from '../../../src/api/posix/syscalls.ts';
import type { SignalInformation } from '../../../src/api/posix/signal-syscalls.ts';
import { fdsIn, rightsMessage } from '../programs/unix-control.ts';
import { signalName } from '../names.ts';
import { netlinkWords, packetWords } from './netlink-talk.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { pattern } from '../toolkit.ts';

/** What a call is given. `fd`: a descriptor by its name; `place`: shared memory, likewise; `bytes`: these; `pattern`: so many of the toolkit's; `room`: a buffer. */
export type Argument =
  | number | string | null | undefined
  | { readonly fd: string } | { readonly place: string } | { readonly pid: string } | { readonly bytes: Uint8Array } | { readonly pattern: number }
  | { readonly room: number } | { readonly rights: readonly string[] } | { readonly set: readonly string[] }
  | { readonly poll: readonly (readonly [fd: string, events: number])[] } | { readonly list: readonly Argument[] }
  | { readonly record: Readonly<Record<string, Argument>> };

export interface Step {
  readonly process: 'p1' | 'p2';
  readonly call: string;
  readonly args: readonly Argument[];
  /** Names of the descriptors (or identifiers) that it makes. */
  readonly makes: readonly string[];
  /** It may wait for ever: what it does is looked at a moment later. */
  readonly waits: boolean;
}

export interface Sequence {
  readonly name: string;
  /** Both processes take signals and the second one is the first one's child; else they are alone, and their calls may wait. */
  readonly forks: boolean;
  readonly steps: readonly Step[];
}

/** What stands for a descriptor whose making failed or was left out. */
const NOTHING = 77;
/** After this many milliseconds a call that has not returned waits; more than any SO_RCVTIMEO that is set. */
const WAITING_MS = 60;
const DELAYED_ACK_MS = 45;
/** After these a handler may have run, here or in the other process. */
const TELLS: ReadonlySet<string> = new Set(['kill', 'sigqueue', 'sigprocmask', 'mq_send']);
const SENDS: ReadonlySet<string> = new Set(['write', 'writev', 'send', 'sendto', 'sendmsg', 'splice', 'sendfile']);

/** What a call returned, as the descriptors that it made. */
function made(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (Array.isArray(value)) return value.every((each) => typeof each === 'number') ? (value as number[]) : [];
  if (typeof value !== 'object' || value === null) return [];
  if ('control' in value) return fdsIn((value as ReceivedMessage).control);
  return 'fd' in value ? [(value as { fd: number }).fd] : [];
}

type Caller = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;

/** Runs steps on one side. The names of descriptors belong to all processes: a child has its parent's. */
class Replay {
  private readonly env: ProgramEnvironment;
  private readonly names = new Map<string, number>();
  /** Where shared memory is attached. */
  private readonly places = new Map<string, Uint8Array>();
  private readonly processes = new Map<string, Syscalls>();
  /** The same, and those that have ended: they are waited for. */
  private readonly known = new Map<string, Syscalls>();
  private readonly caught: string[] = [];
  private takesSignals = false;
  /** A call waits. No other one that may wait is made meanwhile: who is woken first is nobody's promise. */
  private isWaiting = false;

  constructor(env: ProgramEnvironment) {
    this.env = env;
  }

  async run({ forks, steps }: Sequence): Promise<void> {
    const { env, processes } = this;
    env.wordData((bytes) => netlinkWords(bytes) ?? packetWords(bytes));
    // Sockets for pings are for everybody.
    await env.sysctl('net.ipv4.ping_group_range', '0 2147483647');
    this.takesSignals = forks;
    this.add('p1', forks ? await env.signalProcess() : await env.process());
    if (!forks) this.add('p2', await env.process());
    for (const step of steps) {
      const process = processes.get(step.process);
      if (process !== undefined) await this.step(process, step);
    }
  }

  private add(name: string, process: Syscalls): void {
    this.processes.set(name, process);
    this.known.set(name, process);
  }

  private async step(process: Syscalls, step: Step): Promise<void> {
    const { call, args, makes, waits } = step;
    const { env, processes } = this;
    if (call === 'fork') {
      if (!processes.has('p2')) this.add('p2', await env.fork(process));
      return;
    }
    if (call === 'exit') {
      processes.delete('p2');
      await env.exit(process, args[0] as number);
      return env.settle(10);
    }
    const method = (process as unknown as Caller)[call];
    if (method === undefined) throw new Error(`there is no call ${call}`);
    if (waits && this.isWaiting) return;
    const returned = method.apply(process, args.map((each) => this.resolve(each, step.process))).then(
      (value) => {
        if (value instanceof Uint8Array) for (const name of makes) this.places.set(name, value);
        const numbers = made(value);
        for (const [i, name] of makes.entries()) this.names.set(name, numbers[i] ?? NOTHING);
      },
      (error: Error & { code?: string }) => {
        if (error.code === undefined) throw error;
      },
    );
    if (waits) {
      this.isWaiting = true;
      const over = (): void => {
        this.isWaiting = false;
      };
      returned.then(over, over);
      await Promise.race([returned, env.settle(WAITING_MS)]);
    } else {
      await returned;
    }
    if (this.takesSignals && TELLS.has(call)) await this.noteCaught();
    // Nagle's algorithm keeps what comes next until this is acknowledged: at once, or after 40 ms.
    await env.settle(SENDS.has(call) ? DELAYED_ACK_MS : 1);
  }

  /** What handlers have got; calls that do nothing come first, so that the other kernel has told it. */
  private async noteCaught(): Promise<void> {
    for (const process of this.processes.values()) await process.getpid();
    // Each process hears its own signals in order; which process hears first is nobody's promise.
    const heard = this.caught.splice(0);
    const told = ['p1', 'p2'].flatMap((name) => heard.filter((line) => line.startsWith(name)));
    if (told.length > 0) this.env.note('caught', told.join(', '));
  }

  private resolve(argument: Argument, who: string): unknown {
    if (typeof argument !== 'object' || argument === null) return argument;
    if ('fd' in argument) return this.names.get(argument.fd) ?? NOTHING;
    if ('place' in argument) return this.places.get(argument.place) ?? new Uint8Array(1);
    if ('pid' in argument) {
      const process = this.known.get(argument.pid);
      return process === undefined ? 0x3fffff : this.env.pidOf(process);
    }
    if ('bytes' in argument) return argument.bytes;
    if ('pattern' in argument) return pattern(argument.pattern, argument.pattern + 1);
    if ('room' in argument) return new Uint8Array(argument.room);
    if ('rights' in argument) return rightsMessage(...argument.rights.map((name) => this.names.get(name) ?? NOTHING));
    if ('set' in argument) return this.setOf(argument.set);
    if ('poll' in argument) return argument.poll.map(([fd, events]) => ({ fd: this.names.get(fd) ?? NOTHING, events, revents: 0 }));
    if ('list' in argument) return argument.list.map((each) => this.resolve(each, who));
    const record = Object.entries(argument.record).map(([name, value]) => [name, this.resolve(value, who)]);
    const object = Object.fromEntries(record) as Record<string, unknown>;
    if (object['handler'] === 'note') {
      object['handler'] = (signo: number, { code }: SignalInformation): void => {
        this.caught.push(`${who} ${signalName(signo)} ${code}`);
      };
    }
    return object;
  }

  private setOf(names: readonly string[]): Uint8Array {
    const set = new Uint8Array(16);
    for (const name of names) {
      const fd = this.names.get(name) ?? NOTHING;
      if (fd < 128) set[fd >> 3] = (set[fd >> 3] as number) | (1 << (fd & 7));
    }
    return set;
  }
}

export function replay(sequence: Sequence): Program {
  return program(sequence.name, (env) => new Replay(env).run(sequence));
}

/** The sequence as a program for test/oracle/programs. */
export function sourceOf({ name, forks, steps }: Sequence): string {
  const lines = steps.map(({ process, call, args, makes, waits }) => {
    const written = args.map(argumentSource).join(', ');
    const rest = `${makes.length > 0 || waits ? `, [${makes.map((each) => `'${each}'`).join(', ')}]` : ''}${waits ? ', true' : ''}`;
    return `    ${process}('${call}', [${written}]${rest}),`;
  });
  return `sequence('${name}', ${forks}, [\n${lines.join('\n')}\n]),`;
}

function argumentSource(argument: Argument): string {
  if (typeof argument === 'string') return JSON.stringify(argument);
  if (typeof argument !== 'object' || argument === null) return String(argument);
  if ('bytes' in argument) return `{ bytes: Uint8Array.of(${argument.bytes.join(', ')}) }`;
  if ('list' in argument) return `{ list: [${argument.list.map(argumentSource).join(', ')}] }`;
  if ('record' in argument) {
    const fields = Object.entries(argument.record).map(([name, value]) => `${name}: ${argumentSource(value)}`);
    return `{ record: { ${fields.join(', ')} } }`;
  }
  return JSON.stringify(argument).replaceAll('"', "'").replaceAll(/'(\w+)':/g, ' $1: ').replaceAll('}', ' }');
}

/** For programs that were printed by `sourceOf`: steps of the two processes, and the whole. */
export function p1(call: string, args: readonly Argument[], makes: readonly string[] = [], waits = false): Step {
  return { process: 'p1', call, args, makes, waits };
}

export function p2(call: string, args: readonly Argument[], makes: readonly string[] = [], waits = false): Step {
  return { process: 'p2', call, args, makes, waits };
}

export function sequence(name: string, forks: boolean, steps: readonly Step[]): Program {
  return replay({ name, forks, steps });
}
