/**
 * The real terminal: colours where somebody sees them, signals, and an output that may be closed early.
 */

const CODES = { bold: '1', dim: '2', green: '32', cyan: '36' } as const;

/** Paints `text` when `stream` is a terminal and NO_COLOR (no-color.org) is not set. */
export function paint(stream: NodeJS.WriteStream, style: keyof typeof CODES, text: string): string {
  const wanted = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** Resolves when the user or the system asks the command to end: Ctrl-C, kill, a closed terminal. */
export function untilAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}

/** `sockscape tcpdump ... | head`: a reader that has seen enough is no error. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}
