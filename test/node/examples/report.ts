/** A module of the example in TypeScript. */
export interface Report {
  readonly kind: 'TypeScript';
  readonly lines: string[];
}

export function report({ kind, lines }: Report): string {
  return lines.map((line) => `${kind}: ${line}`).join('\n');
}
