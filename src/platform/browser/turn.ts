/**
 * What a world in virtual time needs of a page or worker: a macrotask, and the rejections that nobody looks at. The
 * macrotask goes through a MessageChannel, since timers of a page are held back to 4 ms and more.
 */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => {
  const fn = waiting.shift();
  if (fn !== undefined) fn();
};

/** A macrotask: what virtual time takes before it moves. */
export function turn(fn: () => void): void {
  waiting.push(fn);
  channel.port2.postMessage(0);
}

/**
 * Hears of rejected promises that nobody looks at. A page has no async context that would tell whose promise it was: where
 * several watches listen, each of them hears of each rejection, so that none goes unseen.
 */
export function watchRejections(_name: string, listener: (reason: unknown) => void): {
  run<T>(fn: () => T): T;
  stop(): void;
} {
  const heard = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    listener(event.reason);
  };
  addEventListener('unhandledrejection', heard);
  return { run: (fn) => fn(), stop: () => removeEventListener('unhandledrejection', heard) };
}
