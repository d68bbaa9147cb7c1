/**
 * Sockets on their way into other processes: child.send(message, socket) and node:cluster, in real processes under
 * sockscape/register, given in each way. The same programs run on the machine's own sockets, where they hand over what they should.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { buildPackage, cleanEnvironment, scratchFolder } from './sim-test-file.ts';

const REGISTER = 'sockscape/register';
/** How a program and its children are given their sockets. */
const WAYS = {
  '--import': { args: ['--import', REGISTER], env: {} },
  '-r': { args: ['-r', REGISTER], env: {} },
  NODE_OPTIONS: { args: [], env: { NODE_OPTIONS: `--import=${REGISTER}` } },
  'in place': { args: ['-r', './load.cjs', '--import', REGISTER], env: {} },
} as const;
const MACHINE = { args: [], env: {} } as const;

const PROGRAMS: Record<string, string> = {
  'load.cjs': `require('net'); require('dgram'); require('cluster');`,

  // What each send did, and whether socket and channel work afterwards.
  'send.cjs': `
    const { fork } = require('node:child_process');
    const dgram = require('node:dgram');
    const net = require('node:net');
    const { once } = require('node:events');
    if (process.argv[2] === 'child') {
      process.on('message', async (message) => {
        if (message !== 'back') return process.send('got ' + message);
        const server = net.createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        try {
          process.send('server', server);
        } catch (error) {
          process.send(error.code);
        }
        server.close();
      });
      return;
    }
    (async () => {
      const child = fork(__filename, ['child'], { serialization: process.argv[2] });
      const told = {};
      child.on('error', (error) => { told.event = error.code; });
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = net.connect(server.address().port, '127.0.0.1');
      const [accepted] = await once(server, 'connection');
      const datagrams = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await once(datagrams, 'listening');
      const send = async (name, ...args) => {
        try {
          child.send(name, ...args);
          told[name] = (await once(child, 'message'))[0];
        } catch (error) {
          told[name] = [error.name, error.code, error.message];
        }
      };
      await send('socket', accepted, { keepOpen: true });
      await send('with callback', accepted, { keepOpen: true }, () => {});
      await send('server', server);
      await send('datagrams', datagrams);
      await send('handle', server._handle);
      await send('text', undefined, () => {});
      child.send('back');
      const [back, received] = await once(child, 'message');
      told.back = back;
      received?.close();
      child.kill();
      const said = once(client, 'data');
      accepted.write('still here');
      told.said = String(await said);
      for (const end of [client, accepted, server, datagrams]) end.close ? end.close() : end.destroy();
      console.log(JSON.stringify(told));
    })();`,

  // A worker that tells what its listening came to; the primary serves and asks itself meanwhile.
  'cluster.cjs': `
    const cluster = require('node:cluster');
    const dgram = require('node:dgram');
    const http = require('node:http');
    const net = require('node:net');
    const { once } = require('node:events');
    const { policy, listens } = JSON.parse(process.argv[2]);
    if (cluster.isWorker) {
      const told = {};
      const of = (name, socket) => new Promise((resolve) => {
        socket.on('error', ({ address, code, message, syscall }) => resolve(told[name] = [code, syscall, address ?? null, message]));
        socket.on('listening', () => {
          told[name] = socket.address().port > 0 ? 'listening' : 'no port';
          socket.close(resolve);
        });
      });
      (async () => {
        if (listens) {
          await of('net', net.createServer().listen(0, '127.0.0.1'));
          await of('http', http.createServer().listen({ port: 0, host: '127.0.0.1' }));
          await of('dgram', dgram.createSocket('udp4').bind(0, '127.0.0.1'));
          const closed = net.createServer().listen(0);
          closed.close();
          await of('again', closed.listen(0));
        } else {
          net.createServer().listen(0);
          await new Promise(() => {});
        }
        await of('exclusive', net.createServer().listen({ port: 0, exclusive: true }));
        const udp = dgram.createSocket('udp4');
        await of('exclusive dgram', udp.bind({ port: 0, exclusive: true }));
        process.send(told, () => cluster.worker.disconnect());
      })();
      return;
    }
    (async () => {
      if (policy === 'none') cluster.schedulingPolicy = cluster.SCHED_NONE;
      const worker = cluster.fork();
      let told = null;
      worker.on('message', (message) => { told = message; });
      const [status] = await once(worker, 'exit');
      const server = http.createServer((request, response) => response.end('the primary')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const [response] = await once(http.get({ host: '127.0.0.1', port: server.address().port }), 'response');
      const body = (await response.toArray()).join('');
      server.close();
      console.log(JSON.stringify({ told, status, body }));
    })();`,

  // Workers on the machine's sockets, whoever the primary is: a connection goes through the primary into a worker.
  'machine-workers.cjs': `
    const cluster = require('node:cluster');
    const dgram = require('node:dgram');
    const net = require('node:net');
    const { once } = require('node:events');
    if (cluster.isWorker) {
      (async () => {
        const server = net.createServer((socket) => socket.end('worker')).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const [data] = await once(net.connect(server.address().port, '127.0.0.1'), 'data');
        const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
        await once(udp, 'listening');
        const { port } = udp.address();
        udp.send('to myself', port, '127.0.0.1');
        const [datagram] = await once(udp, 'message');
        udp.close();
        server.close();
        process.send([String(data), String(datagram)], () => cluster.worker.disconnect());
      })();
      return;
    }
    cluster.setupPrimary({ execArgv: [] });
    const worker = cluster.fork();
    worker.on('message', (message) => console.log(JSON.stringify(message)));`,

  // A parent on the machine's sockets sends them to a child with ours.
  'machine-parent.cjs': `
    const { fork } = require('node:child_process');
    const net = require('node:net');
    const { once } = require('node:events');
    if (process.argv[2] === 'child') {
      process.on('message', (name, handle) => {
        if (name === 'socket') handle.end('child, host with ' + (process.env.SOCKSCAPE_HOSTNAME === require('os').hostname()));
        else handle.on('connection', (socket) => socket.end('accepted by the child'));
      });
      return;
    }
    (async () => {
      const child = fork(__filename, ['child'], { execArgv: process.argv[2] === 'ours' ? ['--import', '${REGISTER}'] : [], env: { ...process.env, SOCKSCAPE_HOSTNAME: 'childs-own' } });
      const heard = async (port) => {
        let text = '';
        for await (const data of net.connect(port, '127.0.0.1')) text += data;
        return text;
      };
      const server = net.createServer({ pauseOnConnect: true }, (socket) => child.send('socket', socket)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const told = [await heard(server.address().port)];
      const listener = net.createServer().listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const { port } = listener.address();
      child.send('server', listener);
      listener.close();
      told.push(await heard(port));
      child.kill();
      server.close();
      console.log(JSON.stringify(told));
    })();`,

  // A world in a worker of cluster: its programs are nobody's workers.
  'world.mjs': `
    import cluster from 'node:cluster';
    import dgram from 'node:dgram';
    import net from 'node:net';
    import { once } from 'node:events';
    import { simulate } from 'sockscape/sim';
    if (cluster.isPrimary) {
      cluster.fork().on('message', (message) => console.log(JSON.stringify(message)));
    } else {
      const told = await simulate({ seed: 1 }, async (world) => {
        const server = world.host('server');
        const client = world.host('client');
        world.cable(client, server);
        const isWorker = await server.run(() => {
          net.createServer((socket) => socket.end('of the world')).listen(80);
          const udp = dgram.createSocket('udp4');
          udp.on('message', (data, { port, address }) => udp.send(data, port, address)).bind(53);
          return cluster.isWorker;
        });
        return client.run(async () => {
          const [data] = await once(net.connect(80, 'server'), 'data');
          const udp = dgram.createSocket('udp4');
          udp.send('datagram', 53, 'server');
          const [answer] = await once(udp, 'message');
          udp.close();
          return [String(data), String(answer), isWorker];
        });
      });
      process.send([...told, cluster.isWorker], () => cluster.worker.disconnect());
    }`,
};

