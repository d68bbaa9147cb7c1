/**
 * The manual, docs/man/*.md: a page for every call, helper and program, and none about what is not there; synopses are the
 * declarations, errors are those that the oracle has compared (docs/errors.md), and every example runs and prints what it says.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { build } from 'esbuild';
import { DEMO_HELP } from '../../src/cli/demo.ts';
import { formatPage, type ManPage, PLAIN, parsePage, sectionOf } from '../../src/cli/man-page.ts';
import { MAN_HELP } from '../../src/cli/man.ts';
import { RUN_HELP } from '../../src/cli/run.ts';
import { TAP_HELP } from '../../src/cli/tap.ts';
import { TCPDUMP_HELP } from '../../src/cli/tcpdump.ts';
import * as sockscape from '../../src/entry/index.ts';
import { CATALOGUE } from '../../src/programs/catalogue.ts';
import { readErrorsPage } from '../oracle/errors/page.ts';
import { needs } from '../needs.ts';
import { root } from '../results.ts';
import { constructorOf, entryFunctions, functionsOf, memberLines, normalized, overloadsOf, processMembers, syscalls } from './declarations.ts';

const FOLDER = join(root, 'docs/man');
/** The commands of `sockscape` that are no programs of the catalogue, by name (src/cli/main.ts). */
const COMMAND_HELP = new Map(Object.entries({ demo: DEMO_HELP, man: MAN_HELP, run: RUN_HELP, tap: TAP_HELP, tcpdump: TCPDUMP_HELP }));
/** Pages about no single call. */
const OVERVIEWS = ['intro'];
/** Of the entry `sockscape/sim`: what each page's synopsis shows, every public member. */
const SIM = new Map<string, readonly string[]>([
  ['simulate', [`simulate${functionsOf('src/platform/node/virtual/node-world.ts').get('simulate')}`]],
  ['simTest', overloadsOf('src/platform/node/sim-test/sim-test.ts', 'simTest')],
  ['World', memberLines('src/sim/world.ts', 'World')],
  ['Host', memberLines('src/host.ts', 'Host')],
  // Its calls have pages of their own.
  ['Process', [constructorOf('src/api/posix/process.ts', 'Process')]],
  ['Cable', memberLines('src/link/cable.ts', 'Cable')],
  // Without what the network calls.
  ['Firewall', memberLines('src/net/firewall/firewall.ts', 'Firewall').filter((line) => !/^firewall\.(plugIn|arrived|input|forward|output)\(/.test(line))],
]);
const MEANT = '  // the example';

const pages = new Map<string, ManPage>(
  readdirSync(FOLDER).filter((name) => name.endsWith('.md')).sort().map((name) => [name, parsePage(readFileSync(join(FOLDER, name), 'utf8'))]),
);
const calls = syscalls();
const methods = processMembers();
const functions = entryFunctions();
const named = new Set([...pages.values()].flatMap(({ names }) => names));

function code(page: ManPage, title: string, language: string): string[] {
  return (sectionOf(page, title)?.blocks ?? []).filter((block) => block.kind === 'code' && block.language === language).map(({ text }) => text);
}

/** The commands that src/cli/main.ts knows. */
function commandNames(): string[] {
  const table = /const COMMANDS[^{]*\{([\s\S]*?)\n\};/.exec(readFileSync(join(root, 'src/cli/main.ts'), 'utf8'));
  return [...(table?.[1] ?? '').matchAll(/^ {2}(\w+):/gm)].map((match) => match[1] as string);
}

/** How a program is called: the lines of its help up to the first empty one. */
function usageOf(name: string): string | null {
  const help = COMMAND_HELP.get(name) ?? CATALOGUE.get(name)?.usage;
  return help === undefined ? null : (help.trimStart().split('\n\n')[0] as string).trimEnd();
}

test('every call, helper, program and command has a page; none is about what is not there', () => {
  const exported = Object.entries(sockscape).filter(([name, value]) => typeof value === 'function' && !/^[A-Z][a-zA-Z]*[a-z]/.test(name) && name !== 'FILE');
  assert.deepEqual(exported.map(([name]) => name).filter((name) => !functions.has(name)), [], 'functions of the entry that the sources do not show');
  assert.deepEqual(commandNames().sort(), [...COMMAND_HELP.keys()].sort(), 'commands of src/cli/main.ts');
  const things = [...calls.keys(), ...methods.keys(), ...functions.keys(), ...CATALOGUE.keys(), ...COMMAND_HELP.keys(), ...SIM.keys()];
  assert.ok(things.length > 200, `${things.length} things`);
  assert.deepEqual(things.filter((name) => !named.has(name)), [], 'without a page: write docs/man/NAME.md');
  assert.deepEqual([...named].filter((name) => !things.includes(name) && !OVERVIEWS.includes(name)), [], 'pages about what is not there');
});

for (const [file, page] of pages) {
  const { names } = page;
  test(`${file}: sections, names and synopsis`, () => {
    assert.equal(file, `${names[0]}.md`);
    assert.ok(page.summary.length > 10 && page.summary.length < 100 && !page.summary.endsWith('.'), `summary: ${page.summary}`);
    const titles = page.sections.map(({ title }) => title);
    const order = ['Synopsis', 'Description', 'Result', 'Errors', 'Differences from Linux', 'Example', 'See also'];
    assert.deepEqual(titles, order.filter((title) => titles.includes(title)), 'sections and their order');
    for (const title of ['Synopsis', 'Description', 'Differences from Linux', 'Example', 'See also']) {
      assert.ok(titles.includes(title) || OVERVIEWS.includes(names[0] as string), `section ${title}`);
    }
    const synopsis = new Set(code(page, 'Synopsis', 'ts').flatMap((text) => text.split(/\n(?![ })])/)).map(normalized));
    const usages = code(page, 'Synopsis', 'text').join('\n\n');
    for (const name of names) {
      const signature = calls.get(name) ?? methods.get(name);
      if (signature !== undefined) assert.ok(synopsis.delete(`process.${name}${signature}`), `process.${name}${signature}`);
      const own = functions.get(name);
      if (own !== undefined) assert.ok(synopsis.delete(`${name}${own}`), `${name}${own}`);
      for (const line of SIM.get(name) ?? []) assert.ok(synopsis.delete(line), line);
      const usage = usageOf(name);
      if (usage !== null && (signature === undefined)) assert.ok(usages.includes(usage), `the synopsis lacks: ${usage}`);
    }
    assert.deepEqual([...synopsis].filter((line) => !/^(interface|type) /.test(line)), [], 'lines of the synopsis that are no declarations');
    for (const other of (sectionOf(page, 'See also')?.blocks ?? []).flatMap(({ text }) => [...text.matchAll(/`([\w-]+)`/g)])) {
      assert.ok(named.has(other[1] as string), `See also: there is no page about ${other[1]}`);
    }
  });

  test(`${file}: errors are those that the oracle compares, and those that occur here as a test shows`, () => {
    const rows = readErrorsPage(readFileSync(join(root, 'docs/errors.md'), 'utf8'));
    const compared = new Set(names.flatMap((name) => (calls.has(name) ? [...(rows.get(name)?.compared ?? []), ...(rows.get(name)?.occurring ?? [])] : [])));
    const listed = (sectionOf(page, 'Errors')?.blocks ?? []).flatMap(({ items }) => items).flatMap(({ term }) => term.split(', '));
    const errnos = listed.filter((term) => /^E(?!AI_)/.test(term));
    assert.equal(new Set(listed).size, listed.length, 'an error stands twice');
    if (names.some((name) => calls.has(name))) {
      assert.deepEqual([...compared].filter((errno) => !errnos.includes(errno)).sort(), [], 'errors without a line');
      assert.deepEqual(errnos.filter((errno) => !compared.has(errno)).sort(), [], 'lines about errors that docs/errors.md does not have');
    } else {
      for (const errno of errnos) assert.ok(errno in sockscape, `there is no ${errno}`);
    }
  });
}

