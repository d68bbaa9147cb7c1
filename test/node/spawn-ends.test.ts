/** How programs in processes of their own end, are ended and are told of; and that nothing of them is left on the machine. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { cleanEnvironment } from './sim-test-file.ts';
import { type OneWorld, SpawnFolder } from './spawn-folder.ts';

const folder = new SpawnFolder({
  'ends.cjs': `
    const fs = require('node:fs');
    const ways = {
      exit: () => process.exit(3),
      code: () => { process.exitCode = 4; },
      throws: () => { throw new TypeError('thrown in a timer'); },
      rejects: () => { Promise.reject(new RangeError('nobody looks')); },
      abort: () => process.kill(process.pid, 'SIGABRT'),
      caught: () => { process.on('uncaughtException', (error) => console.log('caught', error.message)); throw new Error('one'); },
      before: () => { process.once('beforeExit', () => setTimeout(() => console.log('once more'), 1000)); },
      last: () => process.on('exit', (code) => console.log('exit', code, Date.now())),
      raw: () => { fs.writeSync(1, 'raw out\\n'); fs.writeSync(2, 'raw err\\n'); process.stdout.write('no newline'); },
      order: () => { for (let i = 0; i < 3; i++) { console.log('out', i); console.error('err', i); } },
      much: () => { for (let i = 0; i < 300; i++) process.stdout.write('x'.repeat(9999) + '\\n'); },
    };
    setTimeout(ways[process.argv[2]], 1000);`,
  'floods.mjs': `
    import fs, { writeSync } from 'node:fs';
    import { promisify } from 'node:util';
    const piece = Buffer.alloc(1 << 16, 'x'), text = 'y'.repeat(1 << 16);
    const ways = {
      bytes: () => writeSync(1, piece), text: () => fs.writeSync(2, text), vector: () => fs.writevSync(1, [piece, piece]),
      whole: () => fs.writeFileSync(1, text), more: () => fs.appendFileSync(2, piece), callback: () => promisify(fs.write)(1, piece),
      stream: () => void process.stdout.write(piece),
    };
    // All of them in the first turn.
    const most = {};
    for (const [name, way] of Object.entries(ways)) for (let i = 0; i < 256; i++) {
      const writing = way();
      if (writing instanceof Promise) await writing;
      most[name] = Math.max(most[name] ?? 0, fs.fstatSync(1).size, fs.fstatSync(2).size);
    }
    fs.writeFileSync(process.argv[2], JSON.stringify(most));`,
  'loops.mjs': `
    let n = 0;
    function spins() { for (;;) n++; }
    setTimeout(spins, 1000);`,
  'immediates.mjs': 'const again = () => setImmediate(again); again();',
  'sleeps.cjs': "setTimeout(() => require('node:child_process').execFileSync('sleep', ['100']), 1000);",
  'signals.mjs': `
    import net from 'node:net';
    net.createServer(() => {}).listen(80);
    process.on('SIGTERM', (name, number) => { console.log('heard', name, number, Date.now()); setTimeout(() => process.exit(0), 500); });
    process.on('SIGUSR2', () => console.log('heard SIGUSR2'));`,
  'facts.mjs': `
    console.log(JSON.stringify([process.argv.slice(2), process.env.FACT, Object.keys(process.env).filter((name) => name.startsWith('SOCK')), process.cwd(), process.pid, process.ppid,
      process.execArgv, import.meta.url.endsWith('facts.mjs')]));`,
  'facts.cjs': "console.log(JSON.stringify([require.main === module, __filename.endsWith('facts.cjs'), process.argv[1] === __filename, process.kill(process.pid, 0)]));",
  'counter.mjs': `
    import net from 'node:net';
    console.log('begins at', Date.now());
    net.createServer((c) => { c.on('error', () => {}); c.write('tick'); const timer = setInterval(() => c.write('tick'), 1000); c.on('close', () => clearInterval(timer)); }).listen(80);`,
  'escapes.mjs': `
    import { execFile } from 'node:child_process';
    import { promisify } from 'node:util';
    console.log((await promisify(execFile)('echo', ['out there'])).stdout.trim());`,
  'works.mjs': `
    import fs from 'node:fs';
    import zlib from 'node:zlib';
    import crypto from 'node:crypto';
    import { promisify } from 'node:util';
    const before = Date.now();
    const text = await fs.promises.readFile(import.meta.filename ?? new URL(import.meta.url).pathname, 'utf8');
    const packed = await promisify(zlib.gzip)(text);
    await promisify(crypto.pbkdf2)('a', 'b', 200_000, 32, 'sha256');
    await import('./facts.mjs');
    console.log(text.length, packed.length < text.length, Date.now() - before);`,
  'waits.mjs': `
    import net from 'node:net';
    net.createServer(() => {}).listen(81);
    setTimeout(() => {}, 86_400_000).unref();`,
});

const one = (body: string): string => `await one(async ({ world, client, server }) => { ${body} })`;

test('how a program ends: statuses, exceptions, rejections, signals, exit handlers', () => {
  const told = folder.result<Record<string, OneWorld<string[]>>>(`
    for (const way of ['exit', 'code', 'throws', 'rejects', 'abort', 'caught', 'before', 'last']) told[way] = ${one(`
      const program = client.spawn('ends.cjs', [way]);
      const how = await program.ended.then(({ code, signal }) => 'resolved ' + code + ' ' + signal, (error) => error.name + ' ' + error.status + ': ' + error.message);
      return [how, program.stdout, program.stderr, String(program.hasEnded)];`)};
    told.unseen = ${one("client.spawn('ends.cjs', ['exit']); await world.sleep(10e6);")};`);
  const how = (name: string): string => told[name]?.value?.[0] as string;
  equal(how('exit'), 'ProgramError 3: the program ends.cjs on client ended with status 3');
  equal(how('code'), 'ProgramError 4: the program ends.cjs on client ended with status 4');
  match(how('throws'), /^ProgramError 1: the program ends\.cjs on client ended with status 1: TypeError: thrown in a timer\n.*ends\.cjs:\d+\n.*TypeError: thrown in a timer\n {4}at /s);
  match(how('rejects'), /^ProgramError 1: the program ends\.cjs on client ended with status 1: RangeError: nobody looks\n/);
  equal(how('abort'), 'ProgramError 134: the program ends.cjs on client was ended by SIGABRT');
  deepEqual(told['caught']?.value, ['resolved 0 null', 'caught one\n', '', 'true']);
  deepEqual(told['before']?.value, ['resolved 0 null', 'once more\n', '', 'true']);
  equal(told['before']?.timeUs, 2e6);
  deepEqual(told['last']?.value, ['resolved 0 null', 'exit 0 1767225601000\n', '', 'true']);
  // Nobody has looked at the promise.
  equal(told['unseen']?.error, 'ProgramError: the program ends.cjs on client ended with status 3 (seed 1)');
});

test('what a program prints: lines in the log in their order, whole in the end, and given to who has spawned it', () => {
  const told = folder.result<Record<string, OneWorld<[string, string]>>>(`
    for (const way of ['raw', 'order', 'much']) told[way] = ${one("const { stdout, stderr } = await client.spawn('ends.cjs', [way]).ended; return [stdout, stderr];")};`);
  const lines = (name: string): string[] => (told[name] as OneWorld).log.split('\n').filter((line) => / std/.test(line)).map((line) => line.trim());
  deepEqual(told['raw']?.value, ['raw out\nno newline', 'raw err\n']);
  deepEqual(lines('raw'), ['1.000000 client   stdout  raw out', '1.000000 client   stderr  raw err', '1.000000 client   stdout  no newline']);
  deepEqual(lines('order'), [0, 1, 2].flatMap((i) => [`1.000000 client   stdout  out ${i}`, `1.000000 client   stderr  err ${i}`]));
  equal(told['much']?.value[0].length, 3_000_000);
});

test('wait(2) tells how it ended: by its status, by a signal of its own, by one of the host', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    const status = async (host, program, end) => {
      const core = host.kernel.processes().find(({ pid }) => pid === program.pid);
      end?.();
      await program.ended.catch(() => {});
      return core.exited + ' ' + core.status.toString(16);
    };
    for (const way of ['exit', 'abort']) told[way] = ${one("return status(client, client.spawn('ends.cjs', [way]));")};
    told.kill = ${one("const p = client.spawn('waits.mjs'); await world.sleep(1e6); return status(client, p, () => p.kill('SIGTERM'));")};`);
  deepEqual(Object.entries(told).map(([name, { value }]) => [name, value]), [['exit', 'true 300'], ['abort', 'true 6'], ['kill', 'true f']]);
});

test('what is written without end within one turn, and without a line, fills no file and no memory', () => {
  const told = folder.result<Record<string, OneWorld<unknown>>>(`
    told.floods = ${one(`const { stdout, stderr } = await client.spawn('floods.mjs', ['most.json']).ended;
      return [stdout.length, stderr.length, JSON.parse(fs.readFileSync('most.json', 'utf8'))];`)};`);
  const { error, log, value } = told['floods'] as OneWorld<[number, number, Record<string, number>]>;
  equal(error, null);
  // Of each stream so much is kept: docs/virtual-time.md.
  deepEqual(value.slice(0, 2), [1 << 24, 1 << 24]);
  equal(Object.keys(value[2]).length, 7);
  for (const [way, bytes] of Object.entries(value[2])) ok(bytes > 0 && bytes < (1 << 20) + (1 << 18), `${way}: ${bytes} bytes lay in a file`);
  ok(log.split('\n').every((line) => line.length < 1 << 18), 'a line is told in pieces');
});

test('kill: a signal is heard by its listeners, or does what it does by itself', () => {
  const told = folder.result<Record<string, OneWorld<unknown[]>>>(`
    const wait = (world) => world.sleep(1e6);
    const how = (program) => program.ended.then(({ code, signal, stdout }) => [code, signal, stdout], (error) => words(error));
    told.heard = ${one("const p = server.spawn('signals.mjs'); await wait(world); p.kill('SIGUSR2'); await wait(world); p.kill(); return how(p);")};
    told.default = ${one("const p = server.spawn('counter.mjs'); await wait(world); p.kill(); return how(p);")};
    told.kill = ${one("const p = server.spawn('signals.mjs'); await wait(world); p.kill('SIGKILL'); return how(p);")};
    told.frozen = ${one(`const p = server.spawn('signals.mjs'); await wait(world); server.freeze(); p.kill(); await wait(world);
      const before = p.hasEnded; p.kill('SIGKILL'); return [before, await how(p)];`)};
    told.early = ${one("const p = server.spawn('signals.mjs'); p.kill('SIGKILL'); return how(p);")};
    told.late = ${one("const p = server.spawn('facts.mjs'); await p.ended; p.kill(); return how(p).then(([code, signal]) => [code, signal]);")};
    told.process = ${one(`const { Process, SIGTERM } = await import('sockscape'); const p = server.spawn('signals.mjs'); await wait(world);
      await new Process(server, 'kill').kill(p.pid, SIGTERM); return how(p);`)};
    told.refused = ${one(`const p = server.spawn('signals.mjs'); const refused = [];
      for (const name of ['SIGSTOP', 'SIGNOPE']) try { p.kill(name); } catch (error) { refused.push(words(error)); } return refused;`)};
    told.peer = ${one(`const p = server.spawn('counter.mjs'); await wait(world);
      return client.run(async () => { const s = net.connect(80, 'server'); await once(s, 'data'); setTimeout(() => p.kill('SIGKILL'), 10); s.resume(); await once(s, 'close'); return ['closed']; });`)};`);
  for (const [name, { error }] of Object.entries(told)) equal(error, null, name);
  deepEqual(told['heard']?.value, [0, null, 'heard SIGUSR2\nheard SIGTERM 15 1767225602000\n']);
  equal(told['heard']?.timeUs, 2.5e6);
  deepEqual(told['default']?.value, [null, 'SIGTERM', 'begins at 1767225600000\n']);
  deepEqual(told['kill']?.value, [null, 'SIGKILL', '']);
  deepEqual(told['frozen']?.value, [false, [null, 'SIGKILL', '']]);
  deepEqual(told['early']?.value, [null, 'SIGKILL', '']);
  deepEqual(told['late']?.value, [0, null]);
  // By a process of its host: its listeners are not asked.
  deepEqual(told['process']?.value, [null, 'SIGTERM', '']);
  deepEqual(told['refused']?.value, ['TypeError: kill: SIGSTOP would stop the program and the world with it; host.freeze() stops programs', 'TypeError: kill: there is no signal SIGNOPE']);
  deepEqual(told['peer']?.value, ['closed']);
});

test('a crash ends a program without a word, a restart begins it anew; frozen it has no turn', () => {
  const told = folder.result<Record<string, OneWorld<unknown[]>>>(`
    let imports = 0;
    const watch = (client, said) => client.run(() => {
      const socket = net.connect(80, 'server');
      socket.on('data', () => said.push(Date.now() - 1767225600000));
      socket.on('error', (error) => said.push(error.code));
      setInterval(() => socket.write('x'), 5000).unref();
    });
    for (const way of ['run', 'spawn']) {
      const serve = (server) => way === 'spawn' ? server.spawn('counter.mjs') : void server.run(() => import('./counter.mjs?' + ++imports).catch(() => {}));
      told['crash ' + way] = ${one(`
        const said = []; const p = serve(server); await world.sleep(1000); await watch(client, said);
        await world.sleep(2.5e6); server.crash(); const how = await p?.ended.catch((error) => words(error)); await world.sleep(5e6); server.restart(); await world.sleep(20e6);
        return [said, how ?? null, p?.stdout ?? null, p?.hasEnded ?? null];`)};
      told['freeze ' + way] = ${one(`
        const said = []; serve(server); await world.sleep(1000); await watch(client, said);
        await world.sleep(2.5e6); server.freeze(); await world.sleep(10e6); server.thaw(); await world.sleep(2e6); return [said];`)};
    }
    told.once = ${one("const p = server.spawn('counter.mjs', [], { restarts: false }); await world.sleep(1e6); server.crash(); server.restart(); await world.sleep(1e6); return [p.hasEnded, words(await p.ended.catch((e) => e))];")};
    told.off = ${one("server.crash(); server.spawn('counter.mjs');")};`);
  const crash = told['crash spawn']?.value as unknown[];
  const ticks = crash[0] as unknown[];
  deepEqual(crash.slice(1), ['HostCrash: server lost its power', 'begins at 1767225607501\n', false]);
  // Its peer learns of it when it sends: the machine that is back knows of no such connection.
  equal(ticks.at(-1), 'ECONNRESET');
  deepEqual(ticks, told['crash run']?.value?.[0]);
  deepEqual(told['freeze spawn']?.value, told['freeze run']?.value);
  const [frozen = []] = (told['freeze spawn'] as OneWorld<number[][]>).value;
  ok(frozen.length > 3 && !frozen.some((ms) => ms > 3000 && ms < 12_500));
  deepEqual(told['once']?.value, [true, 'HostCrash: server lost its power']);
  equal(told['off']?.error, 'HostCrash: host.spawn: server has no power (seed 1)');
});

test('code that does not come back is ended within the limit, and its stack told', () => {
  const told = folder.result<Record<string, OneWorld>>(`
    told.loops = ${one("await client.spawn('loops.mjs', [], { loopLimitMs: 300 }).ended;")};
    told.turns = ${one("await client.spawn('immediates.mjs').ended;")};
    told.sleeps = ${one("await client.spawn('sleeps.cjs', [], { loopLimitMs: 100 }).ended;")};`, ['--no-warnings']);
  match(told['loops']?.error as string, /^ProgramError: the program loops\.mjs on client was ended: it ran for 300 ms of the machine's time without coming back, at\n {4}at spins \(.*loops\.mjs:3:\d+\)\n/);
  match(told['turns']?.error as string, /^ProgramError: the program immediates\.mjs on client was ended: it took 300000 turns of its event loop, all at 0 s of the world's time, without an end/);
  // No stack can be read where the machine is waited for.
  match(told['sleeps']?.error as string, /^ProgramError: the program sleeps\.cjs on client was ended by SIGKILL\nthe code waits for the machine, in a call that does not come back, and is ended/);
});

test('words, environment, working directory, options of Node, both kinds of modules, and what is refused', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    const out = async (program) => (await program.ended).stdout;
    told.esm = ${one("return out(client.spawn(process.cwd() + '/facts.mjs', ['a b', '--c'], { env: { FACT: 'yes' }, cwd: '/', execArgv: ['--no-warnings'] }));")};
    told.cjs = ${one("return out(client.spawn(new URL('./facts.cjs', import.meta.url)));")};
    told.missing = ${one("client.spawn('nowhere.mjs');")};
    told.folder = ${one("client.spawn('facts.mjs', [], { cwd: '/nowhere' });")};
    told.words = ${one("client.spawn('facts.mjs', 'a');")};
    told.option = ${one("client.spawn('facts.mjs', [], { limit: 1 });")};
    told.file = ${one('client.spawn(7);')};`);
  deepEqual(JSON.parse(told['esm']?.value as string), [['a b', '--c'], 'yes', [], '/', 2, 1, ['--no-warnings'], true]);
  deepEqual(JSON.parse(told['cjs']?.value as string), [true, true, true, true]);
  equal(told['missing']?.error, `Error: host.spawn: ENOENT: the program ${folder.path}/nowhere.mjs does not exist (seed 1)`);
  equal(told['folder']?.error, 'Error: host.spawn: ENOENT: the working directory /nowhere does not exist (seed 1)');
  match(told['words']?.error as string, /^TypeError: host\.spawn: the program's words must be an array of texts, not /);
  match(told['option']?.error as string, /^TypeError: host\.spawn: .*limit/);
  match(told['file']?.error as string, /^TypeError: host\.spawn: takes the path of a program, not /);
});

test('real work of a program holds the clock; what leaves the world is told; a stuck world says what it waits for', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    process.on('warning', () => {});
    const out = async (program) => (await program.ended).stdout;
    told.works = ${one("return out(client.spawn('works.mjs'));")};
    told.stuck = ${one("client.spawn('waits.mjs'); await new Promise(() => {});")};`, ['--no-warnings']);
  match(told['works']?.value as string, /^\[.*\n\d+ true 0\n$/s);
  match(told['stuck']?.error as string, /^WorldError: the world is stuck \(seed 1\): .*the program waits\.mjs on client waits for a connection to \[::\]:81; /);
  const run = folder.run(`told.escapes = ${one("return (await client.spawn('escapes.mjs').ended).stdout;")};`);
  const { escapes, value } = (JSON.parse(run.stdout) as Record<string, OneWorld<string>>)['escapes'] as OneWorld<string>;
  equal(value, 'out there\n');
  deepEqual(escapes.map(({ name, what }) => [name, what]), [['child_process', 'a process is started']]);
  match(escapes[0]?.where as string, /escapes\.mjs:\d+:\d+$/);
  match(run.stderr, /SOCKSCAPE_ESCAPE.*child_process leaves the world/);
});

/** Processes of the machine whose parent is this one. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((one) => {
    try {
      return readFileSync(`/proc/${one}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1] === String(pid);
    } catch {
      return false;
    }
  });
}

test('no descriptor and no process is left after a world, however it ended', () => {
  const told = folder.result<{ before: string[]; after: string[]; children: number; runs: number }>(`
    const open = () => fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } }).filter((x) => /socket|deleted|sockscape/.test(x));
    const children = () => fs.readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim().split(' ').filter(Boolean).length;
    const ways = {
      ends: async ({ client }) => { await client.spawn('facts.mjs').ended; },
      runs: async ({ world, server }) => { server.spawn('counter.mjs'); await world.sleep(1e6); },
      fails: async ({ world, server }) => { server.spawn('counter.mjs'); await world.sleep(1e6); throw new Error('no'); },
      begins: async ({ server }) => { server.spawn('counter.mjs'); },
      crashes: async ({ world, server }) => { server.spawn('counter.mjs'); await world.sleep(1e6); server.crash(); server.restart(); await world.sleep(1e6); },
      refused: async ({ server }) => { server.spawn('nowhere.mjs'); },
    };
    await one(ways.ends);
    told.before = open();
    for (const way of Object.values(ways)) await one(way);
    // Handles are closed in a later phase of the event loop.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    told.after = open();
    told.children = children();`);
  deepEqual(told.after, told.before);
  equal(told.children, 0);
});

for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
  test(`a world that is ended by ${signal} leaves no process behind`, async () => {
    const main = folder.main(`
      await simulate({ seed: 1 }, async (world) => {
        const server = world.host('server');
        server.spawn('counter.mjs');
        server.spawn('loops.mjs', [], { loopLimitMs: 1000 });
        server.spawn('waits.mjs');
        await world.sleep(500e3);
        process.send('runs');
        // Real work, of which there is no end.
        await new Promise((resolve) => fs.open('${folder.path}/fifo', () => resolve()));
      });`);
    const mkfifo = spawn('mkfifo', [`${folder.path}/fifo`]);
    await once(mkfifo, 'exit');
    const world = spawn(process.execPath, [main], { cwd: folder.path, env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    await once(world, 'message');
    const children = childrenOf(world.pid as number);
    equal(children.length, 3);
    world.kill(signal);
    await once(world, 'exit');
    const isThere = (pid: number): boolean => {
      try {
        return readlinkSync(`/proc/${pid}/exe`) !== '';
      } catch {
        return false;
      }
    };
    for (let i = 0; i < 200 && children.some(isThere); i++) await wait(20);
    deepEqual(children.filter(isThere), []);
  });
}
