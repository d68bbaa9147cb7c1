/** An example program with a worker thread, as an ES module: both threads have both ends. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { twoEnds } from './two-ends.mjs';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const lines = [];
  worker.on('message', (line) => lines.push(line));
  await Promise.all([twoEnds((line) => console.log(line)), once(worker, 'exit')]);
  for (const line of lines) console.log(`worker: ${line}`);
} else {
  await twoEnds((line) => parentPort.postMessage(line));
}