// Examples. Those in JavaScript stand in the frame that the page intro shows; those of a terminal call the built command.

const [frame] = code(pages.get('intro.md') as ManPage, 'Description', 'js') as [string];
const work = mkdtempSync(join(((): string => {
  mkdirSync(join(root, 'build'), { recursive: true });
  return join(root, 'build');
})(), 'man-'));
after(() => rmSync(work, { recursive: true, force: true }));

/** A module with a function for each example, its names imported as the frame says. */
function moduleOf(examples: readonly (readonly [name: string, body: string])[]): string {
  assert.ok(frame.includes(MEANT) && /^import \{ \.\.\. \} from 'sockscape';$/m.test(frame), 'the frame of the page intro');
  const rest = frame.replace(/^import .*\n/gm, '');
  const used = Object.keys(sockscape).filter((name) => new RegExp(`\\b${name}\\b`).test(rest + examples.map(([, body]) => body).join('\n')));
  const functionsOf = examples.map(([name, body]) => {
    const inside = body.split('\n').map((line) => `  ${line}`).join('\n');
    return `export async function ${name}(console) {\n${rest.replace(MEANT, () => inside)}\n}\n`;
  });
  const imports = [
    `import { ${used.join(', ')} } from ${JSON.stringify(join(root, 'src/entry/index.ts'))};`,
    `import { simulate } from ${JSON.stringify(join(root, 'src/entry/sim.node.ts'))};`,
    `import { CATALOGUE } from ${JSON.stringify(join(root, 'src/programs/catalogue.ts'))};`,
  ];
  return `${imports.join('\n')}\n${functionsOf.join('\n')}`;
}

