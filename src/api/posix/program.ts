/** Programs: what a process runs, and how it begins and ends. Called by Process.spawn. */
import { wrongKind } from '../../base/arguments.ts';
import { Completion } from '../../base/loop.ts';
import { fieldOf } from '../../base/thrown.ts';
import { exit } from '../../kernel/calls/processes.ts';
import type { Process } from './process.ts';

/** A program: user space over one process's calls. Resolves to the exit code. */
export type Program = (process: Process, args: readonly string[]) => Promise<number>;

/** The name of a program's function; '' where that is no text. */
export function programName(program: Program): string {
  const name = fieldOf(program, 'name');
  return typeof name === 'string' ? name : '';
}

/** What a program resolved to, which C would cast as it casts the argument of exit. */
function exitCode(name: string, result: unknown): number {
  if (typeof result === 'number') return result;
  if (result === undefined) return 0;
  throw wrongKind(`spawn: the result of the program ${name}`, 'a number (its exit code) or nothing', result);
}

/** How a child begins. */
export interface ChildOptions {
  /** Its name, of which /proc and `ss -p` tell 15 bytes; that of the program's function when it is left out, else the parent's. */
  name?: string;
  /** Its environment; the parent's when it is left out. */
  env?: Readonly<Record<string, string>>;
  /**
   * Done in the child before anything is closed, in this order: `[from, to]` makes `to` a duplicate of `from`, without its
   * close-on-exec (posix_spawn_file_actions_adddup2).
   */
  duplicate?: readonly (readonly [from: number, to: number])[];
  /** Its process group: 0 for one of its own (POSIX_SPAWN_SETPGROUP). */
  processGroup?: number;
  /** It begins a session of its own (POSIX_SPAWN_SETSID). */
  newSession?: boolean;
}

/** The first step of a child's program, which runs when the parent's call is over. */
export class ProgramStart extends Completion {
  private readonly process: Process;
  private readonly program: Program;

  constructor(process: Process, program: Program) {
    super();
    this.process = process;
    this.program = program;
  }

  deliver(): void {
    void this.run();
  }

  /**
   * Runs the program to its end. What it throws ends the process with status 1 and fails like any rejection that nobody
   * looks at; but not in a process that has been ended meanwhile, whose calls all fail.
   */
  private async run(): Promise<void> {
    const { core } = this.process;
    if (core.exited) return;
    let code = 1;
    try {
      code = exitCode(core.name, await this.program(this.process, core.args));
    } catch (error) {
      if (!core.exited) throw error;
    } finally {
      exit(core, code);
    }
  }
}
