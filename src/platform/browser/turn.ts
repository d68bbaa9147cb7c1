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

/** Hears of rejected promises that nobody looks at; returns how to stop listening. */
export function watchRejections(listener: (reason: unknown) => void): () => void {
  const heard = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    listener(event.reason);
  };
  addEventListener('unhandledrejection', heard);
  return () => removeEventListener('unhandledrejection', heard);
}
