/**
 * A watch over code that never comes back: a thread that hears a heartbeat of the main one. When there has been none for
 * too long it stops the main thread as a debugger does, reads its stack, has it say what there is to say, and ends the
 * process. (V8 could end what runs there alone, but Node 20 to 24 then abort: their stack of async ids is not as it was.)
 *
 * A debugger's pause is no loop: where an inspector is open nothing is ended.
 */
import { Worker } from 'node:worker_threads';
import { url } from 'node:inspector';

const { clearInterval: stopInterval, setInterval: startInterval } = globalThis;

/** Indices of what both threads share. */
const BEAT = 0;
const ARMED = 1;
const DEBUGGED = 2;

/** How often the heart beats, and how often the thread listens, in milliseconds. */
const BEAT_MS = 50;

/** After so many times the limit, code that takes no time of the processor counts as well. */
const HANGS = 6;

/** What the thread runs: text, since it has to be in whatever file this is bundled into. */
const WATCH = `
const { workerData: { shared, limitMs, unheardMs } } = require('node:worker_threads');
const { Session } = require('node:inspector');
let last = -1;
let listened = performance.now();
let late = 0;
let used = 0;
const usedMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
let isAtWork = false;
setInterval(() => {
  // A machine that was asleep, or had no time for this thread either, has not let the other one be late.
  const now = performance.now();
  const passed = Math.min(now - listened, ${2 * BEAT_MS});
  listened = now;
  const beat = Atomics.load(shared, ${BEAT});
  const rests = Atomics.load(shared, ${ARMED}) === 0 || Atomics.load(shared, ${DEBUGGED}) === 1;
  if (beat !== last || rests || isAtWork) {
    last = beat;
    late = 0;
    used = usedMs();
    return;
  }
  late += passed;
  // On a busy machine the heart may be late: what loops takes the processor's time. What hangs does not.
  if (late < limitMs || (usedMs() - used < limitMs && late < ${HANGS} * limitMs)) return;
  isAtWork = true;
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map();
  session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url));
  session.once('Debugger.paused', ({ params }) => {
    clearTimeout(unheard);
    if (Atomics.load(shared, ${BEAT}) !== beat) {
      // It has come back at the last moment.
      session.post('Debugger.resume', () => session.post('Debugger.disable', () => {
        session.disconnect();
        isAtWork = false;
      }));
      return;
    }
    const stack = params.callFrames.map(({ functionName, url, location: { scriptId, lineNumber, columnNumber } }) =>
      '    at ' + (functionName || '<anonymous>') + ' (' + (url || scripts.get(scriptId)) + ':' + (lineNumber + 1) + ':' + (columnNumber + 1) + ')');
    const words = JSON.stringify(stack.slice(0, 20).join('\\n'));
    session.post('Runtime.evaluate', { expression: 'globalThis[Symbol.for("sockscape loop")](' + words + ')' }, () => process.kill(process.pid, 'SIGKILL'));
  });
  session.post('Debugger.enable', () => session.post('Debugger.pause'));
  // What waits for the machine (a process, a file that never ends) has no stack that could be read before it comes back.
  const unheard = unheardMs > 0 && setTimeout(() => {
    if (Atomics.load(shared, ${BEAT}) !== beat) return;
    require('node:fs').writeSync(2, 'the code waits for the machine, in a call that does not come back, and is ended\\n');
    process.kill(process.pid, 'SIGKILL');
  }, unheardMs);
}, ${BEAT_MS});
`;

export class Watchdog {
  /** Called, in the midst of the code that does not come back, with the stack where it is; then the process is killed. */
  onLoop: ((stack: string) => void) | null = null;
  private readonly shared = new Int32Array(new SharedArrayBuffer(12));
  private readonly worker: Worker;
  private readonly heart: NodeJS.Timeout;

  /** `unheardMs`: what waits in a call of the machine's is killed when it has not come back so long after the limit; 0 waits for it. */
  constructor(limitMs: number, unheardMs = 0) {
    this.worker = new Worker(WATCH, { eval: true, workerData: { shared: this.shared, limitMs, unheardMs }, execArgv: [], env: {} });
    this.worker.unref();
    Object.defineProperty(globalThis, Symbol.for('sockscape loop'), { configurable: true, value: (stack: string) => this.onLoop?.(stack) });
    this.heart = startInterval(() => {
      Atomics.add(this.shared, BEAT, 1);
      Atomics.store(this.shared, DEBUGGED, url() === undefined ? 0 : 1);
    }, BEAT_MS);
    this.heart.unref();
    Atomics.store(this.shared, DEBUGGED, url() === undefined ? 0 : 1);
  }

  /** Watches from now on, or no longer. */
  watch(on: boolean): void {
    Atomics.add(this.shared, BEAT, 1);
    Atomics.store(this.shared, ARMED, on ? 1 : 0);
  }

  async end(): Promise<void> {
    stopInterval(this.heart);
    await this.worker.terminate();
  }
}
