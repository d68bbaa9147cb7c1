/** Programs on a world's hosts: what they said, how they ended. */
import { Process } from '../../src/api/posix/process.ts';
import { SIGINT, WEXITSTATUS, WIFEXITED, WTERMSIG } from '../../src/api/posix/constants.ts';
import { CATALOGUE } from '../../src/programs/catalogue.ts';
import type { Host } from '../../src/host.ts';

export interface ProgramEnd {
  /** 128 + N after signal N. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs; its terminal can be typed at. */
export class RunningProgram {
  readonly ended: Promise<ProgramEnd>;
  stdout = '';
  stderr = '';
  private readonly shell: Process;
  private pid = -1;

  constructor(host: Host, words: readonly string[]) {
    const [name = '', ...args] = words;
    const entry = CATALOGUE.get(name);
    if (entry === undefined) throw new Error(`no program ${name}`);
    const decoder = new TextDecoder();
    const shell = new Process(host, 'shell', {
      output: (bytes) => void (this.stdout += decoder.decode(bytes)), errors: (bytes) => void (this.stderr += decoder.decode(bytes)),
    });
    this.shell = shell;
    this.ended = (async () => {
      this.pid = await shell.spawn(entry.run, args, { name, processGroup: 0 });
      const { status } = await shell.waitpid(this.pid);
      shell.exit();
      return {
        status: WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), stdout: this.stdout, stderr: this.stderr,
      };
    })();
  }

  type(text: string): void {
    this.shell.feedInput(new TextEncoder().encode(text));
  }

  /** Types a text of any length, as fast as it is read, and the end of the input behind it. */
  async typeAll(text: string): Promise<void> {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) {
      rest = rest.subarray(this.shell.feedInput(rest));
      await this.shell.sleep(1000);
    }
    this.endInput();
  }

  endInput(): void {
    this.shell.feedInput(null);
  }

  interrupt(signo: number = SIGINT): Promise<void> {
    return this.shell.kill(this.pid, signo);
  }
}

/** Runs a program to its end, with this on its standard input. */
export function runProgram(host: Host, command: string | readonly string[], input = ''): Promise<ProgramEnd> {
  const running = new RunningProgram(host, typeof command === 'string' ? command.split(' ') : command);
  if (input !== '') running.type(input);
  running.endInput();
  return running.ended;
}
