/**
 * The real terminal: colours where somebody sees them, and the signals that end a command.
 */
import { isatty } from 'node:tty';

const CODES = { bold: '1', dim: '2', underlined: '4', green: '32', cyan: '36' } as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What signals call, while a command heeds them. */
let heeded: Heeded | null = null;

interface Heeded {
  readonly signals: readonly NodeJS.Signals[];
  readonly handler: (signal: NodeJS.Signals) => void;
}

/** Paints `text` for the descriptor `fd` when that is a terminal and NO_COLOR (no-color.org) is not set. */
export function paint(fd: number, style: keyof typeof CODES, text: string): string {
  const wanted = isatty(fd) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** Resolves when the user or the system asks the command to end (Ctrl-C, kill, a closed terminal): to the signal that did. */
export function untilAsked(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => heedSignals(SIGNALS, resolve));
}

/** The exit status of what a signal ended, as shells tell it. */
export function signalledStatus(signo: number): number {
  return 128 + signo;
}

/** Calls `handler` for these signals, until the returned function is called; what heeded them before does so again then. */
export function heedSignals(signals: readonly NodeJS.Signals[], handler: (signal: NodeJS.Signals) => void): () => void {
  // Node's streams make pipes non-blocking. A write into one that nobody reads is then ours to wait for (output.ts), and
  // a signal ends that wait; the kernel's own wait in write(2) could not be ended.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const before = heeded;
  if (before !== null) heed(before, false);
  const own: Heeded = { signals, handler };
  heed(own, true);
  heeded = own;
  return () => {
    heed(own, false);
    if (before !== null) heed(before, true);
    heeded = before;
  };
}

function heed({ signals, handler }: Heeded, on: boolean): void {
  for (const signal of signals) {
    if (on) process.on(signal, handler);
    else process.off(signal, handler);
  }
}

/** Runs `wait`, which holds the event loop up: no handler would run meanwhile, so signals end the process themselves. */
export function endable<T>(wait: () => T): T {
  const own = heeded;
  if (own === null) return wait();
  heed(own, false);
  try {
    return wait();
  } finally {
    heed(own, true);
  }
}
