/**
 * setImmediate of programs in a world: Node's own, counted, so that time does not move before they have run.
 */
import type { NodeProgram } from '../../../api/node/node-program.ts';

const { clearImmediate: stop, setImmediate: later } = globalThis;

class ImmediateCounts {
  /** Immediates of programs that have not run yet. */
  pending = 0;
}

export const immediates: ImmediateCounts = new ImmediateCounts();
const open: WeakSet<object> = new WeakSet();

export function setProgramImmediate(program: NodeProgram, callback: (...args: unknown[]) => void, args: readonly unknown[]): NodeJS.Immediate {
  const immediate = later(() => {
    open.delete(immediate);
    immediates.pending--;
    if (program.isStopped) program.later({ runEvent: () => callback(...args) });
    else if (!program.isOver) callback(...args);
  });
  open.add(immediate);
  immediates.pending++;
  return immediate;
}

export function clearProgramImmediate(immediate: NodeJS.Immediate | undefined): void {
  if (immediate !== undefined && immediate !== null && open.delete(immediate)) immediates.pending--;
  stop(immediate);
}
