/**
 * docs/errors.md: every call x every errno of its man page, compared on both kernels, occurring here as a test shows, or
 * impossible here and why.
 *
 * Written by `npm run oracle -- --errors` from what the oracle has just compared, the facts of the man pages (facts.ts),
 * the cells that a test provokes (occurring.ts) and the reasons (impossible.ts); test/oracle/oracle.test.ts holds the committed file against it.
 */
import { ERRNO_FACTS, factsOf } from './facts.ts';
import { EVERYWHERE, IMPOSSIBLE, REASONS, whyNot } from './impossible.ts';
import { occurringFrom } from './occurring.ts';

/** Which errnos came from which call, equal on both kernels. */
export type Observed = ReadonlyMap<string, ReadonlySet<string>>;

export interface Row {
  call: string;
  /** Of the man page, and compared. */
  compared: string[];
  /** Compared as well, though the page does not list it. */
  further: string[];
  /** Of the man page, not compared, and made by test/sim/occurring-errors.test.ts. */
  occurring: string[];
  /** Of the man page, and impossible: the reason. */
  impossible: [errno: string, why: string][];
}

export interface ErrorTable {
  rows: Row[];
  /** What must not be: an empty cell, a reason for what was observed, a reason for what no page lists. */
  faults: string[];
}

/** `calls`: those of `Syscalls`. */
export function errorTable(calls: Iterable<string>, observed: Observed): ErrorTable {
  const rows: Row[] = [];
  const faults: string[] = [];
  for (const call of calls) {
    if (ERRNO_FACTS[call] === undefined) faults.push(`${call}: test/oracle/errors/facts.ts does not say what its man page lists`);
    const seen = observed.get(call) ?? new Set<string>();
    const facts = factsOf(call);
    const row: Row = { call, compared: [], further: [...seen].filter((errno) => !facts.includes(errno)).sort(), occurring: [], impossible: [] };
    const occurs = occurringFrom(call);
    for (const errno of facts) {
      const why = occurs.includes(errno) ? null : whyNot(call, errno);
      if (seen.has(errno)) {
        row.compared.push(errno);
        if (why !== null) faults.push(`${call} ${errno}: said to be impossible, and the oracle has seen it`);
        if (occurs.includes(errno)) faults.push(`${call} ${errno}: stands in occurring.ts, and the oracle compares it`);
      } else if (occurs.includes(errno)) row.occurring.push(errno);
      else if (why === null) faults.push(`${call} ${errno}: neither compared nor said to be impossible`);
      else row.impossible.push([errno, why]);
    }
    for (const errno of occurs) {
      if (!facts.includes(errno)) faults.push(`${call} ${errno}: stands in occurring.ts, and its man page does not list it`);
      if ((IMPOSSIBLE[call]?.[errno] ?? '') !== '') faults.push(`${call} ${errno}: said to be impossible, and a test makes it`);
    }
    for (const errno of Object.keys(IMPOSSIBLE[call] ?? {})) {
      if (!facts.includes(errno)) faults.push(`${call} ${errno}: there is a reason, and its man page does not list it`);
    }
    rows.push(row);
  }
  for (const call of observed.keys()) if (!rows.some((row) => row.call === call)) faults.push(`${call}: the oracle has it, Syscalls has not`);
  return { rows, faults };
}

/** Cells that say `cannot occur` of what a kernel has returned (`close EBADF` -> where), with the place. */
export function falseCellsAmong(returned: ReadonlyMap<string, string>): string[] {
  return [...returned].flatMap(([cell, where]) => {
    const [call, errno] = cell.split(' ') as [string, string];
    const isImpossible = factsOf(call).includes(errno) && !occurringFrom(call).includes(errno) && whyNot(call, errno) !== null;
    return isImpossible ? [`${cell}: said to be impossible, and it came from ${where}`] : [];
  });
}

const HEAD = `# Errors: every call, every errno of its man page

Written by \`npm run oracle -- --errors\`; do not edit. A test holds this file against what the oracle compares.

For each call of \`Syscalls\`, the errnos that its Linux man page lists. **Compared**: a program of test/oracle made the call fail
so on our kernel and on the Linux kernel, with equal results; what stands behind "also" was compared too, though the page
does not list it. **Occurs, and is tested here**: [test/sim/occurring-errors.test.ts](../test/sim/occurring-errors.test.ts) makes the call
fail so, on a host without memory, with fs.file-max reached or with what only our limits end; a Linux kernel
cannot be asked without harm to others. **Cannot occur**: with the number of the reason below.
`;

export function errorsPage(calls: Iterable<string>, observed: Observed): string {
  const { rows } = errorTable([...calls].sort(), observed);
  const reasons: string[] = [];
  const numberOf = (why: string): number => {
    const text = REASONS[why] ?? why;
    if (!reasons.includes(text)) reasons.push(text);
    return reasons.indexOf(text) + 1;
  };
  // Those that hold everywhere come first.
  for (const why of Object.values(EVERYWHERE)) numberOf(why);
  const lines = rows.map(({ call, compared, further, occurring, impossible }) => {
    const equal = [compared.join(' '), further.length > 0 ? `also ${further.join(' ')}` : ''].filter((part) => part !== '').join('; ');
    const not = impossible.map(([errno, why]) => `${errno} (${numberOf(why)})`).join(' ');
    return `| ${call} | ${equal === '' ? 'none to compare' : equal} | ${occurring.length === 0 ? 'none' : occurring.join(' ')} | ${not === '' ? 'none' : not} |`;
  });
  const cells = rows.reduce((sum, row) => sum + row.compared.length, 0);
  const made = rows.reduce((sum, row) => sum + row.occurring.length, 0);
  const total = cells + made + rows.reduce((sum, row) => sum + row.impossible.length, 0);
  return `${HEAD}
${rows.length} calls, ${total} errnos of their man pages: ${cells} compared, ${made} that occur and are
tested here, ${total - cells - made} impossible here.

| call | compared, and equal | occurs, and is tested here | cannot occur |
|---|---|---|---|
${lines.join('\n')}

## Reasons

${reasons.map((reason, i) => `${i + 1}. ${reason}`).join('\n')}
`;
}
