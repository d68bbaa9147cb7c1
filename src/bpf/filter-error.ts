/**
 * What the compiler throws: a filter expression is wrong, and where.
 *
 * Thrown by lexer.ts, parser.ts and generate.ts; programs catch it to print one clear sentence.
 */
export class FilterError extends Error {
  /** Offset in the expression of the word at fault. */
  readonly at: number;

  constructor(at: number, what: string) {
    super(what);
    this.name = 'FilterError';
    this.at = at;
  }
}
