/**
 * A Node program in a process of its own, in lockstep with a world: the world's side of it. The process stands on a host as
 * every other does, and its code runs when it is its turn: the world waits, and serves its calls, until it has nothing left
 * to do. So of the world and its programs one runs at a time, in an order that no machine changes.
 *
 *   something for it has happened, or its time has come -> wants a turn -> idleTurn, when nobody else has anything to do
 *   -> takeTurn: "it is so late" -> calls (kernel-service.ts) ... -> "at rest until ..." -> timers of the world's loop
 *
 * Called by virtual/node-host.ts (`host.spawn`). What runs in the process is program.ts, beside.
 */
import { AsyncResource } from 'node:async_hooks';
import { type ChildProcess, spawn } from 'node:child_process';
import { url as debuggerAt } from 'node:inspector';
import { constants } from 'node:os';
import { DirectKernel } from '../../../api/node/direct-kernel.ts';
import { liveness } from '../../../api/node/liveness.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import type { Loop } from '../../../base/loop.ts';
import type { Host } from '../../../host.ts';
import type { KernelProcess } from '../../../kernel/process.ts';
import { exitedStatus, WTERMSIG } from '../../../kernel/wait-status.ts';
import { nameService } from '../names.ts';
import { startProcess } from '../start-process.ts';
import { type Escape, tellEscape } from '../virtual/escapes.ts';
import { outsideTurns } from '../virtual/idle.ts';
import { LineWriter } from '../virtual/output.ts';
import { setTimer } from '../virtual/timers.ts';
import { work } from '../virtual/work.ts';
import { Answer, type Beginning, Call, Frames, LINE_FD, LINE_VARIABLE, type News } from './frames.ts';
import { KernelService } from './kernel-service.ts';
import { OutputFiles } from './output-files.ts';
import { EndWaiter, NextTimer, WakeUp } from './wake-ups.ts';

/** How much text is kept of each standard stream, in bytes. */
const KEPT = 1 << 24;

/** What a program that is to be started is. */
export interface ProcessImage {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly preload: string;
  readonly seed: string;
  readonly loopLimitMs: number;
}

/** How it ended: as node:child_process tells it. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it was ended from outside, in words: its code did not come back. */
  readonly reason: string | null;
}

export interface ProcessObserver {
  /** It has written to a standard stream: whole lines, or the last one. */
  printed(stream: 'stdout' | 'stderr', text: string): void;
  ended(end: ProcessEnd): void;
  failed(error: unknown): void;
}

/** A text of which the beginning is kept. */
class KeptText {
  private readonly pieces: Buffer[] = [];
  private left = KEPT;

  add(bytes: Buffer): void {
    if (this.left <= 0) return;
    const kept = Buffer.from(bytes.subarray(0, this.left));
    this.left -= kept.length;
    this.pieces.push(kept);
  }

  text(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }
}

export function numberOf(signal: string | null): number {
  return (constants.signals as Record<string, number>)[signal ?? ''] ?? 0;
}

/** Processes of a loop's world that the machine has not buried yet. */
const alive: Map<Loop, Set<Promise<void>>> = new Map();

/** Resolves when no process of that world is left on the machine. */
export async function processesGone(loop: Loop): Promise<void> {
  await Promise.all(alive.get(loop) ?? []);
  alive.delete(loop);
}

export class ProgramProcess {
  readonly core: KernelProcess;
  private readonly host: Host;
  private readonly loop: Loop;
  private readonly observer: ProcessObserver;
  private readonly child: ChildProcess;
  private readonly frames: Frames;
  private readonly service: KernelService;
  private readonly files: OutputFiles;
  private readonly texts = { stdout: new KeptText(), stderr: new KeptText() };
  private readonly lines: readonly LineWriter[];
  private readonly wakeUp: WakeUp;
  private readonly endWaiter: EndWaiter;
  /** Its next timer that keeps a process going, and its next that does not. */
  private readonly strong: NextTimer;
  private readonly weak: NextTimer;
  private readonly scope = new AsyncResource('SOCKSCAPE_SPAWNED');
  private readonly turn: () => void;
  private readonly signals: number[] = [];
  private beginning: Beginning | null;
  private isQueued = false;
  private isStopped = false;
  /** Its process is gone, or about to go: there are no turns any more. */
  private isOver = false;
  private hasLiveness = false;
  private killedBy: string | null = null;
  private endedBy: string | null = null;
  private reason: string | null = null;
  private exit: { code: number | null; signal: string | null } | null = null;
  /** Its exit is waited for, and the world's time stands still. */
  private isAwaited = false;

