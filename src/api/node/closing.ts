/**
 * The end of a handle, told when libuv tells it: in the closing phase of this turn of Node's event loop, behind the immediates
 * of the check phase, before timers get their next turn (`setTimeout(check, 1)` behind a destroyed socket finds it closed).
 *
 * JavaScript has no call for that phase but the closing of a handle, so for each event a handle of the machine's is made and
 * closed: 3 µs, once in the life of a socket.
 */
import { binding } from './bindings.ts';
import { machineImmediate } from './machine-timers.ts';
import { type HandleEvent, handleEvents, NodeProgram } from './node-program.ts';

interface Closable {
  close(done: () => void): void;
}

/** Runs these events in their order, each as a macrotask. */
export function runWhenClosing(program: NodeProgram, events: readonly HandleEvent[]): void {
  if (!program.isVirtual) return close(events, (event) => run(program, event));
  program.closingBegins();
  let left = events.length;
  const begin = (): void => close(events, (event) => {
    if (--left === 0) program.closingEnds();
    run(program, event);
  });
  // Events and timers of a world are run in the check phase. Where libuv runs them, before it, the immediates that they make come
  // before this turn's closing phase: it is the next turn's here. In real time timers would come in between.
  if (handleEvents.isInCheck) begin();
  else machineImmediate(begin);
}

/** Kept, since whoever reads it from the binding is looked at (install.ts). */
let Udp: (new () => Closable) | null = null;

function close(events: readonly HandleEvent[], done: (event: HandleEvent) => void): void {
  NodeProgram.runOutside(() => {
    Udp ??= binding('udp_wrap').UDP as unknown as new () => Closable;
    // libuv closes the last one first (uv__make_close_pending).
    for (const event of [...events].reverse()) new Udp().close(() => done(event));
  });
}

function run(program: NodeProgram, event: HandleEvent): void {
  if (program.isStopped) program.later(event);
  else program.runEvent(event);
}
