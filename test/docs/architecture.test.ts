/**
 * ARCHITECTURE.md answers "where does X happen" with names that exist: each `name` is looked up in the declarations of
 * `path`, by a parser; what is only called or mentioned there does not count. The names in the arrows at its head are declared
 * somewhere in src.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'acorn';
import { transform } from 'esbuild';
import { root } from '../results.ts';

interface Answer {
  readonly question: string;
  readonly names: readonly string[];
  readonly paths: readonly string[];
}

/** Table rows: | question | `name` ... | `src/...` |; several names and paths belong together in order. */
function answers(): Answer[] {
  const found = [];
  const lines = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('\n');
  // Every row of the table, so that one that is written another way fails rather than goes unread.
  for (let i = lines.findIndex((line) => line.startsWith('| question |')) + 2; lines[i]?.startsWith('|') === true; i++) {
    const cells = (lines[i] as string).split('|').map((cell) => cell.trim());
    assert.equal(cells.length, 5, `three cells: ${lines[i]}`);
    assert.match(cells[3] as string, /^`src\//, `a file in the third cell: ${lines[i]}`);
    const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
    found.push({ question: cells[1] as string, names: quoted(cells[2] as string), paths: quoted(cells[3] as string) });
  }
  return found;
}

/** What a file declares at its top level, and members of classes both as `member` and as `Class.member`. */
async function declarationsOf(text: string): Promise<Set<string>> {
  const names = new Set<string>();
  const { code } = await transform(text, { loader: 'ts', format: 'esm', target: 'esnext' });
  for (const statement of parse(code, { ecmaVersion: 'latest', sourceType: 'module' }).body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (declaration?.type === 'VariableDeclaration') {
      for (const { id } of declaration.declarations) if (id.type === 'Identifier') names.add(id.name);
    } else if (declaration?.type === 'FunctionDeclaration') {
      names.add(declaration.id.name);
    } else if (declaration?.type === 'ClassDeclaration') {
      const owner = declaration.id.name;
      names.add(owner);
      for (const member of declaration.body.body) {
        if (member.type === 'StaticBlock' || member.key.type !== 'Identifier') continue;
        names.add(member.key.name).add(`${owner}.${member.key.name}`);
      }
    }
  }
  // These are gone from the code.
  for (const [, name] of text.matchAll(/^(?:export )?(?:interface|type) (\w+)\b/gm)) names.add(name as string);
  let owner = '';
  for (const [, name, member] of text.matchAll(/^(?:export )?(?:abstract )?class (\w+)|^ {2}(?:protected )?abstract (?:readonly |get )?(\w+)/gm)) {
    if (name !== undefined) owner = name;
    else names.add(member as string).add(`${owner}.${member}`);
  }
  return names;
}

function sourceTexts(): string[] {
  return readdirSync(join(root, 'src'), { recursive: true }).map(String)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'));
}

/** What the arrows at the head name: with a dot or a capital, as against words of prose (`device`, `send buffer`). */
function arrowNames(text: string): string[] {
  const block = text.split('```')[1] as string;
  return [...block.replace(/^\w+:/gm, '').matchAll(/[A-Za-z]\w*(?:\.\w+)?/g)].map(([name]) => name).filter((name) => /[.A-Z]/.test(name));
}

test('ARCHITECTURE.md: every name is declared in the file that is given for it', async () => {
  const all = answers();
  assert.ok(all.length >= 25, `only ${all.length} answers`);
  for (const { question, names, paths } of all) {
    assert.ok(names.length > 0 && paths.length > 0, question);
    for (const [i, name] of names.entries()) {
      const path = paths[Math.min(i, paths.length - 1)] as string;
      assert.ok(existsSync(join(root, path)), `${question}: there is no ${path}`);
      const declared = await declarationsOf(readFileSync(join(root, path), 'utf8'));
      assert.ok(declared.has(name), `${question}: ${path} does not declare ${name}`);
    }
  }
});

test('ARCHITECTURE.md: every name in the arrows is declared, with its owner or a class that it extends', async () => {
  const declared = new Set<string>();
  const parents = new Map<string, string>();
  for (const text of sourceTexts()) {
    for (const name of await declarationsOf(text)) declared.add(name);
    for (const [, name, parent] of text.matchAll(/\bclass (\w+)(?:<[^>]*>)? extends (\w+)/g)) parents.set(name as string, parent as string);
  }
  const isDeclared = (name: string): boolean => {
    const [owner, member] = name.split('.');
    if (member === undefined || declared.has(name)) return declared.has(name);
    const parent = parents.get(owner as string);
    return parent !== undefined && isDeclared(`${parent}.${member}`);
  };
  const names = arrowNames(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'));
  assert.ok(names.length >= 50, `only ${names.length} names`);
  assert.deepEqual(names.filter((name) => !isDeclared(name)), []);
  assert.ok(isDeclared('Process.recv') && !isDeclared('Process.frameInput') && !isDeclared('ipv4Input'));
});

test('ARCHITECTURE.md answers what a newcomer asks first', () => {
  const byQuestion = new Map(answers().map((answer) => [answer.question, answer]));
  for (const [question, name] of [
    ['where does a SYN get its answer', 'sendSynAck'],
    ['where is a FIN sent', 'sendFin'],
    ['who wakes a blocked recv', 'wake'],
  ] as const) {
    const names = byQuestion.get(question)?.names ?? [];
    assert.ok(names.includes(name), `"${question}" is answered with ${names.join(', ') || 'nothing'}`);
  }
});

test('a call, a mention or a name inside a function is no declaration', async () => {
  const found = await declarationsOf(`
/** remember() and forget: interface Nothing, type None */
import { borrowed } from './x.ts';
export function outer(one: number,
  two: number): void {
  const inner = borrowed;
  called(inner);
}
called(1);
export type Shape = { side: number };
export class Box extends Bag {
  private field = hidden();
  static async *method<T>(
    first: T,
  ): AsyncGenerator<T> {
    this.used(first);
  }
  get size(): number { return 1; }
}
interface Lid { close(): void }
export abstract class Lamp extends Box {
  protected abstract shine(
    at: Box,
  ): void;
}
const [a] = list, lone = 1;
`);
  assert.deepEqual([...found].sort(), [
    'Box', 'Box.field', 'Box.method', 'Box.size', 'Lamp', 'Lamp.shine', 'Lid', 'Shape', 'field', 'lone', 'method', 'outer', 'shine', 'size',
  ]);
});

const LONGEST = 900;

/** Whether a file may be as long as it is: beyond LONGEST, its head says why in the first paragraph of its comment. */
function mayBeSoLong(text: string): boolean {
  if (text.split('\n').length <= LONGEST) return true;
  const comment = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
  const [paragraph] = comment.replace(/^ *\* ?/gm, '').trim().split(/\n\s*\n/) as [string, ...string[]];
  const sentences = paragraph.split(/[.;:](?:\s|$)/);
  return sentences.some((sentence) => /\b(long|length)\b/i.test(sentence) && /\b(because|since|so that)\b/i.test(sentence));
}

test(`no source file has more than ${LONGEST} lines without its reason in the first paragraph`, () => {
  const paths = readdirSync(join(root, 'src'), { recursive: true })
    .map((name) => join(root, 'src', String(name)))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && statSync(path).isFile());
  assert.ok(paths.length > 200, `${paths.length} files`);
  assert.deepEqual(paths.filter((path) => !mayBeSoLong(readFileSync(path, 'utf8'))), []);
});

test('the reason for a long file is a sentence of its own', () => {
  const file = (head: string): string => `${head}\n${'x;\n'.repeat(LONGEST)}`;
  assert.ok(mayBeSoLong(file('/**\n * The state machine. It is long because it follows\n * RFC 9293 step by step.\n */')));
  for (const head of [
    '', '/** Lines that belong to one file. */', '/** How long a timer runs. Some do not, since they are stopped. */',
    '/**\n * The state machine.\n *\n * It is long because it follows the RFC.\n */', '/* Long because. */\n/** Another. */',
  ]) assert.equal(mayBeSoLong(file(head)), false, head);
});