  /** Throws what node:fs and node:child_process throw: no room for files, words that no process can have, no process; EAGAIN and ENOMEM of the host. */
  constructor(host: Host, image: ProcessImage, observer: ProcessObserver) {
    this.host = host;
    this.loop = host.loop;
    this.observer = observer;
    this.core = startProcess(host, image.name);
    let files: OutputFiles | null = null;
    try {
      files = new OutputFiles((bytes) => this.printed(0, bytes), (bytes) => this.printed(1, bytes));
      this.child = startNode(image, files.descriptors);
    } catch (error) {
      files?.close();
      this.core.end(0);
      throw error;
    }
    this.files = files;
    const { child } = this;
    // Worlds keep a process going, and not what they have started.
    child.unref();
    const handle = (child.stdio[LINE_FD] as unknown as { _handle: LineHandle })._handle;
    handle.readStop();
    handle.setBlocking(true);
    this.frames = new Frames(handle.fd);
    this.wakeUp = new WakeUp(() => this.wantTurn());
    const wake = (): void => {
      if (this.wakeUp.isQueued) return;
      this.wakeUp.isQueued = true;
      this.loop.complete(this.wakeUp);
    };
    this.strong = new NextTimer(wake);
    this.weak = new NextTimer(wake);
    const kernel = new DirectKernel(host, this.core);
    this.service = new KernelService(kernel, nameService(host, this.core), this.frames, (inStack) => (inStack ? wake() : this.wantTurn()));
    this.lines = (['stdout', 'stderr'] as const).map((stream) => new LineWriter((text) => observer.printed(stream, text)));
    this.turn = this.scope.bind(() => NodeProgram.runOutside(() => this.takeTurn()));
    const { loopLimitMs, name, seed } = image;
    this.beginning = { seed, name, pid: this.core.pid, epochUs: this.loop.environment.epochUs, loopLimitMs };
    this.endWaiter = new EndWaiter(this.loop, () => this.killHere());
    this.core.endWaiters.add(this.endWaiter);
    this.bury();
    this.isStopped = host.isFrozen;
    this.wantTurn();
  }

  /** What it has written so far. */
  textOf(stream: 'stdout' | 'stderr'): string {
    return this.texts[stream].text();
  }

  get hasEnded(): boolean {
    return this.isOver;
  }

  private printed(stream: 0 | 1, bytes: Buffer): void {
    this.texts[stream === 0 ? 'stdout' : 'stderr'].add(bytes);
    this.lines[stream]?.write(bytes);
  }

  // Turns.

  /** Something is there for it to do. */
  private wantTurn(): void {
    if (this.isQueued || this.isOver) return;
    this.isQueued = true;
    if (this.isStopped) return;
    outsideTurns.push(this.turn);
    this.loop.userStarted();
  }

  /** Called when nobody else has anything to do. Returns when it has nothing left to do, or is gone. */
  private takeTurn(): void {
    if (!this.isQueued || this.isOver || this.isStopped || this.loop.isStopped) return;
    this.isQueued = false;
    this.service.setTurn(true);
    try {
      if (!this.tellTurn() || !this.serve()) this.lineEnded();
      this.files.read();
      this.loop.drain();
    } catch (error) {
      this.observer.failed(error);
    } finally {
      this.service.setTurn(false);
    }
  }

  private tellTurn(): boolean {
    const { beginning, frames, host, loop, signals } = this;
    const answers = this.service.takeAnswers();
    const news: News = {
      ...(answers.length > 0 && { answers }), ...(signals.length > 0 && { signals: signals.splice(0) }), ...(beginning !== null && { beginning }),
    };
    this.beginning = null;
    // A debugger that looks at the world may take its time within a call.
    frames.begin(Answer.Turn).double(loop.now).double(host.clock.nowUs).int(debuggerAt() === undefined ? 0 : 1);
    this.service.putChanges();
    return frames.text(Object.keys(news).length === 0 ? '' : JSON.stringify(news)).send();
  }

  /** Serves it to the end of its turn. False when it is gone. */
  private serve(): boolean {
    const { frames } = this;
    for (;;) {
      const kind = frames.receive();
      switch (kind) {
        case -1: return false;
        case Call.Rest: {
          this.rests(frames.takeDouble(), frames.takeDouble(), frames.takeInt() !== 0);
          return true;
        }
        case Call.Escape: {
          tellEscape(this.loop, JSON.parse(frames.takeText()) as Escape);
          break;
        }
        case Call.Loop: {
          this.reason = frames.takeText();
          break;
        }
        default: {
          if (kind === Call.Output) this.files.read();
          if (!this.service.serve(kind)) return false;
        }
      }
    }
  }

  /** It has nothing left to do until then: Infinity for never. */
  private rests(strongAt: number, weakAt: number, isAlive: boolean): void {
    setTimer(this.loop, this.strong, strongAt, true);
    setTimer(this.loop, this.weak, weakAt, false);
    this.setLiveness(isAlive);
  }

  private setLiveness(on: boolean): void {
    if (on === this.hasLiveness) return;
    this.hasLiveness = on;
    liveness.change(on ? 1 : -1);
  }

