/** `sockscape man [-k WORD] [NAME...]`: the manual, from docs/man/ of the package. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isatty } from 'node:tty';
import { PlatformError } from '../platform/node/libc.ts';
import { formatPage, type ManPage, PLAIN, parsePage } from './man-page.ts';
import { numberOption, parseOptions } from './options.ts';
import { complain, print, STDOUT } from './output.ts';
import { paint } from './terminal.ts';

export const MAN_HELP = `usage: sockscape man [--width N] NAME...
       sockscape man -k WORD...
       sockscape man

Shows the manual page of a call, a helper or a program: synopsis in TypeScript, what it does, its errors, how it differs from
Linux, an example. Without a name it lists all pages. Lines are as wide as the terminal, 80 columns where there is none, and
at most 100.

  -k WORD     lists the pages whose names, summary or first paragraph hold the word, as apropos(1) does
  --width N   columns of a line, 40 to 1000

Exit status: 0; 16 when there is no such page, or none about any of the words, as of man(1).

examples:
  sockscape man accept
  sockscape man -k queue
`;

const NOTHING_FOUND = 16;
const DEFAULT_WIDTH = 80;
/** Longer lines are hard to read. */
const WIDEST = 100;

/** docs/man above this file, wherever the build has put it. */
function folderOfPages(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const pages = join(folder, 'docs/man');
    try {
      readFileSync(join(pages, 'intro.md'));
      return pages;
    } catch {
      // Not here.
    }
    if (folder === dirname(folder)) throw new PlatformError('the manual (docs/man) is not installed');
  }
}

function readPages(): ManPage[] {
  const folder = folderOfPages();
  return readdirSync(folder).filter((name) => name.endsWith('.md')).sort().map((name) => parsePage(readFileSync(join(folder, name), 'utf8')));
}

/** How wide lines are: what was asked for, or the terminal. */
function widthOf(asked: string | undefined): number {
  if (asked !== undefined) return numberOption('--width', asked, 40, 1000);
  const columns = isatty(STDOUT) ? (process.stdout.columns ?? 0) : Number(process.env['COLUMNS'] ?? 0);
  return columns >= 40 ? Math.min(columns, WIDEST) : DEFAULT_WIDTH;
}

/** A line for each page; the summary is on a line of its own behind names that are too many for one. */
function listing(pages: readonly ManPage[]): string {
  const indent = Math.min(30, Math.max(...pages.map(({ names }) => names.join(', ').length)));
  return pages.map(({ names, summary }) => {
    const all = names.join(', ');
    return all.length <= indent ? `${all.padEnd(indent)} - ${summary}\n` : `${all}\n${' '.repeat(indent)} - ${summary}\n`;
  }).join('');
}

/** What a search looks through, in small letters. */
function searchedText({ names, summary, sections }: ManPage): string {
  const first = sections.find(({ title }) => title === 'Description')?.blocks.find(({ kind }) => kind === 'text')?.text ?? '';
  return `${names.join(' ')} ${summary} ${first}`.toLowerCase();
}

/** The command; returns its exit status. */
export async function man(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, { '-k': 'list', '--width': 'value' });
  const pages = readPages();
  const width = widthOf(options.values.get('--width'));
  const words = options.list('-k');
  if (words.length > 0) {
    return search(pages, [...words, ...options.operands]);
  }
  // As man(1) is used: the section is the same everywhere.
  const names = options.operands.length > 1 && /^[1-8]$/.test(options.operands[0] as string) ? options.operands.slice(1) : options.operands;
  if (names.length === 0) {
    print(listing(pages));
    return 0;
  }
  let status = 0;
  const style = isatty(STDOUT)
    ? { width, bold: (text: string) => paint(STDOUT, 'bold', text), underlined: (text: string) => paint(STDOUT, 'underlined', text) }
    : { width, ...PLAIN };
  names.forEach((name, i) => {
    const page = pages.find((each) => each.names.includes(name.replace(/\(\d\w*\)$/, '')));
    if (page === undefined) {
      complain(`sockscape man: there is no page about '${name}'; 'sockscape man' lists them, 'sockscape man -k ${name}' searches\n`);
      status = NOTHING_FOUND;
    } else print((i > 0 ? '\n' : '') + formatPage(page, style));
  });
  return status;
}

function search(pages: readonly ManPage[], words: readonly string[]): number {
  let status = NOTHING_FOUND;
  for (const word of words) {
    const wanted = word.toLowerCase();
    const found = pages.filter((page) => searchedText(page).includes(wanted));
    if (found.length === 0) complain(`${word}: nothing appropriate.\n`);
    else {
      print(listing(found));
      status = 0;
    }
  }
  return status;
}
