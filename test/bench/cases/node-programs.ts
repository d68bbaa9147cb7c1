/**
 * Programs of test/bench/programs in processes of their own, which know the built package and nothing of src/. What only they
 * need is not imported here: esbuild would share out one bundle among several files, and V8 does not fold what a module
 * exports (docs/decisions/0004-bundles-keep-const.md), so that every other case would be slower by several percent.
 *
 * node-http, node-tcp-bulk: one unchanged Node program, run by `node --import sockscape/register` and by `node` alone, which
 * take turns round by round: neither pays for what the other needs. sim-hour, sim-day, spawn-calls, spawn-turns: nothing of
 * the kernel compares.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { type Figure, interleave, median, type Side } from '../rounds.ts';

const root = resolve(process.env['SOCKSCAPE_ROOT'] ?? '.');
/** Rounds that are not counted: Node compiles its http only after some ten thousand requests. */
const WARM_UP_ROUNDS = 4;

class ProgramSide implements Side {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private answer: (line: string) => void = () => {};
  /** What the last round had to say beside its figure. */
  note = '';

  constructor(program: string, options: readonly string[]) {
    this.child = spawn(process.execPath, [...options, join(root, 'test/bench/programs', program)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream });
    this.lines.on('line', (line) => this.answer(line));
    this.lines.on('close', () => this.answer('the program ended'));
  }

  async round(): Promise<number> {
    const line = await new Promise<string>((resolve) => {
      this.answer = resolve;
      this.child.stdin?.write('round\n');
    });
    const space = line.indexOf(' ');
    const figure = Number(space < 0 ? line : line.slice(0, space));
    this.note = space < 0 ? '' : line.slice(space + 1);
    if (!(figure > 0)) throw new Error(`bench: a round ended with: ${line}`);
    return figure;
  }

  async close(): Promise<void> {
    this.child.stdin?.end();
    await new Promise((ended) => this.child.once('exit', ended));
  }
}

function buildPackage(): void {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-types'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (built.status !== 0) throw new Error('bench: the package could not be built');
}

export async function nodeProgram(program: string, unit: string, rounds: number): Promise<Figure> {
  buildPackage();
  const ours = new ProgramSide(program, ['--import', join(root, 'dist/node/register.js')]);
  const kernel = new ProgramSide(program, []);
  try {
    for (let i = 0; i < WARM_UP_ROUNDS; i++) {
      await ours.round();
      await kernel.round();
    }
    return await interleave(ours, kernel, rounds, unit);
  } finally {
    await ours.close();
    await kernel.close();
  }
}

/** A program that measures the package alone; one round warms it up. */
export async function packageProgram(program: string, unit: string, rounds: number): Promise<Figure> {
  buildPackage();
  const side = new ProgramSide(program, []);
  try {
    await side.round();
    const figures: number[] = [];
    for (let i = 0; i < rounds; i++) figures.push(await side.round());
    const figure: Figure = { value: median(figures), unit, kernel: null, ratio: null, ratioMin: null, ratioMax: null, rounds };
    return side.note === '' ? figure : { ...figure, note: side.note };
  } finally {
    await side.close();
  }
}
