/** An example program with a worker thread, in CommonJS: both threads have both ends. */
const { isMainThread, parentPort, Worker } = require('node:worker_threads');
const { twoEnds } = require('./two-ends.cjs');

async function main() {
  const worker = new Worker(__filename);
  const lines = [];
  worker.on('message', (line) => lines.push(line));
  await Promise.all([twoEnds((line) => console.log(line)), new Promise((resolve) => worker.on('exit', resolve))]);
  for (const line of lines) console.log(`worker: ${line}`);
}

if (isMainThread) main();
else twoEnds((line) => parentPort.postMessage(line));
