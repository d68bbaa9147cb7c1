/** Fewer faults that still fail: delta debugging (Zeller, Hildebrandt 2002) over the numbers of the planned faults. */

/**
 * A smallest set of `faults` with which `fails` still holds, in the sense that it does not for the set without any one of
 * them. Gives up where `mayGoOn` says so, with the smallest set until then.
 */
export async function fewestFaults(
  faults: readonly number[], fails: (kept: readonly number[]) => Promise<boolean>, mayGoOn: () => boolean,
): Promise<readonly number[]> {
  let kept = faults;
  if (kept.length === 0 || (mayGoOn() && (await fails([])))) return [];
  let parts = 2;
  while (kept.length > 1) {
    const size = Math.ceil(kept.length / parts);
    let smaller: readonly number[] | null = null;
    // A part alone is the great step; without it is the small one.
    for (const isComplement of parts === 2 ? [false] : [false, true]) {
      for (let at = 0; at < kept.length && smaller === null; at += size) {
        const part = kept.slice(at, at + size);
        const tried = isComplement ? kept.filter((fault) => !part.includes(fault)) : part;
        if (!mayGoOn()) return kept;
        if (await fails(tried)) {
          smaller = tried;
          parts = isComplement ? Math.max(parts - 1, 2) : 2;
        }
      }
      if (smaller !== null) break;
    }
    if (smaller !== null) kept = smaller;
    else if (size === 1) break;
    else parts = Math.min(parts * 2, kept.length);
  }
  return kept;
}
