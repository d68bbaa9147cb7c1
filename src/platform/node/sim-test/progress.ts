/**
 * How far a long run of seeds is: a line on the terminal, which what follows writes over. Under `node --test` the process of
 * a file has no terminal of its own; then it is the one that controls it, if there is one.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

/** Runs that are shorter show nothing, in milliseconds; and how often the line changes. */
const QUIET_MS = 2000;
const EVERY_MS = 200;

export class Progress {
  private readonly name: string;
  private readonly seeds: number;
  private readonly began = performance.now();
  private shownAt = 0;
  private fd: number | null = null;
  private isOwn = false;
  private isOver = false;

  constructor(name: string, seeds: number) {
    this.name = name;
    this.seeds = seeds;
  }

  show(passed: number): void {
    const now = performance.now();
    if (this.isOver || now - this.began < QUIET_MS || now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    this.write(`${this.name}: ${passed} of ${this.seeds} seeds`);
  }

  /** The line goes away. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.shownAt > 0) this.write('');
    if (this.fd !== null && this.isOwn) closeSync(this.fd);
  }

  private write(text: string): void {
    try {
      this.fd ??= this.open();
      // Back to the line's beginning: whatever is printed next takes its place.
      writeSync(this.fd, `\x1b[K${text}\r`);
    } catch {
      // There is no terminal.
      this.shownAt = Infinity;
    }
  }

  private open(): number {
    if (process.stderr.isTTY) return 2;
    if (process.env['CI']) throw new Error('nobody looks');
    this.isOwn = true;
    return openSync('/dev/tty', 'w');
  }
}
