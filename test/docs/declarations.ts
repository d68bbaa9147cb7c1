/**
 * What the sources declare, read as text: the calls of `Syscalls`, the methods of `Process`, the functions of the entry
 * `sockscape`, each with its signature.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../results.ts';

const FOLDER = join(root, 'src/api/posix');

/** One line, and no blanks, commas or readonly words that do not matter. */
export function normalized(signature: string): string {
  return signature.replace(/\s+/g, ' ').replace(/([([{<]) /g, '$1').replace(/,? ([)\]}>])/g, '$1').replace(/;? ?$/, '').trim();
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/** From `at` on until the bracket that opens there is closed. */
function bracketed(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const letter = text[i] as string;
    if ('([{'.includes(letter)) depth++;
    else if (')]}'.includes(letter) && --depth === 0) return i + 1;
  }
  throw new Error('a bracket is not closed');
}

/** `(parameters): result` from the parenthesis (or the type parameters) at `at` on; the result ends at `;` or the body's brace. */
function signatureAt(text: string, at: number): string {
  const open = text.indexOf('(', at);
  let i = bracketed(text, open);
  for (let depth = 0; i < text.length; i++) {
    const letter = text[i] as string;
    if (depth === 0 && (letter === ';' || (letter === '{' && /[\w>\])}]\s*$/.test(text.slice(0, i)) && !/[:|&]\s*$/.test(text.slice(0, i))))) break;
    if ('([{<'.includes(letter)) depth++;
    else if (')]}'.includes(letter) || (letter === '>' && text[i - 1] !== '=')) depth--;
  }
  return normalized(text.slice(at, i));
}

function sources(): [file: string, text: string][] {
  return readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => [name, withoutComments(readFileSync(join(FOLDER, name), 'utf8'))]);
}

/** The calls of the interface `Syscalls` and of those that it extends: name and signature. */
export function syscalls(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, text] of sources()) {
    for (const match of text.matchAll(/export interface \w*Syscalls[^{]*\{/g)) {
      const start = match.index + match[0].length - 1;
      const body = text.slice(start + 1, bracketed(text, start) - 1);
      for (const member of body.matchAll(/^ {2}(\w+)\??(?=[(<])/gm)) {
        found.set(member[1] as string, signatureAt(body, member.index + member[0].length));
      }
    }
  }
  return found;
}

/** Public methods, getters and setters of the classes that `Process` is made of, by name. */
export function processMembers(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [file, text] of sources()) {
    if (!/(-calls|^process|^face)\.ts$/.test(file)) continue;
    for (const match of text.matchAll(/^ {2}(?:async )?(get |set )?(\w+)(?=[(<])/gm)) {
      const name = match[2] as string;
      if (['constructor', 'if', 'for', 'while', 'switch', 'return', 'super'].includes(name)) continue;
      const signature = signatureAt(text, match.index + match[0].length);
      found.set(name, match[1] === 'get ' ? signature.replace('()', '') : signature);
    }
  }
  return found;
}

/** Public methods and getters of a class, as they are used: `world.now: number`, `host.routes(): string[]`. Overloads each. */
export function memberLines(path: string, name: string): string[] {
  const text = withoutComments(readFileSync(join(root, path), 'utf8'));
  const start = text.indexOf('{', text.indexOf(`export class ${name} `));
  const body = text.slice(start, bracketed(text, start));
  const found: { name: string; line: string; isOverload: boolean }[] = [];
  for (const match of body.matchAll(/^ {2}(?:async )?(get )?(\w+)(?=[(<])/gm)) {
    const [all, getter, member = ''] = match;
    if (member === 'constructor') continue;
    const signature = signatureAt(body, match.index + all.length);
    const isOverload = body.slice(match.index).split('\n')[0]?.endsWith(';') === true;
    found.push({ name: member, line: `${name.toLowerCase()}.${member}${getter === undefined ? signature : signature.replace('()', '')}`, isOverload });
  }
  const overloaded = new Set(found.filter(({ isOverload }) => isOverload).map((one) => one.name));
  return found.filter((one) => one.isOverload || !overloaded.has(one.name)).map(({ line }) => line);
}

/** How a class is made: `new Process(host: Host)`. */
export function constructorOf(path: string, name: string): string {
  const text = withoutComments(readFileSync(join(root, path), 'utf8'));
  const at = text.indexOf('constructor(', text.indexOf(`export class ${name} `));
  return `new ${name}${signatureAt(text, at + 'constructor'.length)}`;
}

/** Exported functions of one file. */
export function functionsOf(path: string): Map<string, string> {
  const text = withoutComments(readFileSync(join(root, path), 'utf8'));
  const found = new Map<string, string>();
  for (const match of text.matchAll(/^export (?:async )?function (\w+)/gm)) {
    found.set(match[1] as string, signatureAt(text, match.index + match[0].length));
  }
  return found;
}

/** An exported function's declarations without a body, one for each way to call it. */
export function overloadsOf(path: string, name: string): string[] {
  const text = withoutComments(readFileSync(join(root, path), 'utf8'));
  return [...text.matchAll(new RegExp(`^export function (${name}\\(.*);$`, 'gm'))].map((match) => normalized(match[1] as string));
}

/** Exported functions of all files that the entry `sockscape` takes from, its own names only. */
export function entryFunctions(): Map<string, string> {
  const entry = withoutComments(readFileSync(join(root, 'src/entry/index.ts'), 'utf8'));
  const found = new Map<string, string>();
  for (const match of entry.matchAll(/export (\*|\{[^}]*\}) from '\.\.\/([^']+)'/g)) {
    const [, what, path] = match as unknown as [string, string, string];
    const names = what === '*' ? null : new Set([...what.matchAll(/(\w+)(?=\s*[,}])/g)].map((name) => name[1]));
    for (const [name, signature] of reexported(join('src', path))) if (names === null || names.has(name)) found.set(name, signature);
  }
  return found;
}

/** A file's functions, and those that it hands on. */
function reexported(path: string): Map<string, string> {
  const found = functionsOf(path);
  const text = withoutComments(readFileSync(join(root, path), 'utf8'));
  for (const match of text.matchAll(/export (\*|\{[^}]*\}) from '([^']+)'/g)) {
    for (const [name, signature] of reexported(join(path, '..', match[2] as string))) {
      if (match[1] === '*' || new RegExp(`\\b${name}\\b`).test(match[1] as string)) found.set(name, signature);
    }
  }
  return found;
}
