/** Programs in processes of their own (`host.spawn`): what they can do on a host of a world, and that a seed replays it. */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildSync } from 'esbuild';
import { root } from '../results.ts';
import { runTestFile } from './sim-test-file.ts';
import { type OneWorld, SpawnFolder } from './spawn-folder.ts';

const folder = new SpawnFolder({
  'echo-server.mjs': `
    import net from 'node:net';
    net.createServer((c) => { c.on('data', (data) => c.write('echo ' + data)); c.on('end', () => c.end()); }).listen(80, () => console.log('listening'));`,
  'echo-client.cjs': `
    const net = require('node:net');
    const socket = net.connect(80, process.argv[2], () => { console.log('connected at', performance.now()); socket.end('hello'); });
    socket.on('data', (data) => console.log(String(data)));
    socket.on('close', (failed) => console.log('closed', failed));`,
  'http-server.cjs': `
    const http = require('node:http');
    let n = 0;
    http.createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text) => { body += text; }).on('end', () => response.end(JSON.stringify({ n: ++n, body, url: request.url })));
    }).listen(80);`,
  'http-client.mjs': `
    import http from 'node:http';
    const agent = new http.Agent({ keepAlive: true });
    for (let i = 0; i < 3; i++) await new Promise((resolve, reject) => {
      const request = http.request({ host: 'server', path: '/' + i, method: 'POST', agent }, (response) => {
        response.setEncoding('utf8').on('data', (text) => console.log(response.headers.date, request.reusedSocket, text)).on('end', resolve);
      });
      request.on('error', reject).end('x'.repeat(i));
    });
    const fetched = await fetch('http://server/fetched');
    console.log(await fetched.text());
    agent.destroy();
    // What fetch keeps open would stay so in a program of host.run, which nobody ends.
    process.exit(0);`,
  'datagrams.mjs': `
    import dgram from 'node:dgram';
    const socket = dgram.createSocket('udp4');
    if (process.argv[2] === 'serve') socket.on('message', (text, from) => socket.send('back ' + text, from.port, from.address)).bind(53);
    else {
      socket.on('message', (text, from) => { console.log(String(text), from.address, from.port, from.family, from.size); socket.close(); });
      socket.send('there', 53, 'server');
    }`,
  'names.mjs': `
    import dns from 'node:dns';
    import os from 'node:os';
    const tell = async (what, promise) => console.log(what, JSON.stringify(await promise.catch((error) => error.code)));
    await tell('lookup', dns.promises.lookup('server'));
    await tell('missing', dns.promises.lookup('nobody'));
    await tell('service', dns.promises.lookupService('10.0.1.2', 80));
    await tell('reverse', dns.promises.reverse('10.0.1.2'));
    console.log(os.hostname(), Object.entries(os.networkInterfaces()).map(([name, list]) => name + ' ' + list[0].cidr).join(', '));`,
  'local.cjs': `
    const net = require('node:net');
    const fs = require('node:fs');
    const tell = (path) => net.connect(path).on('data', (data) => console.log('heard ' + data)).on('close', () => console.log('closed')).end('x');
    const server = net.createServer((c) => c.end('of ' + JSON.stringify(server.address()))).listen(process.argv[2], () => tell(process.argv[2]));
    setTimeout(() => server.close(), 100);`,
  'draws.mjs': `
    import crypto from 'node:crypto';
    import { setTimeout as wait, setInterval as every } from 'node:timers/promises';
    const tell = (...words) => console.log(...words, Date.now(), performance.now(), process.uptime().toFixed(6), process.hrtime().join('.'), new Date().toISOString());
    tell(Math.random(), crypto.randomBytes(6).toString('hex'), crypto.randomUUID(), crypto.randomInt(1000), crypto.getRandomValues(new Uint8Array(4)).join());
    setImmediate(() => tell('immediate'));
    setTimeout(() => tell('unreferenced'), 500).unref();
    setTimeout(() => tell('zero'), 0);
    process.nextTick(() => console.log('tick'));
    await wait(1000.5);
    tell('waited');
    let n = 0;
    for await (const _ of every(250)) { tell('every'); if (++n === 3) break; }
    const stop = AbortSignal.timeout(60_000);
    await new Promise((resolve) => { stop.addEventListener('abort', resolve); setTimeout(() => {}, 61_000); });
    tell(stop.reason.name);
    await wait(86_400_000);
    tell('a day');`,
  'chatter.mjs': `
    import net from 'node:net';
    import crypto from 'node:crypto';
    if (process.argv[2] === 'serve') net.createServer((c) => { c.on('error', () => {}); c.on('data', (data) => setTimeout(() => c.write(data), Math.random() * 20)); }).listen(80);
    else (function connect() {
      const socket = net.connect(80, 'server', () => socket.write(crypto.randomBytes(1000)));
      socket.setTimeout(3000, () => socket.destroy(new Error('timeout'))).on('error', () => {});
      let n = 0;
      socket.on('data', (data) => { n += data.length; if (Math.random() < 0.3) socket.end(); else socket.write(data); });
      socket.on('close', (failed) => { console.log(n, failed, Date.now()); setTimeout(connect, 1000 * Math.random()); });
    })();`,
  'names-server.mjs': `
    import dgram from 'node:dgram';
    const socket = dgram.createSocket('udp4').bind(53);
    socket.on('message', (query, from) => {
      const isKnown = query.includes('known');
      const answer = Buffer.concat([query, isKnown ? Buffer.from('c00c000100010000003c0004c0000207', 'hex') : Buffer.alloc(0)]);
      answer.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2);
      answer.writeUInt16BE(isKnown ? 1 : 0, 6);
      socket.send(answer, from.port, from.address);
    });`,
  'resolve.mjs': `
    import dns from 'node:dns';
    console.log(JSON.stringify(await dns.promises.resolve4('known.example', { ttl: true })));
    console.log(await dns.promises.resolve4('other.example').catch((error) => error.code));`,
  'prices.mjs': `
    import net from 'node:net';
    net.createServer((c) => {
      const timer = setInterval(() => c.write(Math.floor(Math.random() * 100) + ';'), 1000);
      c.on('error', () => {}).on('close', () => clearInterval(timer));
    }).listen(4000);`,
  'reader.mjs': `
    import net from 'node:net';
    const socket = net.connect(4000, 'server');
    socket.on('data', (data) => { if (String(data).split(';').length > 2) throw new RangeError('two prices at once'); });`,
  'options.mjs': `
    import net from 'node:net';
    import { getsockopt, setsockopt } from 'sockscape/node';
    const socket = net.connect(80, 'server', () => {
      setsockopt(socket, 6, 18, 5500);
      console.log(Buffer.from(getsockopt(socket, 6, 18)).readInt32LE(), socket.localAddress, socket.remoteAddress, socket.address().family);
      socket.destroy();
      console.log(Date.now());
    });`,
  'bulk.mjs': `
    import net from 'node:net';
    import { createHash } from 'node:crypto';
    const size = 6_000_000;
    const bytes = Buffer.alloc(size, 'the quick brown fox ');
    for (let i = 0; i < size; i += 4096) bytes.writeUInt32LE(i, i);
    const socket = net.connect(9, 'server', () => socket.end(bytes));
    const hash = createHash('sha1');
    let n = 0;
    socket.on('data', (data) => { n += data.length; hash.update(data); });
    socket.on('close', () => console.log(n, socket.bytesWritten, hash.digest('hex') === createHash('sha1').update(bytes).digest('hex')));`,
});

