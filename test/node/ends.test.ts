/**
 * How programs and worlds end when something is wrong: errors that nobody catches, process.exit, worlds that are stuck or
 * spin, worlds beside and inside each other; and that the machine's own sockets and timers work afterwards.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SimFolder } from './sim-process.ts';

const folder = new SimFolder();

const BEFORE = `
  import net from 'node:net';
  import fs from 'node:fs';
  import crypto from 'node:crypto';
  import { once, EventEmitter } from 'node:events';
  import { PassThrough } from 'node:stream';
  import { simulate } from './sim.mjs';
  const told = {};
  const outcome = (promise) => promise.then((value) => 'resolved ' + value, (error) => error.name + ': ' + error.message);
  const one = (body, options = {}) => outcome(simulate({ seed: 1, ...options }, async (world) => {
    const client = world.host('client'), server = world.host('server');
    world.cable(client, server, { delayUs: 1000 });
    return body({ world, client, server });
  }));`;
const AFTER = 'console.log(JSON.stringify(told));';

/** Where code can throw, each as the callback that calls \`f\`. */
const PLACES: Record<string, string> = {
  timer: 'setTimeout(f, 5)',
  interval: 'setInterval(f, 5)',
  immediate: 'setImmediate(f)',
  tick: 'process.nextTick(f)',
  microtask: 'queueMicrotask(f)',
  promise: 'void Promise.resolve().then(f)',
  'async function': 'void (async () => { await null; f(); })()',
  'later promise': 'setTimeout(async () => { f(); }, 5)',
  emitter: "const e = new EventEmitter(); e.on('x', f); setTimeout(() => e.emit('x'), 1)",
  stream: "const s = new PassThrough(); s.on('data', f); s.write('x')",
  file: "fs.stat('/', f)",
  crypto: "crypto.pbkdf2('a', 'b', 1, 1, 'sha1', f)",
  'randomBytes': 'crypto.randomBytes(4, f)',
  'socket data': "net.createServer((c) => c.on('data', f)).listen(1); net.connect(1).write('x')",
  'socket connect': 'net.createServer(() => {}).listen(1); net.connect(1, f)',
  'server connection': 'net.createServer(f).listen(1); net.connect(1)',
  'socket close': "net.createServer((c) => c.end()).listen(1); net.connect(1).resume().on('close', f)",
  'socket timeout': 'net.createServer(() => {}).listen(1); net.connect(1).setTimeout(50, f)',
  abort: "AbortSignal.timeout(5).addEventListener('abort', f)",
};

test('an exception in any callback of a program, or a rejection, ends its world with it, and nothing else', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    const places = { ${Object.entries(PLACES).map(([name, code]) => `${JSON.stringify(name)}: (f) => { ${code} }`).join(',\n')} };
    for (const [name, place] of Object.entries(places)) {
      const beside = simulate({ seed: 2 }, async (world) => { for (let i = 0; i < 50; i++) await world.sleep(1000); return 'lived'; });
      told[name] = await one(async ({ world, client }) => {
        await client.run(() => { place(() => { throw new Error('by ' + name); }); });
        await world.sleep(10e6);
        return 'not ended';
      }) + ' | ' + await outcome(beside);
    }
    ${AFTER}`);
  for (const name of Object.keys(PLACES)) equal(told[name], `Error: by ${name} (seed 1) | resolved lived`, name);
});

test('process.exit in any callback ends that program alone, with its sockets', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    const places = { ${Object.entries(PLACES).map(([name, code]) => `${JSON.stringify(name)}: (f) => { ${code} }`).join(',\n')} };
    for (const [name, place] of Object.entries(places)) told[name] = await one(async ({ world, client, server }) => {
      const ended = [];
      await client.run(async () => { net.createServer((c) => c.resume().on('close', () => ended.push(world.now > 0))).listen(9); });
      const run = server.run(() => new Promise(() => {
        net.connect(9, '10.0.1.1').on('error', () => {});
        setTimeout(() => ended.push('lives on'), 30_000);
        setTimeout(() => place(() => { process.exit(0); ended.push('went on'); }), 1000);
      }));
      const value = await run;
      await world.sleep(60e6);
      return JSON.stringify([value ?? null, ended, server.programs.size]);
    });
    ${AFTER}`);
  for (const name of Object.keys(PLACES)) equal(told[name], 'resolved [null,[true],0]', name);
});

