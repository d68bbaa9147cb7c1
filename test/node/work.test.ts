/**
 * Real work in flight holds a world's clock, and its ends come in the order of its beginnings: files, crypto, webcrypto,
 * compression, WebAssembly, imports, messages between ports.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { MEETINGS, meet, SimFolder, writeProgram } from './sim-process.ts';

const folder = new SimFolder();
folder.write('imported.mjs', 'export default 7;');

writeProgram(folder, 'work', [
  'fs = node:fs', 'crypto = node:crypto', 'zlib = node:zlib', '{ promisify } = node:util', '{ pipeline } = node:stream/promises',
  '{ setTimeout: sleep } = node:timers/promises', '{ Readable } = node:stream',
], `async ({ tell, world, client }) => client.run(async () => {
  const file = process.argv[1];
  const callback = (fn, ...args) => promisify(fn)(...args);
  const wasm = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  const ways = {
    'fs.readFile': () => callback(fs.readFile, file),
    'fs.promises': async () => { const handle = await fs.promises.open(file); await handle.stat(); await handle.read(Buffer.alloc(10)); await handle.close(); },
    'fs.createReadStream': async () => { for await (const _ of fs.createReadStream(file, { highWaterMark: 100 })); },
    'fs.opendir': async () => { for await (const _ of await fs.promises.opendir('.')); },
    'fs.writeFile': async () => { await fs.promises.writeFile('written', 'x'.repeat(100000)); await fs.promises.rm('written'); },
    pbkdf2: () => callback(crypto.pbkdf2, 'a', 'b', 20000, 20, 'sha256'),
    scrypt: () => callback(crypto.scrypt, 'a', 'b', 20),
    hkdf: () => callback(crypto.hkdf, 'sha256', 'a', 'b', 'c', 20),
    generateKeyPair: async () => { const { privateKey } = await callback(crypto.generateKeyPair, 'rsa', { modulusLength: 1024 }); if (!privateKey) throw new Error('no pair'); },
    generateKey: () => callback(crypto.generateKey, 'hmac', { length: 64 }),
    checkPrime: () => callback(crypto.checkPrime, 97n),
    generatePrime: () => callback(crypto.generatePrime, 128),
    sign: async () => {
      const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
      const made = await new Promise((done, fail) => crypto.sign(null, Buffer.from('x'), privateKey, (error, value) => (error ? fail(error) : done(value))));
      if (!await new Promise((done) => crypto.verify(null, Buffer.from('x'), publicKey, made, (_, good) => done(good)))) throw new Error('bad signature');
    },
    'subtle.digest': () => globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(1e6)),
    'subtle.deriveBits': async () => {
      const key = await crypto.webcrypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
      await crypto.webcrypto.subtle.deriveBits({ name: 'PBKDF2', salt: new Uint8Array(8), iterations: 10000, hash: 'SHA-256' }, key, 128);
    },
    'zlib.gzip': async () => { const packed = await callback(zlib.gzip, 'x'.repeat(1e6)); if ((await callback(zlib.gunzip, packed)).length !== 1e6) throw new Error('zlib'); },
    'zlib.brotli': async () => { await callback(zlib.brotliDecompress, await callback(zlib.brotliCompress, 'x'.repeat(1e5))); },
    'zlib streams': async () => { let n = 0; await pipeline(Readable.from([Buffer.alloc(1e5), Buffer.alloc(1e5)]), zlib.createDeflate(), zlib.createInflate(), async (source) => { for await (const part of source) n += part.length; }); if (n !== 2e5) throw new Error('streams'); },
    CompressionStream: async () => { await new Response(new Blob(['x'.repeat(1e5)]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(); },
    'WebAssembly.compile': () => WebAssembly.compile(wasm),
    'WebAssembly.instantiate': () => WebAssembly.instantiate(wasm),
    import: async () => { if ((await import('./imported.mjs?' + Math.random())).default !== 7) throw new Error('import'); },
    MessageChannel: () => new Promise((done) => { const { port1, port2 } = new MessageChannel(); port2.onmessage = ({ data }) => { port2.close(); if (data === 5) done(); }; port1.postMessage(5); }),
  };
  const held = {};
  for (const [name, work] of Object.entries(ways)) {
    const before = world.now;
    // Would be over at once if the world's time moved.
    let isLate = false;
    const timer = setTimeout(() => { isLate = true; }, 1);
    await work();
    held[name] = [isLate, world.now - before];
    clearTimeout(timer);
  }
  tell('held', held);
  // What fails, ends too: time goes on.
  const failed = [];
  await callback(fs.readFile, '/none').catch(({ code }) => failed.push(code));
  await callback(zlib.gunzip, 'no gzip').catch(({ code }) => failed.push(code));
  await WebAssembly.compile(Uint8Array.of(1)).catch(({ name }) => failed.push(name));
  try { crypto.pbkdf2('a', 'b', 0, 1, 'sha1', () => {}); } catch ({ code }) { failed.push(code); }
  const stream = zlib.createGzip(); stream.write(Buffer.alloc(1e6)); stream.destroy();
  await sleep(1000);
  tell('failed', failed);
  // The order of ends is that of beginnings, however long each takes.
  const order = [];
  await Promise.all([
    callback(crypto.pbkdf2, 'a', 'b', 100000, 20, 'sha256').then(() => order.push('long')),
    callback(fs.stat, file).then(() => order.push('stat')),
    callback(crypto.pbkdf2, 'a', 'b', 50000, 20, 'sha256').then(() => order.push('middle')),
    callback(zlib.deflate, 'x').then(() => order.push('zlib')),
    globalThis.crypto.subtle.digest('SHA-1', new Uint8Array(1)).then(() => order.push('digest')),
    fs.promises.stat(file).then(() => order.push('promise')),
    callback(crypto.pbkdf2, 'a', 'b', 1, 20, 'sha256').then(() => order.push('short')),
  ]);
  tell('order', order);
})`);

const RUN = `
  const told = {};
  const began = Date.now();
  await sim.simulate({ seed: 1 }, (world) => program({ tell: (what, value) => { told[what] = value; }, world, client: world.host('client') }));
  console.log(JSON.stringify(told));`;

for (const meeting of MEETINGS) {
  test(`work holds the clock: ${meeting.kind}, loaded ${meeting.when} sockscape`, () => {
    // In an ES module Node itself has used its pool before any code runs: there the variable has to be set before.
    const told = folder.result<Record<string, unknown>>(meet('work', meeting, RUN), ['--no-warnings'], { UV_THREADPOOL_SIZE: '1' });
    const held = told['held'] as Record<string, unknown>;
    equal(Object.keys(held).length, 23);
    deepEqual(held, Object.fromEntries(Object.keys(held).map((name) => [name, [false, 0]])));
    deepEqual(told['failed'], ['ENOENT', 'Z_DATA_ERROR', 'CompileError', 'ERR_OUT_OF_RANGE']);
    deepEqual(told['order'], [
      'long', 'stat', 'middle', 'digest', 'promise', 'short',
      // Several pieces one after the other.
      'zlib',
    ]);
  });
}