/** Both programs of a pair, one of them in a process of its own and the other in that of the world, and the other way round. */
test('a server in a process of its own, and a client of host.run; the other way round; both in processes', () => {
  const told = folder.result<Record<string, OneWorld<string[]>>>(`
    const serve = () => net.createServer((c) => { c.on('data', (data) => c.write('echo ' + data)); c.on('end', () => c.end()); }).listen(80);
    told.server = await one(async ({ client, server }) => {
      server.spawn('echo-server.mjs');
      return client.run(async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        const got = [];
        const socket = net.connect(80, 'server', () => socket.end('hello'));
        socket.on('data', (data) => got.push(String(data)));
        await once(socket, 'close');
        return got;
      });
    });
    told.client = await one(async ({ client, server }) => {
      await server.run(serve);
      return [(await client.spawn('echo-client.cjs', ['server']).ended).stdout];
    });
    told.both = await one(async ({ world, client, server }) => {
      server.spawn('echo-server.mjs');
      await world.sleep(1);
      return [(await client.spawn('echo-client.cjs', ['server']).ended).stdout];
    });
    told.loopback = await one(async ({ world, server }) => {
      server.spawn('echo-server.mjs');
      await world.sleep(1);
      return [(await server.spawn('echo-client.cjs', ['127.0.0.1']).ended).stdout];
    });`);
  for (const [name, { error }] of Object.entries(told)) equal(error, null, name);
  deepEqual(told['server']?.value, ['echo hello']);
  // A handshake over a cable of 1 ms: 2 ms, and 1 ms each for two ARP requests and answers.
  const heard = 'connected at 4\necho hello\nclosed false\n';
  deepEqual(told['client']?.value, [heard]);
  deepEqual(told['both']?.value, [heard]);
  deepEqual(told['loopback']?.value, [heard.replace('at 4', 'at 0')]);
});

