/**
 * The end of a handle, told when libuv tells it: in the closing phase of this turn of Node's event loop, before timers get
 * their next turn (`setTimeout(check, 1)` behind a destroyed socket finds it closed).
 *
 * JavaScript has no call for that phase but the closing of a handle, so for each event a handle of the machine's is made and
 * closed: 3 µs, once in the life of a socket. A world in virtual time needs none: there timers wait for every event.
 */
import { binding } from './bindings.ts';
import { type HandleEvent, NodeProgram } from './node-program.ts';

interface Closable {
  close(done: () => void): void;
}

/** Runs these events in their order, each as a macrotask. */
export function runWhenClosing(program: NodeProgram, events: readonly HandleEvent[]): void {
  if (program.isVirtual) {
    for (const event of events) program.later(event);
    return;
  }
  const { UDP } = binding('udp_wrap');
  NodeProgram.runOutside(() => {
    // libuv closes the last one first (uv__make_close_pending).
    for (const event of [...events].reverse()) {
      const holder = new (UDP as unknown as new () => Closable)();
      holder.close(() => {
        if (program.isStopped) program.later(event);
        else program.runEvent(event);
      });
    }
  });
}
