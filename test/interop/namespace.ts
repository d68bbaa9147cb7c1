/**
 * A network namespace of a test's own, and a host of ours on a TAP device inside it. Both are gone when the test is.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { commandLine, type Ended, Running, run, runBeside } from './command.ts';

const existing = new Set<Namespace>();
process.on('exit', () => {
  for (const namespace of existing) namespace.remove();
});

/** Namespaces of test processes that were killed: their number is nobody's any more. */
function sweep(): void {
  for (const name of namesOfNamespaces()) {
    const pid = /^ss-(\d+)-\d+$/.exec(name)?.[1];
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 0);
    } catch {
      spawnSync('ip', ['netns', 'delete', name]);
    }
  }
}

function namesOfNamespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}

export class Namespace {
  private static count = 0;
  readonly name: string;
  private readonly started: Running[] = [];

  constructor() {
    if (Namespace.count === 0) sweep();
    this.name = `ss-${process.pid}-${Namespace.count++}`;
    const made = run(['ip', 'netns', 'add', this.name]);
    if (made.status !== 0) throw new Error(`ip netns add: ${made.stderr}`);
    existing.add(this);
    this.run('ip', 'link', 'set', 'dev', 'lo', 'up');
  }

  words(...words: string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...words];
  }

  /** Runs a program inside to its end; its status must be 0. */
  run(...words: string[]): Ended {
    const ended = run(this.words(...words));
    if (ended.status !== 0) throw new Error(`${words.join(' ')}: status ${ended.status}\n${ended.stdout}${ended.stderr}`);
    return ended;
  }

  /** The same beside the event loop, with input, and with whatever status. */
  runBeside(words: readonly string[], input: string | Uint8Array = '', seconds = 60): Promise<Ended> {
    return runBeside(this.words(...words), input, seconds);
  }

  start(...words: string[]): Running {
    const running = new Running(this.words(...words));
    this.started.push(running);
    return running;
  }

  /** A counter of the kernel in here: `Tcp InCsumErrors`, `Udp6InCsumErrors`. */
  counter(name: string): number {
    const [table, column] = name.split(' ');
    if (column === undefined) {
      const line = new RegExp(`^${name}\\s+(\\d+)$`, 'm').exec(this.run('cat', '/proc/net/snmp6').stdout);
      return Number(line?.[1] ?? Number.NaN);
    }
    const lines = this.run('cat', '/proc/net/snmp').stdout.split('\n').filter((line) => line.startsWith(`${table}: `));
    const at = lines[0]?.split(' ').indexOf(column) ?? -1;
    return Number(lines[1]?.split(' ')[at] ?? Number.NaN);
  }

  /** Ends what still runs, hosts of ours in their own way, which leaves nothing behind; then removes the namespace. */
  async end(): Promise<void> {
    for (const running of this.started) {
      if (running.child.exitCode !== null || running.child.signalCode !== null) continue;
      if (!running.isTap) continue;
      const { status } = await running.stop();
      if (status === null) throw new Error(`a host did not end well: ${running.stderr}`);
    }
    this.remove();
  }

  remove(): void {
    if (!existing.delete(this)) return;
    for (const { child } of this.started) child.kill('SIGKILL');
    spawnSync('ip', ['netns', 'delete', this.name]);
  }
}

export const OURS4 = '192.0.2.2';
export const OURS6 = '2001:db8::2';
const THEIRS4 = '192.0.2.1';
const THEIRS6 = '2001:db8::1';

/** `sockscape tap` in a namespace, with addresses of both families on both sides. */
export async function startTap(namespace: Namespace, ...more: string[]): Promise<Running> {
  const running = namespace.start(
    ...commandLine('tap', '--address', `${OURS4}/24`, `${OURS6}/64`, '--host-address', `${THEIRS4}/24`, `${THEIRS6}/64`, ...more),
  );
  await running.says(/^ready$/m);
  return running;
}