test('process.exit with a status, abort and signals to the own process', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    const ways = {
      exit: () => process.exit(3), text: () => process.exit('4'), abort: () => process.abort(), kill: () => process.kill(process.pid),
      int: () => process.kill(process.pid, 'SIGINT'), zero: () => process.kill(process.pid, 0),
    };
    for (const [name, way] of Object.entries(ways)) told[name] = await one(({ client }) => client.run(way, { name: 'app' }));
    told.unseen = await one(async ({ world, client }) => { await client.run(() => { setTimeout(() => process.exit(1), 5); }); await world.sleep(1e6); });
    told.body = await one(async () => process.exit(1));
    told.caught = await one(({ client }) => client.run(() => { try { process.exit(2); } catch {} return 'went on'; }));
    ${AFTER}`);
  deepEqual(told, {
    exit: 'ProgramError: the program app on client ended with status 3: process.exit(3) (seed 1)',
    text: 'ProgramError: the program app on client ended with status 4: process.exit(4) (seed 1)',
    abort: 'ProgramError: the program app on client ended with status 134: process.abort() (seed 1)',
    kill: 'ProgramError: the program app on client ended with status 143: process.kill(process.pid, SIGTERM) (seed 1)',
    int: 'ProgramError: the program app on client ended with status 130: process.kill(process.pid, SIGINT) (seed 1)',
    zero: 'resolved true',
    unseen: 'ProgramError: the program node on client ended with status 1: process.exit(1) (seed 1)',
    body: 'WorldError: process.exit(1) in the body of a world: it ends when its body returns (seed 1)',
    caught: 'ProgramError: the program node on client ended with status 2: process.exit(2) (seed 1)',
  });
});

test('wait(2) tells exit codes and signals apart', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    const ways = {
      zero: () => process.exit(0), exit: () => process.exit(3), wide: () => process.exit(256 + 4), abort: () => process.abort(),
      kill: () => process.kill(process.pid), signal: () => process.kill(0, 'SIGINT'),
    };
    for (const [name, way] of Object.entries(ways)) await one(async ({ client }) => {
      let core = null;
      await client.run(() => {
        core = client.kernel.processes().find((process) => process.name === 'app');
        way();
      }, { name: 'app' }).catch(() => {});
      told[name] = core.exited + ' ' + core.status.toString(16);
    });
    ${AFTER}`);
  deepEqual(told, { zero: 'true 0', exit: 'true 300', wide: 'true 400', abort: 'true 6', kill: 'true f', signal: 'true 2' });
});

