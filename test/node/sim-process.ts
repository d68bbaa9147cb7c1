/**
 * Programs in a process of their own, for tests of worlds in Node: what matters there is who has been loaded before whom,
 * which in the process of a test cannot be chosen.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const root = process.env.SOCKSCAPE_ROOT as string;

const ENTRY = `export * from './src/entry/sim.node.ts'; export { doors } from './src/platform/node/virtual/escape-doors.ts';`;

/** A folder with `sim.mjs` in it (the entry sockscape/sim), which goes away with the process. */
export class SimFolder {
  readonly path: string = mkdtempSync(join(root, 'build', 'run-sim-'));
  private files = 0;

  constructor() {
    process.on('exit', () => rmSync(this.path, { recursive: true, force: true }));
    buildSync({
      // The entry, and what a test of it has to know.
      stdin: { contents: ENTRY, resolveDir: root, loader: 'ts' }, outfile: join(this.path, 'sim.mjs'), bundle: true, format: 'esm',
      platform: 'node', target: 'node20.19', sourcemap: 'inline', logLevel: 'warning',
    });
  }

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  /** Runs `text` as an ES module. Without the options of a run under test: what is looked at is Node's own way. */
  run(text: string, args: readonly string[] = [], variables: Record<string, string> = {}): SpawnSyncReturns<string> {
    const path = this.write(`main-${++this.files}.mjs`, text);
    const env = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '', ...variables };
    return spawnSync(process.execPath, [...args, path], { encoding: 'utf8', env, timeout: 20_000, cwd: this.path });
  }

  /** What it prints, as JSON; the test fails when it prints anything else. */
  result<T>(text: string, args: readonly string[] = [], variables: Record<string, string> = {}): T {
    const { stdout, stderr, status, signal } = this.run(text, args, variables);
    if (status !== 0 || stderr !== '') throw new Error(`status ${status ?? signal}\n${stderr}\n${stdout}`);
    return JSON.parse(stdout) as T;
  }
}

/** How a program meets sockscape: its kind of module, and whether what it uses was loaded before sockscape. */
export const MEETINGS: readonly { readonly kind: 'cjs' | 'mjs'; readonly when: 'before' | 'after' }[] = (['cjs', 'mjs'] as const).flatMap(
  (kind) => (['before', 'after'] as const).map((when) => ({ kind, when })),
);

/** An ES module that loads `./NAME.KIND` and sockscape in that order, as `program` (its default export) and `sim`. */
export function meet(name: string, { kind, when }: (typeof MEETINGS)[number], rest: string): string {
  const load = { program: `const { default: program } = await import('./${name}.${kind}');`, sim: `const sim = await import('./sim.mjs');` };
  const order = when === 'before' ? [load.program, load.sim] : [load.sim, load.program];
  return [...order, rest].join('\n');
}

/** The same program as CommonJS and as an ES module; `imports` are lines `names = module`, such as `{ setTimeout: wait } = node:timers`. */
export function writeProgram(folder: SimFolder, name: string, imports: readonly string[], body: string): void {
  const split = imports.map((line) => line.split(' = ') as [string, string]);
  const required = split.map(([names, module]) => `const ${names} = require('${module}');`);
  const imported = split.map(([names, module]) => `import ${names.replace(/(\w+): /g, '$1 as ')} from '${module}';`);
  folder.write(`${name}.cjs`, `${required.join('\n')}\nmodule.exports = ${body};\n`);
  folder.write(`${name}.mjs`, `${imported.join('\n')}\nexport default ${body};\n`);
}
