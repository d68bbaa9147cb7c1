/**
 * The process of a program that `host.spawn` has started: the preload that puts the world below it. Its sockets are its
 * host's, by calls on the line (remote-kernel.ts); its clock is the world's, and it runs when it has the turn:
 *
 *   a turn -> timers that are due, events of sockets -> ... -> nothing left to do (idleTurn) -> Rest -> waits for the next turn
 *
 * Nothing keeps the process going that would not keep Node's: with no handle and no timer it ends by itself.
 */
import os from 'node:os';
import { installHandles } from '../../../api/node/install.ts';
import { liveness } from '../../../api/node/liveness.ts';
import { machineTimeout } from '../../../api/node/machine-timers.ts';
import { NodeProgram, type ProgramHost } from '../../../api/node/node-program.ts';
import type { Environment } from '../../../base/environment.ts';
import { Loop, type Pace } from '../../../base/loop.ts';
import { SeededRandom } from '../../../base/random.ts';
import { Watchdog } from '../sim-test/watchdog.ts';
import { startClock } from '../virtual/clocks.ts';
import { forwardEscapes, keepEscapes } from '../virtual/escapes.ts';
import { followHttp } from '../virtual/http-time.ts';
import { idleTurn } from '../virtual/idle.ts';
import { installVirtualTime } from '../virtual/install.ts';
import { seedProgram } from '../virtual/randomness.ts';
import { nextTimers } from '../virtual/timers.ts';
import { Answer, type Beginning, Call, Frames, type News } from './frames.ts';
import { watchOutput } from './output-watch.ts';
import { RemoteKernel } from './remote-kernel.ts';
import { STOPS } from './stops.ts';

/** Turns of Node's event loop in a row, within one turn of the program, after which it is taken for one that spins. */
const TURN_LIMIT = 300_000;
/**
 * So many times the limit is code waited for that does not stop where it is told to: it may wait for the machine. But no less than so many
 * milliseconds, since on a busy machine a loop stops late, too.
 */
const UNHEARD_LIMITS = 6;
const LEAST_UNHEARD_MS = 5000;
/** The machine's number of this process, whatever `process.pid` says. */
const machinePid = process.pid;
const machineKill = process.kill.bind(process);

/** The world is gone, or there is no way to tell it anything: so is the program, without another word. */
function vanish(): never {
  machineKill(machinePid, 'SIGKILL');
  // The signal is there before the call returns.
  for (;;);
}

/** The world's time as far as it has been told. */
class ToldClock implements Environment, Pace {
  readonly virtual = true;
  readonly epochUs: number;
  readonly entropy: SeededRandom;
  time = 0.5 - 0.5;
  /** What time of day the host says it is. */
  nowUs = 0.5;
  private readonly whenIdle: (fn: () => void) => void;

  constructor(epochUs: number, seed: string, whenIdle: (fn: () => void) => void) {
    this.epochUs = epochUs;
    this.entropy = new SeededRandom(`${seed}/entropy`);
    this.whenIdle = whenIdle;
  }

  now(): number {
    return this.time;
  }

  hasReached(us: number): boolean {
    return us <= this.time;
  }

  advanceTo(us: number): void {
    this.time = us;
  }

  turn(fn: () => void): void {
    this.whenIdle(fn);
  }

  // Nobody wakes it but the world.
  wakeAt(): void {}

  attach(): void {}
}

class SpawnedSide {
  private readonly fd: number;
  private readonly frames: Frames;
  private readonly loop: Loop;
  private readonly clock: ToldClock;
  private readonly kernel: RemoteKernel;
  private readonly program: NodeProgram;
  private readonly watchdog: Watchdog | null;
  /** The loop looks again when nothing is left to do. */
  private isAsked = false;
  private turns = 0;
  /** Waits for the machine to end what keeps this process going, where nothing of the world does. */
  private patience: NodeJS.Timeout | null = null;
  private isOutOfPatience = false;
  private readonly loopLimitMs: number;

  constructor(fd: number, frames: Frames, { epochUs, loopLimitMs, name, pid, seed }: Beginning) {
    this.fd = fd;
    this.frames = frames;
    this.loopLimitMs = loopLimitMs;
    this.clock = new ToldClock(epochUs, seed, (fn) => this.whenIdle(fn));
    this.loop = new Loop(this.clock);
    this.loop.pace = this.clock;
    this.kernel = new RemoteKernel(frames, this.loop, vanish);
    ownNumber(pid);
    installHandles();
    installVirtualTime();
    this.watchdog = loopLimitMs > 0 ? new Watchdog(loopLimitMs, Math.max(UNHEARD_LIMITS * loopLimitMs, LEAST_UNHEARD_MS)) : null;
    if (this.watchdog !== null) {
      this.watchdog.onLoop = (stack) => this.endOfLoop(`it ran for ${loopLimitMs} ms of the machine's time without coming back, at\n${stack}`);
    }
    const host: ProgramHost = { loop: this.loop, clock: this.clock };
    this.program = new NodeProgram(host, name, this.kernel, this.kernel);
    seedProgram(this.program, new SeededRandom(seed));
    keepEscapes(this.loop);
    forwardEscapes((one) => void this.frames.begin(Call.Escape).text(JSON.stringify(one)).send());
    watchOutput(() => this.kernel.readOutput());
  }