const scripts = [...pages].flatMap(([file, page]) => code(page, 'Example', 'js').map((body, i) => ({ file, page, body, name: `${file.replace(/\W/g, '_')}${i}`, i })));
let module: Record<string, (console: unknown) => Promise<void>> | null = null;

async function examples(): Promise<Record<string, (console: unknown) => Promise<void>>> {
  if (module !== null) return module;
  const source = join(work, 'examples.mjs');
  writeFileSync(source, moduleOf(scripts.map(({ name, body }) => [name, body] as const)));
  const outfile = join(work, 'bundle.mjs');
  await build({ entryPoints: [source], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'error' });
  module = (await import(pathToFileURL(outfile).href)) as Record<string, (console: unknown) => Promise<void>>;
  return module;
}

for (const { file, page, name, i } of scripts) {
  test(`${file}: example ${i + 1} prints what the page shows`, { timeout: 30_000 }, async () => {
    const lines: string[] = [];
    await (await examples())[name]?.({ log: (...what: unknown[]) => lines.push(format(...what)) });
    assert.equal(lines.join('\n'), code(page, 'Example', 'text')[i], 'what comes out');
  });
}

/** Whether `lines` are what `shown` says; its line `...` stands for any lines. */
function matches(lines: readonly string[], shown: readonly string[]): boolean {
  const pattern = shown.map((line) => (line === '...' ? '(?:.*\\n)*' : `${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`)).join('');
  return new RegExp(`^${pattern}$`).test(lines.map((line) => `${line.trimEnd()}\n`).join(''));
}

for (const [file, page] of pages) {
  for (const text of code(page, 'Example', 'console')) {
    for (const session of text.split(/^\$ /m).filter((part) => part !== '')) {
      const [command, ...shown] = session.trimEnd().split('\n') as [string, ...string[]];
      // A command of a namespace of its own makes a device there.
      const wanted = command.startsWith('unshare') ? needs('root', 'namespaces', 'tap') : {};
      test(`${file}: $ ${command}`, { ...wanted, timeout: 60_000 }, () => {
        assert.match(command, /^(unshare --net timeout -s INT \d+ |.*\b(echo|sleep) .* \| )?sockscape /);
        const line = command.replace(/(^|\| |\d )sockscape /g, `$1"${process.execPath}" "${join(root, 'bin/sockscape.cjs')}" `);
        const run = spawnSync('sh', ['-c', `${line} 2>&1`], { cwd: root, encoding: 'utf8', timeout: 50_000, env: { ...process.env, COLUMNS: '' } });
        const lines = run.stdout.replace(/\n$/, '').split('\n');
        assert.ok(matches(lines, shown), `shown:\n${shown.join('\n')}\ncame:\n${run.stdout}`);
      });
    }
  }
  assert.ok(code(page, 'Example', 'console').length + code(page, 'Example', 'js').length > 0, `${file}: an example`);
}

