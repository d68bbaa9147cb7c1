/**
 * What a program of a world does that the world can neither time nor replay: told by name, never silent. Each world keeps a
 * list (`world.escapes()`), and the first of each kind is a warning of the process, code SOCKSCAPE_ESCAPE.
 * docs/virtual-time.md says of each kind what it means and what to do instead.
 */
import { fileURLToPath } from 'node:url';
import type { Loop } from '../../../base/loop.ts';
import { virtualProgram } from './clocks.ts';

/** Something that left the world. */
export interface Escape {
  /** The kind, as in docs/virtual-time.md. */
  readonly name: string;
  /** What was done. */
  readonly what: string;
  /** Where, `file:line:column`; or the module that did it. */
  readonly where: string;
}

/** A program that escapes at each turn fills no memory. */
const ESCAPE_LIMIT = 1000;

const logs: Map<Loop, Map<string, Escape>> = new Map();
const warned: Set<string> = new Set();
const own = fileURLToPath(import.meta.url);

/** The world of that loop begins: its escapes are kept until it is forgotten. */
export function keepEscapes(loop: Loop): () => Escape[] {
  const log: Map<string, Escape> = new Map();
  logs.set(loop, log);
  return () => [...log.values()];
}

/** The world has ended; who holds its list keeps it. */
export function endEscapes(loop: Loop): void {
  logs.delete(loop);
}

/** The places that led here, ours left out: files as paths, Node's own modules as `node:...`. */
function places(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 30;
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  const found = lines.map((line) => /[( ]((?:file:\/\/\/|\/|node:)[^()]*:\d+:\d+)\)?$/.exec(line)?.[1] ?? '');
  const paths = found.filter((place) => place !== '').map((place) => (place.startsWith('file:') ? fileURLToPath(place) : place));
  return paths.filter((path) => !path.startsWith(`${own}:`));
}

/** Somebody has said that it shall: it is kept, and nobody is warned. */
export function escapesOnPurpose(loop: Loop, name: string, what: string): void {
  note(loop, { name, what, where: places().find((place) => !place.startsWith('node:')) ?? 'unknown' }, false);
}

/** A program in a process of its own tells its world. */
let forward: ((one: Escape) => void) | null = null;

export function forwardEscapes(tell: (one: Escape) => void): void {
  forward = tell;
}

/** A program in another process has told of it. */
export function tellEscape(loop: Loop, one: Escape): void {
  note(loop, one);
}

function note(loop: Loop, one: Escape, warns = true): void {
  const log = logs.get(loop);
  const key = `${one.name}\n${one.what}\n${one.where}`;
  if (log === undefined || log.size >= ESCAPE_LIMIT || log.has(key)) return;
  log.set(key, one);
  if (forward !== null) return forward(one);
  if (!warns || warned.has(one.name)) return;
  warned.add(one.name);
  const message = `${one.name} leaves the world: ${one.what}, at ${one.where} (docs/virtual-time.md)`;
  process.emitWarning(message, { type: 'EscapeWarning', code: 'SOCKSCAPE_ESCAPE' });
}

/**
 * The program that runs, if it is a world's, does what its world cannot follow. With `isDirect`, only when the program's own
 * code does, and not Node's for it.
 */
export function escapes(name: string, what: string, isDirect = false): void {
  const program = virtualProgram();
  if (program === null) return;
  const all = places();
  if (isDirect && all[0]?.startsWith('node:') === true) return;
  note(program.host.loop, { name, what, where: all.find((place) => !place.startsWith('node:')) ?? all[0] ?? 'unknown' });
}

/** Of every world that runs: something of the process as a whole. */
export function escapesEverywhere(name: string, what: string, where: string): void {
  for (const loop of logs.keys()) note(loop, { name, what, where });
}