  /** Its code may run: that of the program itself, behind this preload. */
  begin(nowUs: number, hostUs: number, isDebugged: boolean): void {
    this.setTime(nowUs, hostUs);
    startClock(this.program);
    NodeProgram.outside = this.program;
    this.watchdog?.watch(!isDebugged);
    this.loop.userStarted();
  }

  private whenIdle(fn: () => void): void {
    this.isAsked = true;
    idleTurn(() => {
      this.isAsked = false;
      fn();
      if (!this.isAsked) this.rest();
    }, () => this.mayGoOn());
  }

  private mayGoOn(): boolean {
    if (++this.turns <= TURN_LIMIT) return true;
    this.endOfLoop(`it took ${TURN_LIMIT} turns of its event loop, all at ${this.clock.time / 1e6} s of the world's time, without an end`);
    return vanish();
  }

  /** Told by a frame of its own: its code may be in the midst of another. */
  private endOfLoop(words: string): void {
    new Frames(this.fd).begin(Call.Loop).text(words).send();
  }

  /** Nothing is left to do at this time of the world: gives the turn away, and waits for the next one. */
  private rest(): void {
    const { frames, loop } = this;
    const { strong, weak } = nextTimers(loop);
    if (!liveness.isActive && strong === Infinity && !this.waitsForMachine()) return;
    this.watchdog?.watch(false);
    if (!frames.begin(Call.Rest).double(strong).double(weak).int(liveness.isActive ? 1 : 0).send()) vanish();
    let kind = frames.receive();
    for (; kind === Answer.Describe; kind = frames.receive()) {
      // Names are asked for on the same line.
      const words = this.waitsFor();
      if (!frames.begin(Call.Description).text(JSON.stringify(words)).send()) vanish();
    }
    if (kind !== Answer.Turn) vanish();
    this.takeTurn();
  }

  private waitsFor(): string[] {
    const words = this.program.waitsFor();
    return words.length > 0 || !this.isOutOfPatience ? words : [`what the machine does for it (${machineResources().join(', ')})`];
  }

  private setTime(nowUs: number, hostUs: number): void {
    this.clock.time = nowUs;
    this.clock.nowUs = hostUs;
    this.loop.now = nowUs;
  }

  /** The first of them has brought the beginning (`beginSpawned`). */
  private takeTurn(): void {
    const { frames, kernel, loop, program } = this;
    this.setTime(frames.takeDouble(), frames.takeDouble());
    this.watchdog?.watch(frames.takeInt() === 0);
    this.turns = 0;
    followHttp();
    kernel.takeChanges();
    const text = frames.takeText();
    const news = text === '' ? {} : (JSON.parse(text) as News);
    for (const [id, answer] of news.answers ?? []) kernel.answered(id, answer);
    for (const signal of news.signals ?? []) program.later({ runEvent: () => hear(signal) });
    loop.userStarted();
    loop.drain();
  }

  /**
   * Nothing of the world keeps this process going. If Node goes on all the same, for a real process or a file that it watches (an escape,
   * and told as one), it may end that first; what does not end within the limit is waited for in the world's time.
   */
  private waitsForMachine(): boolean {
    if (this.isOutOfPatience) return machineResources().length > 0;
    if (this.patience === null) {
      this.patience = machineTimeout(() => {
        this.isOutOfPatience = true;
        if (machineResources().length > 0) this.loop.userStarted();
      }, Math.max(this.loopLimitMs, 1));
      this.patience.unref();
    }
    return false;
  }
}

/** What of Node's own keeps its event loop going. */
function machineResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate');
}

/** A signal that the world has sent: to those who listen, or what it does by itself. */
function hear(number: number): void {
  const name = Object.entries(os.constants.signals).find(([, one]) => one === number)?.[0] as NodeJS.Signals;
  if (process.listenerCount(name) > 0) (process as NodeJS.EventEmitter).emit(name, name, number);
  else machineKill(machinePid, number);
}

/** `process.pid` is the number on the host, which is the same in every run; `process.ppid` that of its init. */
function ownNumber(pid: number): void {
  for (const [name, value] of [['pid', pid], ['ppid', 1]] as const) {
    // What C++ has put there cannot be redefined.
    Reflect.deleteProperty(process, name);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, writable: true, value });
  }
  process.kill = (to, signal) => {
    const isOwn = to === pid || to === 0;
    if (isOwn && STOPS.has(String(signal))) throw new Error(`process.kill: ${signal} would stop the program and the world with it`);
    return machineKill(isOwn ? machinePid : to, signal);
  };
}

/** Puts the world below this process, when it was started by `host.spawn`; waits for its first turn. */
export function beginSpawned(variable: string): void {
  const text = process.env[variable];
  // A process that such a program has started: the machine's.
  if (text === undefined) return;
  delete process.env[variable];
  // It is as if nobody had preloaded anything; and what it forks shall not.
  const preload = process.execArgv.lastIndexOf('--import');
  if (preload >= 0) process.execArgv.splice(preload, 2);
  const fd = Number(text);
  const frames = new Frames(fd);
  if (frames.receive() !== Answer.Turn) vanish();
  const nowUs = frames.takeDouble();
  const hostUs = frames.takeDouble();
  const isDebugged = frames.takeInt() !== 0;
  // No descriptors yet.
  frames.takeInt();
  const { beginning } = JSON.parse(frames.takeText()) as Required<News>;
  new SpawnedSide(fd, frames, beginning).begin(nowUs, hostUs, isDebugged);
}
