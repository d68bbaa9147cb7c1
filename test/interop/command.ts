/**
 * The `sockscape` command as tests run it: built when that is due, started as a child, ended with it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { HostReports } from './host-reports.ts';

export const root = resolve(process.env.SOCKSCAPE_ROOT ?? '.');
const launcher = join(root, 'bin/sockscape.cjs');
let built = false;

/** The words that start the command; builds it first, which takes a moment only when sources have changed. */
export function commandLine(...args: string[]): string[] {
  if (!built) {
    const run = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-types'], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`the build failed: ${run.stderr}`);
    built = true;
  }
  return [process.execPath, launcher, ...args];
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end, with `input` on its standard input. A program that hangs is killed and fails the test; so does
 * one whose hosts leave anything behind.
 */
export function run(words: readonly string[], input: string | Uint8Array = '', seconds = 60): Ended {
  const [program, ...args] = words as [string, ...string[]];
  const reports = new HostReports();
  const ended = spawnSync(program, args, {
    encoding: 'utf8', input, timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 1 << 28, env: reports.environment(process.env),
  });
  const problems = reports.problems(ended.status === 0);
  if (ended.error !== undefined) throw new Error(`${words.join(' ')}: ${ended.error.message}\n${ended.stdout}${ended.stderr}`);
  if (problems.length > 0) throw new Error(`${words.join(' ')}: ${problems.join('; ')}\n${ended.stderr}`);
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

/** Runs a command to its end beside this process's event loop. */
export function runBeside(words: readonly string[], input: string | Uint8Array = '', seconds = 60): Promise<Ended> {
  const running = new Running(words);
  running.child.stdin?.end(input);
  const timer = setTimeout(() => running.child.kill('SIGKILL'), seconds * 1000);
  return running.ended().finally(() => clearTimeout(timer));
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * A child that goes on running; nothing is left of it when the test process ends. Its end fails when hosts of ours leave
 * anything behind in it.
 */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  private readonly reports = new HostReports();
  private readonly end: Promise<Ended>;
  private readonly looks = new Set<() => void>();

  private readonly words: readonly string[];

  constructor(words: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.words = words;
    const [program, ...args] = words as [string, ...string[]];
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: this.reports.environment(env) });
    alive.add(this.child);
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      for (const look of this.looks) look();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      for (const look of this.looks) look();
    });
    this.end = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (status) => {
        alive.delete(this.child);
        const problems = this.reports.problems(status === 0);
        if (problems.length > 0) reject(new Error(`${words.join(' ')}: ${problems.join('; ')}\n${this.stderr}`));
        resolve({ status, stdout: this.stdout, stderr: this.stderr });
        for (const look of this.looks) look();
      });
    });
    this.end.catch(() => {});
  }

  /** Is this `sockscape tap`, perhaps in a namespace? */
  get isTap(): boolean {
    return this.words.includes(launcher) && this.words.includes('tap');
  }

  ended(): Promise<Ended> {
    return this.end;
  }

  /** Waits until standard output (or standard error) matches; throws with all that was said when it does not. */
  async says(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout', seconds = 20): Promise<RegExpExecArray> {
    let timer: NodeJS.Timeout | undefined;
    let look: () => void = () => {};
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Error(`${why} before ${pattern}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`));
      look = (): void => {
        const match = pattern.exec(this[stream]);
        if (match !== null) resolve(match);
        else if (this.child.exitCode !== null) fail(`ended with status ${this.child.exitCode}`);
      };
      this.looks.add(look);
      timer = setTimeout(() => fail(`${seconds} s passed`), seconds * 1000);
      look();
    });
    try {
      return await found;
    } finally {
      clearTimeout(timer);
      this.looks.delete(look);
    }
  }

  /** Sends a signal and waits for the end; a child that does not heed it within 10 s is killed, and `status` is null. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    return this.end.finally(() => clearTimeout(timer));
  }
}
