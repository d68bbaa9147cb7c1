/**
 * Command-line options: what is not known, not complete or given twice is answered with one sentence and exit status 2.
 */

/** The command was called wrongly; the message is one sentence. */
export class UsageError extends Error {}

/** `flag` takes nothing, `value` one word, `list` one or more words and may be repeated; `count` is a flag that adds up. */
export type OptionKind = 'flag' | 'value' | 'list';

export class ParsedOptions {
  readonly flags: Set<string> = new Set();
  readonly values: Map<string, string> = new Map();
  readonly lists: Map<string, string[]> = new Map();
  /** Words that belong to no option. */
  readonly operands: string[] = [];

  list(name: string): readonly string[] {
    return this.lists.get(name) ?? [];
  }
}

/** Reads `args`. Long options also take their value as `--name=value`; `--` ends the options. */
export function parseOptions(args: readonly string[], known: Readonly<Record<string, OptionKind>>): ParsedOptions {
  const parsed = new ParsedOptions();
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (word === '--') {
      parsed.operands.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      parsed.operands.push(word);
      continue;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const name = equals < 0 ? word : word.slice(0, equals);
    const attached = equals < 0 ? null : word.slice(equals + 1);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw new UsageError(`unknown option ${name}`);
    if (kind === 'flag') {
      if (attached !== null) throw new UsageError(`${name} takes no value`);
      parsed.flags.add(name);
      continue;
    }
    const words: string[] = attached === null ? [] : [attached];
    if (attached === null) {
      const most = kind === 'value' ? 1 : Infinity;
      while (words.length < most && i + 1 < args.length && !isOption(args[i + 1] as string)) words.push(args[++i] as string);
    }
    if (words.length === 0 || words.includes('')) throw new UsageError(`${name} needs a value`);
    if (kind === 'value') {
      if (parsed.values.has(name)) throw new UsageError(`${name} is given twice`);
      parsed.values.set(name, words[0] as string);
    } else {
      parsed.lists.set(name, [...parsed.list(name), ...words]);
    }
  }
  return parsed;
}

function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

/** A whole number between two bounds. */
export function numberOption(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new UsageError(`${name} takes a number from ${least} to ${most}, not '${text}'`);
  return value;
}