test('http, with agents that keep connections, and fetch', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    told.both = await one(async ({ world, client, server }) => {
      server.spawn('http-server.cjs');
      await world.sleep(90e6);
      return (await client.spawn('http-client.mjs').ended).stdout;
    });
    told.server = await one(async ({ world, client, server }) => {
      server.spawn('http-server.cjs');
      await world.sleep(1);
      return client.run(async () => (await fetch('http://server/a', { method: 'POST', body: 'b' })).text());
    });`);
  equal(told['both']?.error, null);
  const date = 'Thu, 01 Jan 2026 00:01:30 GMT';
  deepEqual(told['both']?.value.split('\n'), [
    `${date} false {"n":1,"body":"","url":"/0"}`, `${date} true {"n":2,"body":"x","url":"/1"}`, `${date} true {"n":3,"body":"xx","url":"/2"}`,
    '{"n":4,"body":"","url":"/fetched"}', '',
  ]);
  equal(told['server']?.value, '{"n":1,"body":"b","url":"/a"}');
});

test('dgram, names, interfaces, local sockets, and megabytes in both directions', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    told.datagrams = await one(async ({ world, client, server }) => {
      server.spawn('datagrams.mjs', ['serve']);
      await world.sleep(1);
      return (await client.spawn('datagrams.mjs').ended).stdout;
    });
    told.run = await one(async ({ world, client, server }) => {
      server.spawn('datagrams.mjs', ['serve']);
      return client.run(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const socket = dgram.createSocket('udp4');
        socket.send('here', 53, 'server');
        const [text, from] = await once(socket, 'message');
        return text + ' ' + from.address;
      });
    });
    told.names = await one(async ({ client }) => (await client.spawn('names.mjs').ended).stdout);
    told.local = await one(async ({ client }) => (await client.spawn('local.cjs', ['/run/app.sock']).ended).stdout);
    told.bulk = await one(async ({ client, server }) => {
      await server.run(() => net.createServer((c) => c.pipe(c)).listen(9));
      return (await client.spawn('bulk.mjs').ended).stdout;
    });`);
  for (const [name, { error }] of Object.entries(told)) equal(error, null, name);
  equal(told['datagrams']?.value, 'back there 10.0.1.2 53 IPv4 10\n');
  equal(told['run']?.value, 'back here 10.0.1.2');
  deepEqual(told['names']?.value.split('\n'), [
    'lookup {"address":"10.0.1.2","family":4}', 'missing "EAI_AGAIN"', 'service {"hostname":"server","service":"http"}', 'reverse []',
    'client lo 127.0.0.1/8, eth0 10.0.1.1/24', '',
  ]);
  equal(told['local']?.value, 'heard of "/run/app.sock"\nclosed\n');
  equal(told['bulk']?.value, '6000000 6000000 true\n');
});

