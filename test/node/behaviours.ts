/**
 * Runs all behaviours one after the other and prints what came of each: `{ "name": ..., "error": null }` a line. An ordinary
 * Node program: handles.test.ts gives it our sockets or the kernel's.
 */
import { datagramBehaviours } from './datagram-behaviours.ts';
import { streamBehaviours } from './stream-behaviours.ts';

const LIMIT_MS = 5000;

const behaviours = { ...streamBehaviours, ...datagramBehaviours };
const chosen = process.argv[2] ?? '';

let hasFailed = false;
for (const [name, run] of Object.entries(behaviours)) {
  if (!name.includes(chosen)) continue;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  let error: string | null = null;
  try {
    await Promise.race([run(), late]);
  } catch (thrown) {
    error = thrown instanceof Error ? `${thrown.stack}` : String(thrown);
  }
  clearTimeout(timer);
  hasFailed ||= error !== null;
  console.log(JSON.stringify({ name, error }));
}
// What failed may have left something open. What has not must end by itself.
if (hasFailed) process.exit(1);
