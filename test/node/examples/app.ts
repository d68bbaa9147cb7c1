/** An example program in TypeScript. */
import { type Report, report } from './report.ts';
import { twoEnds } from './two-ends.ts';

const lines: Report = { kind: 'TypeScript', lines: [] };
await twoEnds((line: string) => void lines.lines.push(line));
console.log(report(lines));