/** As by host.run, which imports the program into the process of the world. */
test('a program does the same by spawn as by run: what it prints and when, and every frame of it', () => {
  const told = folder.result<Record<string, OneWorld>>(`
    process.argv[2] = 'server';
    const programs = { 'echo-client.cjs': ['server'], 'http-client.mjs': [], 'datagrams.mjs': ['server'], 'names.mjs': [], 'bulk.mjs': [], 'draws.mjs': [] };
    for (const [name, args] of Object.entries(programs)) for (const way of ['run', 'spawn']) {
      told[name + ' ' + way] = await one(async ({ world, client, server }) => {
        await server.run(() => {
          net.createServer((c) => { c.on('data', (data) => c.write('echo ' + data)); c.on('end', () => c.end()); }).listen(80 + (name.startsWith('http') ? 1 : 0));
          http.createServer((request, response) => response.end('to ' + request.url)).listen(80 + (name.startsWith('http') ? 0 : 1));
          net.createServer((c) => c.pipe(c)).listen(9);
          const socket = dgram.createSocket('udp4').bind(53);
          socket.on('message', (text, from) => socket.send('back', from.port, from.address));
        });
        if (way === 'spawn') await client.spawn(name, args, { name: 'node' }).ended;
        else await client.run(() => import('./' + name));
        await world.sleep(60e6);
      });
    }`);
  const names = new Set(Object.keys(told).map((name) => name.split(' ')[0] as string));
  equal(names.size, 6);
  for (const name of names) {
    const [run, spawn] = ['run', 'spawn'].map((way) => told[`${name} ${way}`] as OneWorld) as [OneWorld, OneWorld];
    deepEqual([run.error, spawn.error], [null, null], name);
    const printed = ({ log }: OneWorld): string[] => log.split('\n').filter((line) => / client +std/.test(line));
    deepEqual(printed(spawn), printed(run), name);
    ok(printed(spawn).length > 0, name);
    equal(spawn.pcapng, run.pcapng, `${name}: frames`);
  }
});

/** Weather, a crash, a program of host.run between two spawned ones: in two processes of the machine. */
test('one seed is one run, byte for byte: frames and log; another seed is another', () => {
  const world = (seed: number): OneWorld => folder.result<Record<'run', OneWorld>>(`
    told.run = await one(async ({ world, client, server }) => {
      const third = world.host('third');
      world.cable(third, server, { delayUs: 3000, jitterUs: 2000, loss: 0.05 });
      server.spawn('chatter.mjs', ['serve']);
      client.spawn('chatter.mjs');
      third.spawn('chatter.mjs');
      third.run(() => import('./chatter.mjs'));
      await world.sleep(6e6);
      server.crash();
      await world.sleep(3e6);
      server.restart();
      await world.sleep(8e6);
    }, { seed: ${seed} });`).run;
  const [first, again, other] = [world(7), world(7), world(8)];
  deepEqual([first.error, other.error], [null, null]);
  ok(first.log.split('\n').length > 30, first.log);
  equal(again.log, first.log);
  equal(again.pcapng, first.pcapng);
  notEqual(other.log, first.log);
  notEqual(other.pcapng, first.pcapng);
});

test('options that Node has no call for, and the clock of a host that goes wrong', () => {
  const told = folder.result<Record<'options', OneWorld<string>>>(`
    told.options = await one(async ({ client, server }) => {
      client.clock.step(3600e6);
      await server.run(() => net.createServer(() => {}).listen(80));
      return (await client.spawn('options.mjs').ended).stdout;
    });`);
  equal(told.options.error, null);
  equal(told.options.value, '5500 10.0.1.1 10.0.1.2 IPv4\n1767229200004\n');
});

test('many programs in one world, and worlds beside each other', () => {
  const told = folder.result<Record<'worlds', OneWorld<string[]>[]>>(`
    told.worlds = await Promise.all([1, 2, 3].map((seed) => one(async ({ world, client, server }) => {
      server.spawn('echo-server.mjs');
      await world.sleep(1);
      const ends = await Promise.all(Array.from({ length: 5 }, () => client.spawn('echo-client.cjs', ['server']).ended));
      return ends.map(({ stdout }) => stdout);
    }, { seed })));`);
  for (const { error, value } of told.worlds) {
    equal(error, null);
    equal(value.length, 5);
    for (const text of value) ok(/^connected at [45](\.\d+)?\necho hello\nclosed false\n$/.test(text), text);
  }
});

