/**
 * A command as one text, such as `server: tcpdump -i any 'tcp port 9502'`: the host's name, if any, and the words.
 *
 * Called by demo.ts and tap.ts for --run.
 */
import type { Host } from '../host.ts';
import { CATALOGUE } from '../programs/catalogue.ts';
import { UsageFault } from '../programs/getopt.ts';
import { shellWords } from '../programs/shell-words.ts';
import { realFiles } from './real-files.ts';
import { UsageError } from './options.ts';
import type { Task } from './program-run.ts';

/** The words of a command, as a shell splits them. */
export function splitWords(text: string): string[] {
  try {
    return shellWords(text);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    throw new UsageError(error.message);
  }
}

/** What `--run TEXT` means on these hosts; the first of them is meant when the text names none. */
export function taskOf(text: string, hosts: ReadonlyMap<string, Host>): Task {
  const [, name, rest] = /^\s*([\w.-]+):(?:\s+|(?=[a-z]))(.*)$/s.exec(text) ?? [];
  const host = name === undefined ? [...hosts.values()][0] : hosts.get(name);
  if (host === undefined) throw new UsageError(`there is no host '${name}', only ${[...hosts.keys()].join(' and ')}`);
  const [program = '', ...args] = splitWords(rest ?? text);
  return programTask(host, program, args);
}

/** A program of the catalogue on a host. */
export function programTask(host: Host, program: string, args: readonly string[]): Task {
  const entry = CATALOGUE.get(program);
  if (entry === undefined) {
    throw new UsageError(`there is no program '${program}', only ${[...CATALOGUE.keys()].sort().join(', ')}`);
  }
  return { host, name: program, run: realFiles.get(program) ?? entry.run, args, readsInput: entry.readsInput };
}
