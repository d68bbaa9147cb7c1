/**
 * A macrotask of a page or worker: what virtual time takes before it moves. A MessageChannel, since timers of a page are
 * held back to 4 ms and more.
 */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => {
  const fn = waiting.shift();
  if (fn !== undefined) fn();
};

export function turn(fn: () => void): void {
  waiting.push(fn);
  channel.port2.postMessage(0);
}
