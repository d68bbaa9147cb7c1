/** docs/errors.md read back. Written by table.ts; read by its tests and by the watch of all tests (test/tools/errno-watch.ts), which imports nothing else. */

/** The rows of a page that `errorsPage` wrote, as [call, compared with what stands behind "also", occurring, impossible]. */
export function readErrorsPage(text: string): Map<string, Record<'compared' | 'occurring' | 'impossible', string[]>> {
  const found = new Map<string, Record<'compared' | 'occurring' | 'impossible', string[]>>();
  for (const [, call, compared, occurring, impossible] of text.matchAll(/^\| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$/gm)) {
    if (call === 'call') continue;
    const errnos = (cell: string): string[] => [...cell.matchAll(/\bE[A-Z0-9]+\b/g)].map(([errno]) => errno);
    found.set(call as string, { compared: errnos(compared as string), occurring: errnos(occurring as string), impossible: errnos(impossible as string) });
  }
  return found;
}