/** The programs of handles.test.ts, which run over the real loopback too. */
test('net, dgram and dns of a spawned program: every behaviour', () => {
  buildSync({
    entryPoints: [join(root, 'test/node/behaviours.ts')], outfile: join(folder.path, 'behaviours.mjs'), bundle: true, format: 'esm', platform: 'node',
    target: 'node20.19', logLevel: 'warning',
  });
  const { stdout } = folder.run(`
    told.lines = (await one(async ({ client }) => (await client.spawn('behaviours.mjs').ended).stdout)).value;`, ['--no-warnings']);
  const lines = (JSON.parse(stdout) as { lines: string }).lines.trim().split('\n').map((line) => JSON.parse(line) as { error: string | null });
  deepEqual(lines.filter(({ error }) => error !== null), []);
  ok(lines.length >= 30, `only ${lines.length} behaviours ran`);
});

test('dns.resolve asks the name server of the world; a gateway leads a spawned program out to a real server', () => {
  const told = folder.result<Record<string, OneWorld<string>>>(`
    told.resolve = await one(async ({ world, client, server }) => {
      client.writeFile('/etc/resolv.conf', 'nameserver 10.0.1.2\\n');
      server.spawn('names-server.mjs');
      await world.sleep(1);
      return (await client.spawn('resolve.mjs').ended).stdout;
    });
    const real = net.createServer((c) => c.on('error', () => {}).on('data', (data) => c.end('real ' + data))).listen(0, '127.0.0.1');
    await once(real, 'listening');
    told.gateway = await one(async ({ client, server }) => {
      server.gateway('127.0.0.1:' + real.address().port, { port: 80 });
      return (await client.spawn('echo-client.cjs', ['server']).ended).stdout;
    });
    real.close();`);
  equal(told['resolve']?.error, null);
  equal(told['resolve']?.value, '[{"address":"192.0.2.7","ttl":60}]\nENOTFOUND\n');
  equal(told['gateway']?.error, null);
  const [first, ...rest] = (told['gateway'] as OneWorld<string>).value.split('\n');
  ok(first?.startsWith('connected at '), first);
  deepEqual(rest, ['real hello', 'closed false', '']);
});

test('simTest: a fault of spawned programs is found, shrunk, and replayed', () => {
  const file = join(folder.path, 'weather.test.mjs');
  writeFileSync(file, `
    import { simTest } from 'sockscape/test';
    simTest('prices', { seeds: 60, failures: '${folder.path}/failures' }, async (world) => {
      const [client, server] = [world.host('client'), world.host('server')];
      world.cable(client, server, { delayUs: 20_000 });
      server.spawn(new URL('./prices.mjs', import.meta.url));
      await world.sleep(1);
      client.spawn(new URL('./reader.mjs', import.meta.url));
      world.faults.random({ count: 3, kinds: ['block'], untilUs: 30e6, lastsUs: [100_000, 1_900_000] });
      await world.sleep(40e6);
    });`);
  const { output, status } = runTestFile(file);
  equal(status, 1, output);
  const failure = /seed (\d+): the program reader\.mjs on client ended with status 1: RangeError: two prices at once\n/.exec(output);
  ok(failure !== null, output);
  match(output, /what went wrong on purpose \([12] of 3 faults are enough\)/);
  const [, leftOut] = /SOCKSCAPE_LEAVE_OUT=([\d,]+)/.exec(output) as unknown as [string, string];
  const again = runTestFile(file, { env: { SOCKSCAPE_SEED: failure[1] as string, SOCKSCAPE_LEAVE_OUT: leftOut } });
  match(again.output, new RegExp(`seed ${failure[1]}: the program reader\\.mjs on client ended with status 1: RangeError: two prices at once`));
});
