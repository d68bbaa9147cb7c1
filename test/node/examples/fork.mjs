/** An example program with a child process of fork(), as an ES module: both processes have both ends. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { twoEnds } from './two-ends.mjs';

if (process.argv[2] === 'child') {
  await twoEnds((line) => process.send(line));
  process.disconnect();
} else {
  const child = fork(fileURLToPath(import.meta.url), ['child']);
  const lines = [];
  child.on('message', (line) => lines.push(line));
  const [[status]] = await Promise.all([once(child, 'close'), twoEnds((line) => console.log(line))]);
  for (const line of lines) console.log(`child: ${line}`);
  console.log(`child: ended with ${status}`);
}
