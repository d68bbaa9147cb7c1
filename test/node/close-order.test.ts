/**
 * When a socket that is closed says so: libuv's closing phase comes at the end of a turn of the event loop, behind the
 * immediates (check phase) that an event or a timer of that turn has made, and before those that immediates make. The same
 * program runs in plain Node, in real time, and in a world.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { MEETINGS, meet, SimFolder, writeProgram } from './sim-process.ts';

const folder = new SimFolder();

writeProgram(folder, 'closes', ['net = node:net', 'dgram = node:dgram', '{ once } = node:events'], `async () => {
  const lines = [];
  const log = (...words) => lines.push(words.join(' '));
  /** What is made now, and where it stands among the rest. */
  const make = (name) => {
    setImmediate(() => { log(name, 'immediate'); setImmediate(() => log(name, 'second immediate')); });
    process.nextTick(() => log(name, 'tick'));
    queueMicrotask(() => log(name, 'microtask'));
  };
  const settle = () => new Promise((done) => setTimeout(done, 30));
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => String(bytes) === 'reset' ? socket.resetAndDestroy() : socket.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = async (name) => {
    const socket = net.connect(server.address().port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('close', (hadError) => { log(name, 'close', hadError); make(name + ' close'); });
    return socket;
  };
  const reset = await connected('reset');
  reset.on('error', ({ code }) => { log('error', code); make('reset error'); });
  reset.write('reset');
  await settle();
  const data = await connected('data');
  data.on('data', () => { make('before'); data.destroy(); make('data'); });
  data.write('x');
  await settle();
  const failing = await connected('failing');
  failing.on('error', ({ message }) => { log('error', message); make('failing error'); });
  failing.on('data', () => { failing.destroy(new Error('of the user')); make('failing'); });
  failing.write('x');
  await settle();
  const timer = await connected('timer');
  setTimeout(() => { timer.destroy(); make('timer'); }, 5);
  await settle();
  const immediate = await connected('immediate');
  setTimeout(() => setImmediate(() => { immediate.destroy(); make('immediate'); }), 5);
  await settle();
  const [a, b] = [await connected('a'), await connected('b')];
  setTimeout(() => { a.destroy(); b.destroy(); make('two'); }, 5);
  await settle();
  const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(udp, 'listening');
  udp.on('close', () => log('udp close')).on('message', () => { udp.close(); make('message'); });
  udp.send('x', udp.address().port, '127.0.0.1');
  await settle();
  const ended = await connected('ended');
  ended.resume().end();
  ended.on('end', () => { log('end'); make('end'); });
  await settle();
  server.close();
  return lines;
}`);

const PLAIN = 'console.log(JSON.stringify(await program()));';
const WORLD = `console.log(JSON.stringify(await sim.simulate({ seed: 1 }, (world) => world.host('a').run(program))));`;

for (const meeting of MEETINGS) {
  test(`sockets close when they do in plain Node: ${meeting.kind}, loaded ${meeting.when} sockscape`, () => {
    const plain = folder.result<string[]>(`import program from './closes.${meeting.kind}';${PLAIN}`);
    equal(plain.indexOf('reset error immediate') < plain.indexOf('reset close true'), true);
    equal(plain.indexOf('immediate close false') < plain.indexOf('immediate immediate'), true);
    deepEqual(folder.result<string[]>(meet('closes', meeting, WORLD)), plain);
  });
}
