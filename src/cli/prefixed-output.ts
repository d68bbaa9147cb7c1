/**
 * The output of one of several programs: whole lines, each with the program's name before it.
 *
 * Called by program-run.ts, one for standard output and one for standard error.
 */
const NEWLINE = 0x0a;
/** A line longer than this is written in pieces. */
const LONGEST = 65536;

export class PrefixedOutput {
  private readonly prefix: Uint8Array;
  private readonly to: (bytes: Uint8Array) => void;
  /** The beginning of a line whose end has not come. */
  private held: Uint8Array = new Uint8Array(0);

  constructor(prefix: string, to: (bytes: Uint8Array) => void) {
    this.prefix = new TextEncoder().encode(prefix);
    this.to = to;
  }

  write(bytes: Uint8Array): void {
    let rest = bytes;
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      const isLong = end < 0 && this.held.length + rest.length > LONGEST;
      if (end < 0 && !isLong) break;
      const piece = isLong ? rest : rest.subarray(0, end + 1);
      this.line(piece);
      rest = rest.subarray(piece.length);
    }
    if (rest.length > 0) this.held = Buffer.concat([this.held, rest]);
  }

  /** What is left when the program has ended gets its line end. */
  flush(): void {
    if (this.held.length > 0) this.line(Uint8Array.of(NEWLINE));
  }

  private line(end: Uint8Array): void {
    const whole = Buffer.concat([this.prefix, this.held, end]);
    this.held = new Uint8Array(0);
    this.to(whole);
  }
}
