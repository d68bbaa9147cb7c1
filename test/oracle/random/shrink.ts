/** Makes a sequence that shows a difference as short as it gets: steps are left out while it still does (ddmin). */
import type { Sequence, Step } from './steps.ts';

/** Runs `fails` on shorter and shorter sequences, at most `most` times; resolves to the shortest that fails. */
export async function shrink(sequence: Sequence, fails: (shorter: Sequence) => Promise<boolean>, most: number): Promise<Sequence> {
  let steps: readonly Step[] = sequence.steps;
  let tries = 0;
  const attempt = async (shorter: readonly Step[]): Promise<boolean> => {
    if (tries >= most || shorter.length === 0) return false;
    tries++;
    if (!(await fails({ ...sequence, steps: shorter }))) return false;
    steps = shorter;
    return true;
  };
  for (let size = Math.ceil(steps.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let at = 0; at < steps.length; ) {
      if (await attempt([...steps.slice(0, at), ...steps.slice(at + size)])) isShorter = true;
      else at += size;
    }
    if (size === 1 && !isShorter) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return { ...sequence, steps };
}
