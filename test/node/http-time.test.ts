/**
 * What Node's net, http and http2 tell and judge of the time by themselves, in a world: the `Date:` headers, the idle
 * timeouts of sockets, headersTimeout, requestTimeout, keepAliveTimeout, the timeouts of requests and agents.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { MEETINGS, meet, SimFolder, writeProgram } from './sim-process.ts';

const folder = new SimFolder();

writeProgram(folder, 'http', ['net = node:net', 'http = node:http', 'http2 = node:http2', '{ setTimeout: sleep } = node:timers/promises', '{ once } = node:events'],
  `async ({ tell, world, client, server }) => {
  const seconds = () => Math.round(world.now / 1e5) / 10;
  await server.run(async () => {
    const web = http.createServer({ connectionsCheckingInterval: 1000 }, (request, response) => {
      if (request.url === '/own') response.setHeader('Date', 'mine');
      if (request.url === '/array') response.writeHead(200, ['date', 'in an array', 'x', 'y']);
      if (request.url === '/object') response.writeHead(200, { DATE: 'in an object' });
      if (request.url === '/none') response.sendDate = false;
      if (request.url === '/slow') return;
      response.end(request.url);
    });
    web.keepAliveTimeout = 5000;
    if ('keepAliveTimeoutBuffer' in web) web.keepAliveTimeoutBuffer = 1000;
    web.headersTimeout = 20_000;
    web.requestTimeout = 50_000;
    web.listen(80);
    net.createServer((socket) => { socket.setTimeout(7000, () => socket.end('bye')); socket.resume(); }).listen(81);
    const h2 = http2.createServer();
    h2.on('stream', (stream, headers) => {
      const path = headers[':path'];
      if (path === '/own') stream.respond({ date: 'mine' });
      else if (path === '/none') stream.respond({}, { sendDate: false });
      else if (path === '/empty') stream.respond();
      else stream.respond({ ':status': 201, a: 'b' });
      stream.end();
    });
    h2.listen(82);
    http2.createServer((request, response) => response.end('compat')).listen(83);
    h2.on('session', (session) => {
      session.setTimeout(90_000, () => session.close());
      session.on('ping', (payload) => tell('payload', payload.toString('hex')));
    });
  });
  await client.run(async () => {
    const get = (path, options = {}) => new Promise((done, fail) => {
      http.get({ host: '10.0.1.2', path, ...options }, (response) => { response.resume(); const { socket } = response; response.on('end', () => done({ response, socket })); }).on('error', fail);
    });
    const dates = [];
    for (const path of ['/', '/', '/own', '/array', '/object', '/none']) {
      const { response } = await get(path, { agent: false });
      dates.push(response.headers.date ?? '-');
      if (path === '/') { tell('order', response.rawHeaders.filter((_, i) => i % 2 === 0).slice(0, 2)); await sleep(3_599_000 - world.now % 1e6 / 1000); }
    }
    tell('dates', dates);
    // Connections that begin and never end their message.
    const silent = async (text) => {
      const began = world.now;
      const socket = net.connect(80, '10.0.1.2');
      let answer = '';
      socket.on('data', (data) => { answer += data; });
      await once(socket, 'connect');
      if (text) socket.write(text);
      await once(socket, 'close');
      return [Math.ceil((world.now - began) / 1e6), answer.split('\\r\\n')[0]];
    };
    tell('silent', await silent(''));
    tell('headers', await silent('GET / HTTP/1.1\\r\\nHost: x\\r\\n'));
    tell('body', await silent('POST /slow HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nabc'));
    // A message that is in time, then another one that is not, on one connection.
    const socket = net.connect(80, '10.0.1.2');
    await once(socket, 'connect');
    socket.resume();
    await sleep(15_000);
    socket.write('GET /1 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');
    await sleep(4_000);
    const second = seconds();
    socket.write('GET /2 HTTP/1.1\\r\\n');
    // Not so slow that it looks idle.
    const drip = setInterval(() => socket.write('x: y\\r\\n'), 4000);
    await once(socket, 'close');
    clearInterval(drip);
    tell('second', Math.ceil(seconds() - second));
    // An idle connection that is kept alive.
    const agent = new http.Agent({ keepAlive: true });
    const kept = await get('/', { agent });
    const idle = seconds();
    await once(kept.socket, 'close');
    tell('kept', Math.round(seconds() - idle));
    // Timeouts of a request, an agent and a socket.
    const asked = seconds();
    await new Promise((done) => {
      const request = http.get({ host: '10.0.1.2', path: '/slow', timeout: 3000, agent: false }, () => {});
      request.on('timeout', () => { tell('request', Math.round(seconds() - asked)); request.destroy(); });
      request.on('error', done);
    });
    const asked2 = seconds();
    await new Promise((done) => {
      const request = http.get({ host: '10.0.1.2', path: '/slow', agent: new http.Agent({ timeout: 4000 }) }, () => {});
      request.on('timeout', () => { tell('agent', Math.round(seconds() - asked2)); request.destroy(); });
      request.on('error', done);
    });
    const idleSocket = net.connect(81, '10.0.1.2');
    await once(idleSocket, 'connect');
    const connected = seconds();
    await sleep(5000);
    idleSocket.write('x');
    await once(idleSocket.resume(), 'close');
    tell('socket', Math.round(seconds() - connected));
    // http2
    const session = http2.connect('http://10.0.1.2:82');
    const ask = async (path, on = session) => {
      const stream = on.request({ ':path': path });
      stream.resume();
      const [headers] = await once(stream, 'response');
      return headers.date ?? '-';
    };
    tell('http2', [await ask('/'), await ask('/own'), await ask('/none'), await ask('/empty')].map((date) => date.replace(/\\d\\d:\\d\\d GMT/, '')));
    tell('exact', await ask('/') === new Date().toUTCString());
    const pinged = Buffer.alloc(8);
    pinged.writeBigUInt64LE(BigInt(world.now) * 1000n);
    tell('ping', await new Promise((done) => session.ping((error, ms, payload) => done([error, ms, payload.equals(pinged), pinged.toString('hex')]))));
    const quiet = seconds();
    await once(session, 'close');
    tell('session', Math.round(seconds() - quiet));
    const compat = http2.connect('http://10.0.1.2:83');
    tell('compat', await ask('/', compat) === new Date().toUTCString());
    compat.close();
    // Happy eyeballs: the first address is silent.
    const eyes = net.connect({ port: 81, host: 'two', lookup: (_, options, done) => done(null, [{ address: '10.0.1.99', family: 4 }, { address: '10.0.1.2', family: 4 }]), autoSelectFamily: true });
    const looked = world.now;
    await once(eyes, 'connect');
    tell('eyes', Math.round((world.now - looked) / 1e4) / 100);
    eyes.destroy();
  });
}`);

const RUN = `
  const told = {};
  const began = performance.now();
  await sim.simulate({ seed: 1 }, async (world) => {
    const client = world.host('client'), server = world.host('server');
    world.cable(client, server, { delayUs: 1000 });
    await program({ tell: (what, value) => { told[what] = value; }, world, client, server });
  });
  console.log(JSON.stringify(told));`;

for (const meeting of MEETINGS) {
  test(`http: ${meeting.kind}, loaded ${meeting.when} sockscape`, () => {
    const told = folder.result<Record<string, unknown>>(meet('http', meeting, RUN));
    deepEqual(told['dates'], [
      'Thu, 01 Jan 2026 00:00:00 GMT', 'Thu, 01 Jan 2026 00:59:59 GMT', 'mine', 'in an array', 'in an object', '-',
    ]);
    deepEqual(told['order'], ['Date', 'Connection']);
    // Looked at every second, from when the server listened: the first look behind the limit.
    deepEqual(told['silent'], [21, 'HTTP/1.1 408 Request Timeout']);
    deepEqual(told['headers'], [21, 'HTTP/1.1 408 Request Timeout']);
    deepEqual(told['body'], [51, 'HTTP/1.1 408 Request Timeout']);
    equal(told['second'], 21);
    // keepAliveTimeout and the second that Node adds to it.
    equal(told['kept'], 6);
    equal(told['request'], 3);
    equal(told['agent'], 4);
    equal(told['socket'], 12);
    deepEqual(told['http2'], ['Thu, 01 Jan 2026 02:', 'mine', '-', 'Thu, 01 Jan 2026 02:']);
    equal(told['exact'], true);
    const [error, pingMs, isTheirs, pinged] = told['ping'] as [null, number, boolean, string];
    equal(error, null);
    // Node writes its clock into a ping: it is the world's.
    deepEqual([told['payload'], isTheirs], [pinged, true]);
    ok(pingMs >= 2 && Number.isInteger(pingMs), `${pingMs}`);
    equal(told['session'], 90);
    equal(told['compat'], true);
    equal(told['eyes'], 0.25);
  });
}

test('http2: the ping of a client whose server is in no program of this process follows the world, too', () => {
  const told = folder.result<Record<string, unknown>>(`
    import { once } from 'node:events';
    import { simulate } from './sim.mjs';
    const frame = (type, flags, payload) => Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, 0]), payload]);
    const pings = [];
    // The server's end by hand: a class of http2's sessions has not come to any server here.
    const told = await simulate({ seed: 1 }, async (world) => {
      const client = world.host('client'), server = world.host('server');
      world.cable(client, server, { delayUs: 1000 });
      const { default: net } = await import('node:net');
      await server.run(() => void net.createServer((socket) => {
        let bytes = Buffer.alloc(0);
        let isGreeted = false;
        socket.on('error', () => {});
        socket.on('data', (data) => {
          bytes = Buffer.concat([bytes, data]);
          if (!isGreeted && bytes.length >= 24) {
            isGreeted = true;
            bytes = bytes.subarray(24);
            socket.write(frame(4, 0, Buffer.alloc(0)));
          }
          while (isGreeted && bytes.length >= 9) {
            const length = bytes.readUIntBE(0, 3);
            if (bytes.length < 9 + length) break;
            const [type, payload] = [bytes[3], bytes.subarray(9, 9 + length)];
            bytes = bytes.subarray(9 + length);
            if (type === 6) {
              pings.push(payload.readBigUInt64LE().toString());
              socket.write(frame(6, 1, payload));
            }
          }
        });
      }).listen(80));
      return client.run(async () => {
        const http2 = await import('node:http2');
        const session = http2.connect('http://server');
        await once(session, 'remoteSettings');
        const began = world.now;
        const ms = await new Promise((done) => session.ping((error, took) => done(took)));
        session.destroy();
        return { ms, took: (world.now - began) / 1000, began: String(began * 1000) };
      });
    });
    console.log(JSON.stringify({ ...told, pings }));`);
  deepEqual([told['ms'], told['pings']], [told['took'], [told['began']]]);
  ok((told['ms'] as number) >= 2);
});