test('a world that is stuck says which programs wait for what', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    told.idle = await one(async ({ client, server }) => {
      server.run(() => net.createServer(() => {}).listen(80), { name: 'web' });
      await client.run(async () => { const socket = net.connect(80, '10.0.1.2'); await once(socket, 'data'); }, { name: 'app' });
    });
    told.nothing = await one(({ client }) => client.run(() => new Promise(() => {})));
    told.weak = await one(({ client }) => client.run(() => new Promise((done) => { setTimeout(done, 86_400_000).unref(); })));
    ${AFTER}`);
  match(told['idle'] as string, /^WorldError: the world is stuck \(seed 1\): .*the program app on client waits for the end of its run\(\), the connection 10\.0\.1\.1:\d+ -> 10\.0\.1\.2:80; the program web on server waits for a connection to .*:80/);
  match(told['idle'] as string, /the connection \[::ffff:10\.0\.1\.2\]:80 -> \[::ffff:10\.0\.1\.1\]/);
  match(told['nothing'] as string, /^WorldError: the world is stuck \(seed 1\): the program node on client waits for the end of its run\(\);/);
  match(told['weak'] as string, /waits for the end of its run\(\), an unreferenced timeout of 86400000 ms/);
});

test('a world that spins ends by its limits: of time, of events, of turns', () => {
  const told = folder.result<Record<string, string>>(`${BEFORE}
    const forever = () => new Promise(() => {});
    told.time = await one(({ client }) => client.run(() => { setInterval(() => {}, 1000); return forever(); }), { timeLimitUs: 60e6 });
    told.events = await one(({ client }) => client.run(() => { const f = () => setTimeout(f, 0); f(); return forever(); }), { eventLimit: 500 });
    told.turns = await one(({ client }) => client.run(() => { const f = () => setImmediate(f); f(); return forever(); }));
    ${AFTER}`);
  match(told['time'] as string, /^WorldError: the world ran \d+ events and 60 s of its time without an end \(seed 1\): .*an? interval of 1000 ms/);
  match(told['events'] as string, /^WorldError: the world ran 50\d events .*a timeout of 1 ms/);
  match(told['turns'] as string, /^WorldError: the world ran 300000 turns of user code, all at 0 s of its time, without an end/);
});

test('two worlds at once keep their times, timers, chance and sockets apart; one inside the other is refused', () => {
  const told = folder.result<Record<string, unknown>>(`${BEFORE}
    const talk = (seed, stepMs) => simulate({ seed }, async (world) => {
      const client = world.host('client'), server = world.host('server');
      world.cable(client, server, { delayUs: 500 });
      await server.run(() => { net.createServer((c) => c.pipe(c)).listen(7); });
      return client.run(async () => {
        const log = [];
        const socket = net.connect(7, '10.0.1.2');
        for (let i = 0; i < 20; i++) {
          socket.write('x');
          const [data] = await once(socket, 'data');
          await new Promise((done) => setTimeout(done, stepMs));
          log.push([Date.now(), data.length, Math.random()]);
        }
        return log;
      });
    });
    const alone = [await talk(1, 10), await talk(2, 3600e3)];
    const together = await Promise.all([talk(1, 10), talk(2, 3600e3)]);
    told.same = JSON.stringify(alone) === JSON.stringify(together);
    told.steps = together.map((log) => log.length);
    told.inside = await one(() => one(async () => 1));
    told.program = await one(({ client }) => client.run(() => one(async () => 1)));
    ${AFTER}`);
  equal(told['same'], true);
  deepEqual(told['steps'], [20, 20]);
  for (const what of ['inside', 'program']) match(told[what] as string, /^resolved WorldError: simulate inside of the world with seed 1/);
});

test('the machine has its own sockets, timers, clocks and errors again, beside worlds and after them', () => {
  const told = folder.result<Record<string, unknown>>(`${BEFORE}
    const { emit, exit } = process;
    const server = net.createServer((c) => c.pipe(c)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ask = async () => {
      const socket = net.connect(server.address().port, '127.0.0.1');
      socket.setTimeout(5000, () => socket.destroy(new Error('late')));
      socket.write('hello');
      const [data] = await once(socket, 'data');
      socket.destroy();
      return String(data);
    };
    const real = async () => {
      const began = process.hrtime.bigint();
      const date = Date.now();
      await new Promise((done) => setTimeout(done, 50));
      return [await ask(), Number(process.hrtime.bigint() - began) / 1e6 >= 49, Date.now() - date >= 49 && Date.now() - date < 10_000];
    };
    told.before = await real();
    let going = true;
    const world = simulate({ seed: 1 }, async (world) => { while (going) await world.sleep(1e6); return world.now > 0; });
    told.beside = await real();
    going = false;
    told.world = await world;
    told.failed = await one(({ client }) => client.run(() => { setTimeout(() => { throw new Error('x'); }, 1e6); return new Promise(() => {}); }));
    told.after = await real();
    told.emit = process.emit === emit;
    // An error of nobody's world ends the process, as ever.
    process.on('exit', () => { ${AFTER} });
    process.on('uncaughtException', (error) => { told.own = error.message; server.close(); });
    setTimeout(() => { throw new Error('of no world'); }, 1);
    `);
  const real = ['hello', true, true];
  deepEqual(told, { before: real, beside: real, world: true, failed: 'Error: x (seed 1)', after: real, emit: true, own: 'of no world' });
});

test('an exception of no world ends the process in the way of Node, also while worlds run', () => {
  const { status, stderr } = folder.run(`${BEFORE}
    void simulate({ seed: 1 }, async (world) => { for (;;) await world.sleep(1e6); });
    setTimeout(() => { throw new Error('of no world'); }, 5);`);
  ok(status === 1, `${status}`);
  match(stderr, /Error: of no world\n/);
});