const folder = scratchFolder();

before(() => {
  buildPackage();
  for (const [name, text] of Object.entries(PROGRAMS)) folder.write(name, text);
});
after(() => folder.remove());

interface Way {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function run<T>(way: Way, program: string, ...args: string[]): { told: T; stderr: string } {
  const { signal, status, stderr, stdout } = spawnSync(process.execPath, [...way.args, program, ...args], {
    cwd: folder.path, encoding: 'utf8', env: cleanEnvironment(way.env), timeout: 60_000,
  });
  equal(status ?? signal, 0, stderr + stdout);
  return { told: JSON.parse(stdout) as T, stderr };
}

const NOT_SENT = /^sockscape: a socket of one of its hosts cannot be sent to another process.*serve it in this process, or start both without sockscape\/register$/;
const NOT_SHARED = /^sockscape: a worker of node:cluster cannot share a port with its primary.*exclusive: true.*without sockscape\/register$/;

type Sent = Record<string, string | string[]>;
const SENT = ['socket', 'with callback', 'server', 'datagrams', 'handle'];

for (const serialization of ['json', 'advanced']) {
  test(`child.send with a socket of the machine sends it (${serialization})`, { timeout: 60_000 }, () => {
    const { told } = run<Sent>(MACHINE, 'send.cjs', serialization);
    for (const name of SENT) equal(told[name], `got ${name}`);
    deepEqual([told['text'], told['back'], told['said']], ['got text', 'server', 'still here']);
  });
}

type Listened = { told: Record<string, string | [string, string, string | null, string]> | null; status: number; body: string };

for (const [name, way] of Object.entries(WAYS)) {
  describe(`other processes, ${name}`, { timeout: 120_000 }, () => {
    for (const serialization of ['json', 'advanced']) {
      test(`child.send with a socket of ours throws, and socket and channel go on (${serialization})`, () => {
        const { stderr, told } = run<Sent>(way, 'send.cjs', serialization);
        for (const sent of SENT) {
          const [kind, code, message] = told[sent] as string[];
          deepEqual([kind, code], ['TypeError', 'ERR_INVALID_HANDLE_TYPE'], sent);
          match(message as string, NOT_SENT);
        }
        deepEqual([told['text'], told['back'], told['said'], told['event']], ['got text', 'ERR_INVALID_HANDLE_TYPE', 'still here', undefined]);
        equal(stderr, '');
      });
    }

    for (const policy of ['round robin', 'none']) {
      test(`a worker of cluster is told at listen, and the primary goes on (${policy})`, () => {
        const { stderr, told } = run<Listened>(way, 'cluster.cjs', JSON.stringify({ policy, listens: true }));
        deepEqual([told.status, told.body, stderr], [0, 'the primary', '']);
        for (const kind of ['net', 'http', 'dgram', 'again']) {
          const [code, syscall, address, message] = (told.told ?? {})[kind] as string[];
          deepEqual([kind, code, syscall, address], [kind, 'ENOTSUP', 'bind', kind === 'again' ? null : '127.0.0.1']);
          match(message as string, NOT_SHARED);
        }
        deepEqual([told.told?.['exclusive'], told.told?.['exclusive dgram']], ['listening', 'listening']);
      });
    }

    test('a worker of cluster that does not listen to errors ends by them, and the primary goes on', () => {
      const { stderr, told } = run<Listened>(way, 'cluster.cjs', JSON.stringify({ policy: 'round robin', listens: false }));
      deepEqual(told, { told: null, status: 1, body: 'the primary' });
      match(stderr, /Error: sockscape: a worker of node:cluster cannot share a port/);
    });
  });
}

test('on the machine the workers of cluster listen', { timeout: 60_000 }, () => {
  const { told } = run<Listened>(MACHINE, 'cluster.cjs', JSON.stringify({ policy: 'round robin', listens: true }));
  deepEqual(told, {
    told: { net: 'listening', http: 'listening', dgram: 'listening', again: 'listening', exclusive: 'listening', 'exclusive dgram': 'listening' },
    status: 0, body: 'the primary',
  });
});

for (const [name, way] of Object.entries({ machine: MACHINE, '--import': WAYS['--import'], 'in place': WAYS['in place'] })) {
  test(`a worker on the machine's sockets shares those of its primary, ${name}`, { timeout: 60_000 }, () => {
    deepEqual(run(way, 'machine-workers.cjs').told, ['worker', 'to myself']);
  });
}

for (const [name, isOurs] of [['machine', false], ['ours', true]] as const) {
  test(`a child is sent sockets of the machine and uses them, ${name}`, { timeout: 60_000 }, () => {
    deepEqual(run(MACHINE, 'machine-parent.cjs', name).told, [`child, host with ${isOurs}`, 'accepted by the child']);
  });
}

test('the programs of a world that runs in a worker of cluster listen on their hosts', { timeout: 60_000 }, () => {
  const { stderr, told } = run(MACHINE, 'world.mjs');
  deepEqual(told, ['of the world', 'datagram', false, true], stderr);
  ok(!stderr.includes('sockscape:'), stderr);
});
