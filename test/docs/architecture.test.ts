/** ARCHITECTURE.md answers "where does X happen" with names that exist: each `name` in `path` is looked up. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = process.env['SOCKSCAPE_ROOT'] ?? process.cwd();
const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');

/** Table rows: | question | `name` ... | `src/...` |; several names and paths belong together in order. */
function rows(): { question: string; names: string[]; paths: string[] }[] {
  const found = [];
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== 5 || !(cells[3] as string).startsWith('`src/')) continue;
    const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
    found.push({ question: cells[1] as string, names: quoted(cells[2] as string), paths: quoted(cells[3] as string) });
  }
  return found;
}

test('ARCHITECTURE.md: every name is defined in the file that is given for it', () => {
  const all = rows();
  assert.ok(all.length >= 25, `only ${all.length} answers`);
  for (const { question, names, paths } of all) {
    assert.ok(names.length > 0 && paths.length > 0, question);
    names.forEach((name, i) => {
      const path = paths[Math.min(i, paths.length - 1)] as string;
      assert.ok(existsSync(join(root, path)), `${question}: there is no ${path}`);
      const source = readFileSync(join(root, path), 'utf8');
      const plain = (name.split('.').pop() as string).replace(/\(.*/, '');
      const definition = new RegExp(
        `(function|class|interface|const|type) ${plain}\\b|^\\s+(private |protected |static |override |async |abstract |get |readonly )*\\*?${plain}\\s*(\\(|:|=|<)`, 'm',
      );
      assert.match(source, definition, `${question}: ${path} does not define ${name}`);
    });
  }
});

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => `${folder}/${String(name)}`)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && statSync(join(root, path)).isFile());
}

test('no source file has more than 900 lines without its reason in the first paragraph', () => {
  for (const path of sources('src')) {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    if (lines.length <= 900) continue;
    assert.match(lines.slice(0, 12).join('\n'), /long|lines|one file/i, `${path} has ${lines.length} lines`);
  }
});
