/** The program of spawn-calls.mjs and spawn-turns.mjs: makes so many calls of its kernel when it is told to, and has a turn each millisecond. */
import net from 'node:net';

const [, , calls] = process.argv;
if (calls === undefined) setInterval(() => {}, 1);
else {
  net.createServer((socket) => {
    socket.on('data', () => {
      for (let i = 0; i < Number(calls); i++) socket.setNoDelay(i % 2 === 0);
      socket.write('done');
    });
  }).listen(7);
}
