/**
 * The spawned programs of one host: how they begin, what becomes of them at crashes and restarts, and how their ends are told.
 * Called by virtual/node-host.ts.
 */
import type { Host } from '../../../host.ts';
import { whyDown } from '../../../sim/host-programs.ts';
import type { WorldLog } from '../../../sim/world-log.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import { HostCrash, ProgramError } from '../virtual/program-error.ts';
import { numberOf, type ProcessEnd, type ProcessImage, ProgramProcess } from './program-process.ts';
import { readImage, type SpawnEnd, SpawnedProgram, type SpawnOptions } from './spawned-program.ts';

/** So much of its last words stands in an error, in UTF-16 units. */
const LAST_WORDS = 4000;

/** A program, and how to begin it anew. */
interface Entry {
  readonly program: SpawnedProgram;
  readonly image: ProcessImage;
  readonly restarts: boolean;
  process: ProgramProcess;
  abort: (error: HostCrash) => void;
}

export class SpawnedPrograms {
  private readonly host: Host;
  private readonly log: WorldLog | null;
  private readonly fail: (error: unknown) => void;
  /** A seed for each process that is begun. */
  private readonly nextSeed: () => string;
  private readonly entries: Set<Entry> = new Set();
  private interrupted: Entry[] = [];

  constructor(host: Host, log: WorldLog | null, fail: (error: unknown) => void, nextSeed: () => string) {
    this.host = host;
    this.log = log;
    this.fail = fail;
    this.nextSeed = nextSeed;
  }

  spawn(file: string | URL, args: readonly string[], options: SpawnOptions): SpawnedProgram {
    const image = readImage(file, args, options, this.nextSeed());
    const { abort, end, process } = this.begin(image);
    const program = new SpawnedProgram(image.name, process, end);
    this.entries.add({ program, image, process, abort, restarts: options.restarts !== false });
    return program;
  }

  private begin(image: ProcessImage): { process: ProgramProcess; end: Promise<SpawnEnd>; abort: (error: HostCrash) => void } {
    let resolve: (end: SpawnEnd) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const end = new Promise<SpawnEnd>((onEnd, onError) => {
      resolve = onEnd;
      reject = onError;
    });
    this.note('program', `${image.name} begins`);
    const process: ProgramProcess = new ProgramProcess(this.host, image, {
      printed: (stream, text) => this.print(stream, text),
      failed: this.fail,
      ended: (how) => {
        for (const entry of this.entries) if (entry.process === process) this.entries.delete(entry);
        this.note('program', `${image.name} ends ${how.signal === null ? `with ${how.code}` : `by ${how.signal}`}`);
        if (how.code === 0 || process.wasKilledBy(how.signal)) {
          resolve({ code: how.code, signal: how.signal, stdout: process.textOf('stdout'), stderr: process.textOf('stderr') });
        } else {
          reject(this.errorOf(image.name, how, process.textOf('stderr')));
        }
      },
    });
    // Nobody need hear of the crash who does not ask for the end.
    const abort = (error: HostCrash): void => {
      end.catch(() => {});
      reject(error);
    };
    return { process, end, abort };
  }

  private errorOf(name: string, { code, reason, signal }: ProcessEnd, stderr: string): ProgramError {
    const status = code ?? 128 + numberOf(signal);
    const where = `the program ${name} on ${this.host.name}`;
    if (reason !== null) return new ProgramError(`${where} was ended: ${reason}`, status);
    const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
    const words = stderr.trim();
    const last = words.length > LAST_WORDS ? `... ${words.slice(-LAST_WORDS)}` : words;
    // The first line says what it was: failures are told apart by it (sim-test).
    const thrown = /^\S*Error\b.*$/m.exec(words)?.[0];
    const head = thrown === undefined ? `${where} ${how}` : `${where} ${how}: ${thrown}`;
    return new ProgramError(last === '' ? head : `${head}\n${last}`, status);
  }

  private print(stream: 'stdout' | 'stderr', text: string): void {
    if (this.log !== null) this.note(stream, text);
    else NodeProgram.runOutside(() => process[stream].write(text));
  }

  private note(what: string, text: string): void {
    this.log?.add(this.host.loop.now, this.host.name, what, text);
  }

  /** What each of them waits for, in words. */
  waits(): string[] {
    const words: string[] = [];
    for (const { process, program } of this.entries) {
      const what = process.waitsFor();
      if (what.length > 0) words.push(`the program ${program.name} on ${this.host.name} waits for ${what.join(', ')}`);
    }
    return words;
  }

  /** The host loses its power: they are gone before any of their sockets could say so. */
  powerFailed(): void {
    for (const entry of this.entries) {
      entry.process.powerFailed();
      this.note('program', `${entry.program.name} ends with its host`);
      if (entry.restarts) this.interrupted.push(entry);
      entry.abort(new HostCrash(whyDown(this.host, 'lost its power')));
    }
    this.entries.clear();
  }

  powerIsBack(): void {
    const { interrupted } = this;
    this.interrupted = [];
    for (const entry of interrupted) {
      const { abort, end, process } = this.begin({ ...entry.image, seed: this.nextSeed() });
      entry.program.restarted(process, end);
      this.entries.add({ ...entry, process, abort });
    }
  }

  stop(): void {
    for (const { process } of this.entries) process.stop();
  }

  resume(): void {
    for (const { process } of this.entries) process.resume();
  }
}
