/** An example program with a child process of fork(), in CommonJS: both processes have both ends. */
const { fork } = require('node:child_process');
const { twoEnds } = require('./two-ends.cjs');

async function main() {
  const child = fork(__filename, ['child']);
  const lines = [];
  child.on('message', (line) => lines.push(line));
  const [[status]] = await Promise.all([new Promise((resolve) => child.on('close', (...how) => resolve(how))), twoEnds((line) => console.log(line))]);
  for (const line of lines) console.log(`child: ${line}`);
  console.log(`child: ended with ${status}`);
}

if (process.argv[2] === 'child') twoEnds((line) => process.send(line)).then(() => process.disconnect());
else main();
