/**
 * A command as one text, such as `server: tcpdump -i any 'tcp port 9502'`: the host's name, if any, and the words.
 *
 * Called by demo.ts and tap.ts for --run.
 */
import type { Host } from '../host.ts';
import { CATALOGUE } from '../programs/catalogue.ts';
import { realFiles } from './real-files.ts';
import { UsageError } from './options.ts';
import type { Task } from './program-run.ts';

/** Words as a shell makes them of a line: blanks separate, quotes and backslashes hold together. Nothing is expanded. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quote !== '' && c === quote) quote = '';
    else if (c === '\\' && quote !== "'" && i + 1 < text.length) word = (word ?? '') + text[++i];
    else if (quote !== '') word += c;
    else if (c === "'" || c === '"') {
      quote = c;
      word ??= '';
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (quote !== '') throw new UsageError(`the quote ${quote} has no end in '${text}'`);
  if (word !== null) words.push(word);
  return words;
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