  /** What it waits for, in words. */
  waitsFor(): string[] {
    const { frames } = this;
    if (this.isOver) return [];
    if (this.beginning !== null || this.isQueued) return ['its turn'];
    if (!frames.begin(Answer.Describe).send()) return [];
    for (;;) {
      const kind = frames.receive();
      if (kind === Call.Description) return JSON.parse(frames.takeText()) as string[];
      // It asks for the names of its sockets.
      if (kind < 0 || !this.service.serve(kind)) return [];
    }
  }

  stop(): void {
    this.isStopped = true;
  }

  resume(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    if (!this.isQueued) return;
    this.isQueued = false;
    this.wantTurn();
  }

  // Its end.

  /** A signal by its name: it comes with its next turn. SIGKILL comes at once, also to a program that is frozen. */
  kill(signal: string): void {
    if (this.isOver) return;
    this.killedBy = signal;
    if (signal === 'SIGKILL') {
      this.child.kill('SIGKILL');
      this.isStopped = false;
      this.isQueued = false;
    } else {
      this.signals.push(numberOf(signal));
    }
    this.wantTurn();
  }

  /** Another process of the host has ended it. */
  private killHere(): void {
    if (this.isOver) return;
    this.kill('SIGKILL');
    // What ended it here is told, and not what the machine was asked for.
    const number = WTERMSIG(this.core.status);
    this.endedBy = Object.entries(constants.signals).find(([, one]) => one === number)?.[0] ?? 'SIGKILL';
    this.killedBy = this.endedBy;
  }

  /** The host has lost its power, or the world has ended: nobody hears of it any more. */
  powerFailed(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.end();
    this.letGo();
  }

  /**
   * It has closed the line, and so is at its end: what is still to come is its status. Until then the world's time stands still.
   * Whoever has closed it without an end is ended; of one that is at its end already, no signal changes the status.
   */
  private lineEnded(): void {
    this.isOver = true;
    work.open++;
    this.isAwaited = true;
    if (this.exit === null) this.end();
    else this.finish(this.exit);
  }

  /** SIGKILL; and this process stays until that one is gone. */
  private end(): void {
    this.child.ref();
    this.child.kill('SIGKILL');
  }

  /** The machine has ended the process. */
  private exited(exit: { code: number | null; signal: string | null }): void {
    this.exit = exit;
    // One that was at rest, and that nobody here has ended.
    if (!this.isOver) this.lineEnded();
    else if (this.isAwaited) this.finish(exit);
    this.files.close();
    (this.child.stdio[LINE_FD] as { destroy(): void }).destroy();
  }

  private finish({ code, signal: machines }: { code: number | null; signal: string | null }): void {
    const signal = this.endedBy ?? machines;
    work.open--;
    this.isAwaited = false;
    this.files.read();
    for (const line of this.lines) line.flush();
    this.letGo();
    this.core.end(code === null ? numberOf(signal) : exitedStatus(code));
    this.observer.ended({ code, signal, reason: this.wasKilledBy(signal) ? null : this.reason });
    this.loop.drain();
    this.loop.userStarted();
  }

  /** Was it a signal that somebody has asked for? */
  wasKilledBy(signal: string | null): boolean {
    return signal !== null && this.killedBy === signal;
  }

  private letGo(): void {
    setTimer(this.loop, this.strong, Infinity, true);
    setTimer(this.loop, this.weak, Infinity, false);
    this.setLiveness(false);
    this.service.release();
    this.endWaiter.queue?.remove(this.endWaiter);
  }

  /** The world is not over before the machine has buried the process. */
  private bury(): void {
    const graves = alive.get(this.loop) ?? new Set();
    alive.set(this.loop, graves);
    const gone = new Promise<void>((resolve) => {
      this.child.once('exit', this.scope.bind((code: number | null, signal: string | null) => {
        NodeProgram.runOutside(() => this.exited({ code, signal }));
        graves.delete(gone);
        resolve();
      }));
    });
    graves.add(gone);
  }
}

/** `node app.js`, with the world's preload before it. */
function startNode({ args, cwd, env, execArgv, file, preload }: ProcessImage, output: readonly number[]): ChildProcess {
  const child = NodeProgram.runOutside(() => spawn(process.execPath, [...execArgv, '--import', preload, file, ...args], {
    cwd, env: { ...env, UV_THREADPOOL_SIZE: '1', [LINE_VARIABLE]: String(LINE_FD) }, stdio: ['ignore', ...output, 'pipe'],
  }));
  // Told twice: there is no number of a process, and there is an event.
  child.on('error', () => {});
  if (child.pid === undefined) throw new Error(`host.spawn: the machine starts no process for ${process.execPath}`);
  return child;
}

/** What a socket of node:child_process stands on. */
interface LineHandle {
  readonly fd: number;
  readStop(): number;
  /** uv_stream_set_blocking(3). */
  setBlocking(on: boolean): number;
}
