/**
 * What programs of a world print: it goes into the world's log, under the name of the program's host, where the world has
 * one; else where the process prints. Done at two doors, since test runners put a console of their own in Node's place:
 * the methods of the global console, and `write` of the standard streams.
 */
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { NodeProgram } from '../../../api/node/node-program.ts';
import type { WorldLog } from '../../../sim/world-log.ts';
import { virtualProgram } from './clocks.ts';

type StreamName = 'stdout' | 'stderr';
type Method = (this: unknown, ...args: unknown[]) => unknown;

/** A line that goes on for longer is told in pieces, in UTF-16 units: whoever never ends one fills no memory. */
const LONGEST_LINE = 1 << 16;

/** A program's standard stream: whole lines are told. */
export class LineWriter {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';
  private readonly tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.tell = tell;
  }

  write(chunk: string | Uint8Array): void {
    const text = this.rest + (typeof chunk === 'string' ? chunk : this.decoder.write(Buffer.from(chunk)));
    const end = text.lastIndexOf('\n') + 1;
    this.rest = text.slice(end);
    if (end > 0) this.tell(text.slice(0, end));
    if (this.rest.length >= LONGEST_LINE) this.flush();
  }

  /** A line that was begun. */
  flush(): void {
    if (this.rest !== '') this.tell(this.rest);
    this.rest = '';
  }
}

class ProgramOutput {
  readonly streams: Record<StreamName, LineWriter>;
  readonly console: Record<string, Method>;
  private readonly labels: Map<string, number> = new Map();

  constructor(program: NodeProgram, who: string, log: WorldLog) {
    const { loop } = program.host;
    const stream = (name: StreamName): LineWriter => new LineWriter((line) => log.add(loop.now, who, name, line));
    this.streams = { stdout: stream('stdout'), stderr: stream('stderr') };
    const writable = (name: StreamName): Writable => new Writable({
      decodeStrings: false,
      write: (chunk, _encoding, done) => {
        this.streams[name].write(chunk);
        done();
      },
    });
    const own = new Console({ stdout: writable('stdout'), stderr: writable('stderr'), colorMode: false });
    const methods = own as unknown as Record<string, Method>;
    // Node's own ones read the machine's clock behind every replacement.
    const took = (label: unknown, rest: unknown[]): void => {
      const key = String(label ?? 'default');
      const since = this.labels.get(key);
      if (since === undefined) own.warn(`Warning: No such label '${key}' for console.timeEnd()`);
      else own.log('%s: %sms', key, ((loop.now - since) / 1000).toFixed(3), ...rest);
    };
    methods['time'] = (label) => void this.labels.set(String(label ?? 'default'), loop.now);
    methods['timeLog'] = (label, ...rest) => took(label, rest);
    methods['timeEnd'] = (label) => {
      took(label, []);
      this.labels.delete(String(label ?? 'default'));
    };
    this.console = methods;
  }
}

const outputs: WeakMap<NodeProgram, ProgramOutput> = new WeakMap();

/** What the program prints goes into `log` from now on. */
export function logOutput(program: NodeProgram, who: string, log: WorldLog): void {
  catchConsole();
  outputs.set(program, new ProgramOutput(program, who, log));
}

/** The program is at its end: a line that it has begun is all of that line. */
export function flushOutput(program: NodeProgram): void {
  const output = outputs.get(program);
  output?.streams.stdout.flush();
  output?.streams.stderr.flush();
}

function current(): ProgramOutput | null {
  const program = virtualProgram();
  return program === null ? null : (outputs.get(program) ?? null);
}

const METHODS = [
  'log', 'warn', 'error', 'info', 'debug', 'dir', 'dirxml', 'table', 'trace', 'assert', 'count', 'countReset', 'group', 'groupCollapsed',
  'groupEnd', 'time', 'timeEnd', 'timeLog',
];
const caught: WeakSet<object> = new WeakSet();

/** The console that is the global one now. */
function catchConsole(): void {
  const { console } = globalThis;
  if (caught.has(console)) return;
  caught.add(console);
  const methods = console as unknown as Record<string, Method>;
  for (const name of METHODS) {
    const machine = methods[name];
    if (machine === undefined) continue;
    methods[name] = function (this: unknown, ...args: unknown[]) {
      const output = current();
      return output === null ? machine.apply(this, args) : output.console[name]?.(...args);
    };
  }
}

/** Once for the process, before programs of worlds use the standard streams. */
export function installOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const property = Object.getOwnPropertyDescriptor(process, name);
    const get = property?.get;
    if (get === undefined) continue;
    Object.defineProperty(process, name, { ...property, get: () => catchStream(name, get.call(process) as NodeJS.WriteStream) });
  }
}

function catchStream(name: StreamName, stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (caught.has(stream)) return stream;
  caught.add(stream);
  const machine = stream.write as Method;
  const write = (chunk: string | Uint8Array, ...rest: unknown[]): unknown => {
    const output = current();
    if (output === null) return machine.call(stream, chunk, ...rest);
    output.streams[name].write(chunk);
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done as () => void);
    return true;
  };
  stream.write = write as typeof stream.write;
  return stream;
}