// How pages are set.

test('a page is set for a width: indented, wrapped, terms hang; marks vanish', () => {
  const page = parsePage('# one, two\n\nDoes a thing\n\n## Synopsis\n\n```ts\none(): void\n```\n\n## Errors\n\n- `EAGAIN`: there is `nothing yet` to be had, and waiting is not\n  what the caller wants\n- `EAGAIN_WITH_A_LONG_NAME`: x\n\n## Description\n\nIt *does* `what it says`.\n');
  assert.deepEqual(page.names, ['one', 'two']);
  assert.equal(formatPage(page, { width: 50, ...PLAIN }), [
    'NAME', '       one, two - Does a thing', '', 'SYNOPSIS', '       one(): void', '', 'ERRORS',
    '       EAGAIN          there is nothing yet to be', '                       had, and waiting is not',
    '                       what the caller wants', '       EAGAIN_WITH_A_LONG_NAME', '                       x', '',
    'DESCRIPTION', '       It does what it says.', '',
  ].join('\n'));
  const marked = formatPage(page, { width: 80, bold: (text) => `<${text}>`, underlined: (text) => `_${text}_` });
  assert.match(marked, /^<NAME>\n/);
  assert.match(marked, /^ {7}It _does_ <what> <it> <says>\.$/m);
  assert.match(marked, /^ {7}<EAGAIN> {10}there is <nothing> <yet> to be had/m);
});

test('no page has a line that an 80-column terminal breaks, except in code', () => {
  for (const [file, page] of pages) {
    const codeOf = page.sections.flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === 'code'));
    const codeLines = new Set(codeOf.flatMap(({ text }) => text.split('\n')));
    for (const { language, text } of codeOf) {
      const wide = text.split('\n').filter((line) => line.length > 104);
      assert.deepEqual(language === 'js' || language === 'ts' ? wide : [], [], file);
    }
    for (const line of formatPage(page, { width: 80, ...PLAIN }).split('\n')) {
      assert.ok(line.length <= 80 || codeLines.has(line.trimStart()) || codeLines.has(line.slice(7)), `${file}: ${line}`);
    }
  }
});

test('the command: a list, a search, a page, and status 16 for what is not there', () => {
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(root, 'bin/sockscape.cjs'), 'man', ...args], { encoding: 'utf8', timeout: 30_000 });
  const list = run();
  assert.equal(list.status, 0, list.stderr);
  assert.equal(list.stdout.match(/ - /g)?.length, pages.size);
  const found = run('-k', 'QUEUE');
  assert.equal(found.status, 0);
  assert.match(found.stdout, /^accept, accept4 +- /m);
  assert.ok(found.stdout.split('\n').length < 20);
  const page = run('2', 'accept4');
  assert.deepEqual([page.status, page.stderr], [0, '']);
  assert.match(page.stdout, /^NAME\n {7}accept, accept4 - [\s\S]*^SYNOPSIS\n {7}process\.accept\([\s\S]*^ {7}EMFILE {10}\w[\s\S]*^EXAMPLE\n/m);
  assert.ok(!page.stdout.includes('\x1b'), 'no colours in a pipe');
  const none = run('frobnicate');
  assert.deepEqual([none.status, none.stdout], [16, '']);
  assert.match(none.stderr, /^sockscape man: there is no page about 'frobnicate'; [^\n]+\n$/);
  const nothing = run('-k', 'frobnicate');
  assert.deepEqual([nothing.status, nothing.stdout], [16, '']);
  assert.match(nothing.stderr, /^frobnicate: nothing appropriate\.\n$/);
  // As apropos: what is found counts, what is not is told. CR LF stands in a first paragraph, and in no summary.
  const some = run('-k', 'frobnicate', 'cr lf');
  assert.deepEqual([some.status, some.stderr], [0, 'frobnicate: nothing appropriate.\n']);
  assert.match(some.stdout, /^telnet +- /m);
  assert.equal(run('--width', '5', 'accept').status, 2);
});
