/** Runs one program on one side and returns its trace. Called by main.ts and oracle.test.ts. */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import type { Program, ProgramEnvironment, Side, SideHost, SideProcess } from './program.ts';
import { SpliceRecorder } from './recorder-splice.ts';
import { Trace } from './trace.ts';

/** Real milliseconds after which a program is given up; a call still under way then counts as blocked. */
const PATIENCE_MS = 10_000;
const SETTLE_MS = 20;

class Environment implements ProgramEnvironment {
  private readonly host: SideHost;
  private readonly trace: Trace;
  private readonly processes = new Map<Syscalls, SideProcess>();
  private readonly pids = new Map<number, string>();

  constructor(host: SideHost, trace: Trace) {
    this.host = host;
    this.trace = trace;
  }

  async process(): Promise<Syscalls> {
    return this.adopt(await this.host.spawn(false));
  }

  async signalProcess(): Promise<Syscalls> {
    return this.adopt(await this.host.spawn(true));
  }

  async fork(parent: Syscalls): Promise<Syscalls> {
    return this.adopt(await (this.processes.get(parent) as SideProcess).fork());
  }

  mayDie(process: Syscalls): void {
    (process as SpliceRecorder).end();
  }

  private adopt(started: SideProcess): Syscalls {
    const name = `p${this.processes.size + 1}`;
    this.pids.set(started.pid, name);
    const recorder = new SpliceRecorder(name, started.calls, this.trace, this.pids);
    this.processes.set(recorder, started);
    return recorder;
  }

  pidOf(process: Syscalls): number {
    return this.processes.get(process)?.pid ?? 0;
  }

  async exit(process: Syscalls, status = 0): Promise<void> {
    (process as SpliceRecorder).end();
    await this.processes.get(process)?.exit(status);
  }

  sysctl(name: string, value: string): Promise<void> {
    return this.host.sysctl(name, value);
  }

  plugIn(index: number, addresses: readonly string[]): Promise<void> {
    return this.host.plugIn(index, addresses);
  }

  async store(process: Syscalls, view: Uint8Array): Promise<void> {
    await this.processes.get(process)?.store?.(view);
  }

  async load(process: Syscalls, view: Uint8Array): Promise<void> {
    await this.processes.get(process)?.load?.(view);
  }

  async limitDescriptors(process: Syscalls, most: number): Promise<void> {
    await this.processes.get(process)?.limitDescriptors(most);
  }

  settle(ms = SETTLE_MS): Promise<void> {
    return this.host.sleep(ms);
  }

  now(): number {
    return this.host.now();
  }

  wordData(words: (bytes: Uint8Array) => string | null): void {
    this.trace.words = words;
  }

  note(what: string, value: string | number | boolean): void {
    const entry = this.trace.add(`note ${what}`, 'note', 'none');
    entry.outcome = String(value);
    entry.kind = entry.outcome;
  }

  noteTime(what: string, start: number, least: number, most: number): void {
    const took = this.host.now() - start;
    this.note(what, took >= least && took < most + this.host.latenessMs);
  }

  begin<T>(call: Promise<T>): Promise<T> {
    call.catch(() => {
      // Whoever awaits it sees the failure too; the trace has it in any case.
    });
    return call;
  }

  async attempt(call: Promise<unknown>): Promise<string | null> {
    try {
      await call;
      return null;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined) throw error;
      return code;
    }
  }
}

export async function runProgram(program: Program, side: Side): Promise<Trace> {
  const trace = new Trace();
  const host = await side.open();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the program did not come to its end')), PATIENCE_MS);
  });
  patience.catch(() => {});
  host.stuck.catch(() => {});
  try {
    await Promise.race([program.run(new Environment(host, trace)), patience, host.stuck]);
  } catch (error) {
    const { code, message, stack } = error as NodeJS.ErrnoException;
    trace.failure = code === undefined ? String(stack ?? message) : message;
  } finally {
    clearTimeout(timer);
    // What comes after the end (calls that fail because the host goes away) is not part of the trace.
    trace.freeze();
    trace.leftovers = await host.leftovers();
    await host.close();
  }
  return trace;
}
