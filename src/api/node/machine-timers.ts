/**
 * Immediates and timers of our own. They belong to no program, in whatever context they are made: sockscape/sim, which has
 * Node's timers follow the world of the program that makes them, leaves these to the machine.
 */
const { clearTimeout, setImmediate, setInterval, setTimeout } = globalThis;
const machineClock = performance.now.bind(performance);

class OwnCalls {
  /** One of our own is being made now. */
  isMaking = false;
}

export const ownCalls: OwnCalls = new OwnCalls();

/** Node's setImmediate. */
export function machineImmediate(fn: () => void): NodeJS.Immediate {
  ownCalls.isMaking = true;
  const immediate = setImmediate(fn);
  ownCalls.isMaking = false;
  return immediate;
}

/** Node's setInterval. */
export function machineInterval(fn: () => void, ms: number): NodeJS.Timeout {
  ownCalls.isMaking = true;
  const interval = setInterval(fn, ms);
  ownCalls.isMaking = false;
  return interval;
}

/** Node's setTimeout. */
export function machineTimeout(fn: () => void, ms: number): NodeJS.Timeout {
  ownCalls.isMaking = true;
  const timeout = setTimeout(fn, ms);
  ownCalls.isMaking = false;
  return timeout;
}

/** Node's clearTimeout. */
export function stopMachineTimeout(timeout: NodeJS.Timeout): void {
  clearTimeout(timeout);
}

/** Node's performance.now, in milliseconds. */
export function machineNow(): number {
  return machineClock();
}
