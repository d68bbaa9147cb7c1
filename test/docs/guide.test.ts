/**
 * docs/guide.md, as a reader goes through it: in a project that has sockscape, each `js` listing is a file, named in its first line,
 * and each `$` line of a `console` listing is run when its turn comes, and prints what the guide shows.
 *
 * `...` stands for any lines, `(12ms)` for any time of the machine's, a port of five digits for another. Which seed a search finds follows from every detail of the stack:
 * behind `<!-- a seed that was found -->` only the digits may differ, and the commands that follow name the one that was found here.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildPackage, cleanEnvironment } from '../node/sim-test-file.ts';
import { root } from '../results.ts';

const guide = readFileSync(join(root, 'docs/guide.md'), 'utf8');
const FOUND = '<!-- a seed that was found -->\n';
const REPLAY = /^ *replay: SOCKSCAPE_SEED=(\d+)(?: SOCKSCAPE_LEAVE_OUT=([\d,]+))? /m;

const folder = mkdtempSync(join(tmpdir(), 'guide-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Listing {
  readonly chapter: string;
  readonly language: string;
  readonly text: string;
  readonly isFound: boolean;
}

function listings(): Listing[] {
  return [...guide.matchAll(/^(<!-- a seed that was found -->\n)?```(\w+)\n(.*?)^```$/gms)].map((match) => {
    const [, found, language, text] = match as unknown as [string, string | undefined, string, string];
    const chapter = /(?:^|\n)## (.*)\n(?![\s\S]*\n## )/.exec(guide.slice(0, match.index))?.[1] as string;
    return { chapter, language, text, isFound: found === FOUND };
  });
}

/** Lines as they are compared: without what the machine's clock has said, and without blanks at their ends. */
function comparable(text: string): string[] {
  return text.replaceAll(/\([\d.]+ms\)/g, '(ms)').split('\n').map((line) => line.trimEnd());
}

function matches(output: string, shown: string, isFound: boolean): boolean {
  const literal = (line: string): string => {
    const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    // Ports are drawn, too.
    return isFound ? escaped.replaceAll(/ *\d+/g, ' *\\d+') : escaped.replaceAll(/(\\\.|:)\d{5}\b/g, '$1\\d{5}');
  };
  const pattern = comparable(shown.trimEnd()).map((line) => (line === '...' ? '(?:.*\\n)*' : `${literal(line)}\\n`)).join('');
  return new RegExp(`^${pattern}$`).test(`${comparable(output.trimEnd()).join('\n')}\n`);
}

/** The guide's seed, and the one that was found here. */
let seeds: readonly (readonly [of: string, here: string])[] = [];

/** The line with what was found here in the place of what the guide has found. */
function withSeed(command: string): string {
  return seeds.reduce((line, [of, here]) => line.replace(of, here), command);
}

function run(command: string): { output: string; status: number | null } {
  const line = withSeed(command).replace(/\bnode --test /, 'node --test --test-reporter=spec ');
  const PATH = `${join(folder, 'node_modules/.bin')}:${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`;
  const ended = spawnSync('sh', ['-c', line.replace(/\bnpx sockscape /, 'sockscape ')], {
    cwd: folder, encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 26, env: cleanEnvironment({ PATH }),
  });
  return { output: ended.stdout + ended.stderr, status: ended.status };
}

test('every listing of the guide: files are written, commands print what it shows', { timeout: 280_000 }, async (t) => {
  buildPackage();
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/sockscape'));
  symlinkSync(join(root, 'bin/sockscape.cjs'), join(folder, 'node_modules/.bin/sockscape'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const all = listings();
  deepEqual([...new Set(all.map(({ chapter }) => chapter))], ['Test your reconnect in ten minutes', 'Find the seed', 'What is real and what is not']);
  equal(guide.match(/^```\w/gm)?.length, all.length, 'listings that are not seen');
  const written = new Set<string>();
  let commands = 0;
  for (const { chapter, language, text, isFound } of all) {
    if (language === 'js') {
      const name = /^\/\/ ([\w.-]+\.mjs)\n/.exec(text)?.[1];
      ok(name !== undefined, `a listing of '${chapter}' has no name`);
      writeFileSync(join(folder, name), text);
      written.add(name);
      continue;
    }
    equal(language, 'console');
    for (const session of text.split(/^\$ /m).filter((part) => part !== '')) {
      const [command, ...shown] = session.split('\n') as [string, ...string[]];
      commands++;
      await t.test(`${chapter}: $ ${command}`, () => {
        const { output, status } = run(command);
        // What fails in the guide shows its cross, or repeats a seed that failed.
        if (!shown.some((line) => line.includes('✖')) && !command.includes('SOCKSCAPE_SEED')) equal(status, 0, output);
        ok(matches(output, shown.join('\n'), isFound), `shown:\n${shown.join('\n')}\ncame:\n${output}`);
        for (const name of command.match(/[\w.-]+\.mjs/g) ?? []) ok(written.delete(name) || guide.includes(`\n// ${name}\n`), `${name} is no listing`);
        const [of, here] = [REPLAY.exec(shown.join('\n')), REPLAY.exec(output)];
        if (of === null || here === null || seeds.length > 0) return;
        seeds = [[`SOCKSCAPE_SEED=${of[1]} SOCKSCAPE_LEAVE_OUT=${of[2]}`, `SOCKSCAPE_SEED=${here[1]} SOCKSCAPE_LEAVE_OUT=${here[2]}`], [`-${of[1]}.pcapng`, `-${here[1]}.pcapng`]];
      });
    }
  }
  ok(commands >= 8 && seeds.length > 0, `${commands} commands`);
  // Modules that others import are run with them, and programs with what spawns them.
  const isRun = (name: string): boolean => guide.includes(`from './${name}'`) || guide.includes(`spawn('${name}'`);
  deepEqual([...written].filter((name) => !isRun(name)), [], 'listings that nothing runs');
});
