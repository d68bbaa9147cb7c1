/**
 * The real terminal: colours where somebody sees them, and the signals that end a command.
 */
import { isatty } from 'node:tty';

const CODES = { bold: '1', dim: '2', green: '32', cyan: '36' } as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What a signal calls, while a command waits for one. */
let ask: (() => void) | null = null;

/** Paints `text` for the descriptor `fd` when that is a terminal and NO_COLOR (no-color.org) is not set. */
export function paint(fd: number, style: keyof typeof CODES, text: string): string {
  const wanted = isatty(fd) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** Resolves when the user or the system asks the command to end: Ctrl-C, kill, a closed terminal. */
export function untilAsked(): Promise<void> {
  // Node's streams make pipes non-blocking. A write into one that nobody reads is then ours to wait for (output.ts), and
  // a signal ends that wait; the kernel's own wait in write(2) could not be ended.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return new Promise((resolve) => {
    const handler = (): void => resolve();
    ask = handler;
    for (const signal of SIGNALS) process.on(signal, handler);
  });
}

/** Runs `wait`, which holds the event loop up: no handler would run meanwhile, so signals end the process themselves. */
export function endable<T>(wait: () => T): T {
  const handler = ask;
  if (handler === null) return wait();
  for (const signal of SIGNALS) process.off(signal, handler);
  try {
    return wait();
  } finally {
    for (const signal of SIGNALS) process.on(signal, handler);
  }
}
