/** A macrotask of Node: what virtual time takes before it moves. */
export function turn(fn: () => void): void {
  setImmediate(fn);
}
