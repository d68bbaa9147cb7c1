/** What a world in virtual time needs of Node: a macrotask, and the rejections that nobody looks at. */

/** A macrotask: what virtual time takes before it moves. */
export function turn(fn: () => void): void {
  setImmediate(fn);
}

/** Hears of rejected promises that nobody looks at; returns how to stop listening. */
export function watchRejections(listener: (reason: unknown) => void): () => void {
  process.on('unhandledRejection', listener);
  return () => {
    process.off('unhandledRejection', listener);
  };
}
