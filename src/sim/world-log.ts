/**
 * A world's log: what its programs print and what happens to them, a line each, in virtual time. The same seed gives the
 * same bytes. Whoever wants one hands it to `simulate`.
 *
 *        0.010000 client   stdout  connected
 *        1.500000 world    fault   cable a-b cut
 */

/** A log holds so much text, in UTF-16 units; its last line says that there was more. */
const LIMIT = 1 << 24;

export class WorldLog {
  /** Hears of every line as it is written. */
  onLine: ((line: string) => void) | null = null;
  private readonly lines: string[] = [];
  private left: number;

  /** `limit`: how much text it holds, in UTF-16 units; with 0 it holds nothing. */
  constructor(limit: number = LIMIT) {
    this.left = limit;
  }

  /** `who`: a host, or `world`. `what`: of which kind it is. A text of several lines becomes as many. */
  add(atUs: number, who: string, what: string, text: string): void {
    if (this.left <= 0) return;
    const head = `${(atUs / 1e6).toFixed(6).padStart(15)} ${who.padEnd(8)} ${what.padEnd(7)} `;
    for (const part of text.replace(/\n$/, '').split('\n')) {
      this.left -= head.length + part.length + 1;
      this.push(this.left > 0 ? (head + part).trimEnd() : `${head}... the log is full`);
      if (this.left <= 0) return;
    }
  }

  /** All of it. */
  text(): string {
    return this.lines.length === 0 ? '' : `${this.lines.join('\n')}\n`;
  }

  private push(line: string): void {
    this.lines.push(line);
    this.onLine?.(line);
  }
}
